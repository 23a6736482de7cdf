internal import CanonicalJSON
internal import LibCurl

extension ServingClient {
  /// Whether the target is a serving plane. The plane on this machine is known as one; any other says so in its public
  /// document about itself, which is requested without credentials. Without a clear response, the answer is false.
  package func isPlane() async -> Bool { await identifiesAsPlane() ?? false }

  /// The same; nil if the target did not return such a document.
  package func identifiesAsPlane() async -> Bool? {
    if target.isLocalPlane { return true }
    guard let body = await publicDocument(PlaneIdentification.document) else { return nil }
    return (try? JSONValue(parsing: body))?[PlaneIdentification.member]?.stringValue == PlaneIdentification.word
  }
}

/// How a serving plane identifies itself.
package enum PlaneIdentification {
  /// The document that Databricks' clients request from every host.
  package static let document = "/.well-known/databricks-config"
  package static let member = "served_by"
  package static let word = "setpoint"
}
