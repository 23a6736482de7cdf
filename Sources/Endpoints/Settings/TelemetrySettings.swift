internal import CanonicalJSON
internal import LibCrypto

/// Where logs, metrics and traces of an endpoint go: tables by name, or a profile that names them.
package struct TelemetrySettings: Hashable, Sendable {
  /// The table for logs, as `catalog.schema.table`, like the other two.
  package let logsTable: String?
  package let metricsTable: String?
  package let tracesTable: String?
  /// The share of requests whose payload is kept, from 0 to 1.
  package let samplingFraction: Double?
  package let profileID: String?

  package init(
    logsTable: String? = nil, metricsTable: String? = nil, tracesTable: String? = nil, samplingFraction: Double? = nil,
    profileID: String? = nil
  ) {
    self.logsTable = logsTable
    self.metricsTable = metricsTable
    self.tracesTable = tracesTable
    self.samplingFraction = samplingFraction
    self.profileID = profileID
  }

  /// The digest that identifies the settings when they are not reported: the server returns a profile's ID instead of
  /// the tables' names (serving-api.md Q21).
  package var digest: ConfigDigest {
    let texts = [
      "logsTable": logsTable, "metricsTable": metricsTable, "tracesTable": tracesTable, "profileId": profileID,
    ]
    var members = texts.compactMapValues { $0.map { JSONValue.string($0) } }
    if let samplingFraction { members["samplingFraction"] = .double(samplingFraction) }
    return ConfigDigest(SHA256.hash(JSONValue.object(members).bytes()))
  }
}
