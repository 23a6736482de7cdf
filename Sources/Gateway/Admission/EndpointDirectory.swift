import Synchronization

/// An endpoint that can be queried: its name and the way to its replicas.
package struct QueryableEndpoint: Sendable {
  package let name: String
  /// Unix time in seconds, for the list of models.
  package let created: Int64
  package let admission: EndpointAdmission
  /// Its rate limits, and what is recorded of its queries.
  package let rules: QueryRules

  package init(name: String, created: Int64, admission: EndpointAdmission, rules: QueryRules = QueryRules()) {
    self.name = name
    self.created = created
    self.admission = admission
    self.rules = rules
  }
}

/// The directory in which the gateway looks up endpoints, once per request: it must answer from memory.
package protocol EndpointDirectory: Sendable {
  /// The endpoint of that name; nil if not found.
  func endpoint(named name: String) -> QueryableEndpoint?
  /// All endpoints, in listing order.
  var endpoints: [QueryableEndpoint] { get }
}

/// An in-memory directory.
package final class EndpointTable: EndpointDirectory {
  private let entries = Mutex<[String: QueryableEndpoint]>([:])

  package init() {}

  package func endpoint(named name: String) -> QueryableEndpoint? { entries.withLock { $0[name] } }

  package var endpoints: [QueryableEndpoint] {
    entries.withLock { Array($0.values) }.sorted { $0.name < $1.name }
  }

  /// Adds an endpoint, or replaces the one with that name.
  package func insert(_ endpoint: QueryableEndpoint) { entries.withLock { $0[endpoint.name] = endpoint } }

  /// Removes an endpoint. Its waiting requests stay in its admission, which has to refuse them.
  package func remove(_ name: String) { entries.withLock { $0[name] = nil } }
}
