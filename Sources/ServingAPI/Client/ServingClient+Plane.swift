internal import CanonicalJSON
internal import LibCurl

extension ServingClient {
  /// Whether the target is a serving plane. The plane on this machine is known as one; any other says so in its public
  /// document about itself, which is requested without credentials. Without a clear response, the answer is false.
  package func isPlane() async -> Bool {
    target.isLocalPlane ? true : await says(PlaneIdentification.member, in: PlaneIdentification.document)
  }

  private func says(_ member: String, in document: String) async -> Bool {
    guard let body = await publicDocument(document), let json = try? JSONValue(parsing: body) else { return false }
    return json[member]?.stringValue == PlaneIdentification.word
  }
}

/// How a serving plane identifies itself.
package enum PlaneIdentification {
  /// The document that Databricks' clients request from every host.
  package static let document = "/.well-known/databricks-config"
  package static let member = "served_by"
  package static let word = "setpoint"
}
