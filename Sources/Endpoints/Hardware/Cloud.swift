/// The cloud that a workspace runs in, which decides what its hardware words mean. A serving plane is in none.
package enum Cloud: String, Hashable, Sendable, CaseIterable {
  case aws
  case azure
  case gcp
  /// A workspace behind an address that does not tell.
  case unknown

  /// The cloud that a person or a profile names: `aws`, `azure`, `gcp` in any case.
  package init?(word: String) {
    guard let cloud = Self.named.first(where: { $0.rawValue == word.lowercased() }) else { return nil }
    self = cloud
  }

  /// The clouds that have a name of their own.
  package static let named: [Cloud] = [.aws, .azure, .gcp]

  /// The cloud of a provider's address (serving-api.md 6.2); nil where the address is none of Databricks' own: it may
  /// be a plane's, or a workspace's own name.
  ///
  /// - Parameter url: such as `https://adb-1.2.azuredatabricks.net`.
  package init?(url: String) {
    let authority = url.split(separator: "/").dropFirst(url.contains("://") ? 1 : 0).first ?? ""
    let host = authority.prefix { $0 != ":" }.lowercased()
    guard let known = Self.hosts.first(where: { host.hasSuffix($0.suffix) }) else { return nil }
    self = known.cloud
  }

  /// The more particular name before the one it ends with.
  private static let hosts: [(suffix: String, cloud: Cloud)] = [
    (".gcp.databricks.com", .gcp), (".cloud.databricks.com", .aws), (".azuredatabricks.net", .azure),
    (".databricks.us", .aws), (".databricks.azure.us", .azure), (".databricks.azure.cn", .azure),
    (".databricks.com", .unknown),
  ]

  /// As people write it.
  package var name: String {
    switch self {
    case .aws: "AWS"
    case .azure: "Azure"
    case .gcp: "GCP"
    case .unknown: "this workspace's cloud"
    }
  }
}

/// The workspace that a manifest is meant for, as far as its hardware goes.
package struct WorkspaceSite: Hashable, Sendable {
  package let cloud: Cloud
  /// The cloud's word for the region, such as `us-west-2`; the API does not tell it, so it is known only where a person says it.
  package let region: String?

  package init(_ cloud: Cloud, region: String? = nil) {
    self.cloud = cloud
    self.region = region
  }
}
