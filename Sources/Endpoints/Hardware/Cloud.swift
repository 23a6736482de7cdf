/// The cloud that a workspace runs in, which determines the meaning of its hardware names. A serving plane has none.
package enum Cloud: String, Hashable, Sendable, CaseIterable {
  case aws
  case azure
  case gcp
  /// The cloud of a workspace whose address does not show it.
  case unknown

  /// Creates a cloud from a name given by a user or a profile: `aws`, `azure` or `gcp` in any case.
  package init?(word: String) {
    guard let cloud = Self.named.first(where: { $0.rawValue == word.lowercased() }) else { return nil }
    self = cloud
  }

  /// The clouds with a name.
  package static let named: [Cloud] = [.aws, .azure, .gcp]

  /// Creates the cloud of a provider's address (serving-api.md 6.2); nil if the address is not one of Databricks' own:
  /// it may be a plane's, or a workspace's custom name.
  ///
  /// - Parameter url: such as `https://adb-1.2.azuredatabricks.net`.
  package init?(url: String) {
    let authority = url.split(separator: "/").dropFirst(url.contains("://") ? 1 : 0).first ?? ""
    let host = authority.prefix { $0 != ":" }.lowercased()
    guard let known = Self.hosts.first(where: { host.hasSuffix($0.suffix) }) else { return nil }
    self = known.cloud
  }

  /// The hosts, the more specific ones first.
  private static let hosts: [(suffix: String, cloud: Cloud)] = [
    (".gcp.databricks.com", .gcp), (".cloud.databricks.com", .aws), (".azuredatabricks.net", .azure),
    (".databricks.us", .aws), (".databricks.azure.us", .azure), (".databricks.azure.cn", .azure),
    (".databricks.com", .unknown),
  ]

  /// The cloud's display name.
  package var name: String {
    switch self {
    case .aws: "AWS"
    case .azure: "Azure"
    case .gcp: "GCP"
    case .unknown: "this workspace's cloud"
    }
  }
}

/// The cloud and region of the workspace that a manifest is meant for, which determine its hardware.
package struct WorkspaceSite: Hashable, Sendable {
  package let cloud: Cloud
  /// The cloud's name for the region, such as `us-west-2`. The API does not report it, so it is known only if a user
  /// sets it.
  package let region: String?

  package init(_ cloud: Cloud, region: String? = nil) {
    self.cloud = cloud
    self.region = region
  }
}
