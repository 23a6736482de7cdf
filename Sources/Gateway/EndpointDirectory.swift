import Synchronization

/// An endpoint that can be asked: its name and the way to its replicas.
package struct QueryableEndpoint: Sendable {
  package let name: String
  /// Unix seconds, for the list of models.
  package let created: Int64
  package let admission: EndpointAdmission

  package init(name: String, created: Int64, admission: EndpointAdmission) {
    self.name = name
    self.created = created
    self.admission = admission
  }
}

/// Where the gateway looks endpoints up, once a request: it must answer from memory.
package protocol EndpointDirectory: Sendable {
  /// The endpoint of that name, or nil when there is none.
  func endpoint(named name: String) -> QueryableEndpoint?
  /// All endpoints, in the order in which they are listed.
  var endpoints: [QueryableEndpoint] { get }
}

/// A directory in memory.
package final class EndpointTable: EndpointDirectory {
  private let entries = Mutex<[String: QueryableEndpoint]>([:])

  package init() {}

  package func endpoint(named name: String) -> QueryableEndpoint? { entries.withLock { $0[name] } }

  package var endpoints: [QueryableEndpoint] {
    entries.withLock { Array($0.values) }.sorted { $0.name < $1.name }
  }

  /// Adds an endpoint, or replaces the one of that name.
  package func insert(_ endpoint: QueryableEndpoint) { entries.withLock { $0[endpoint.name] = endpoint } }

  /// Takes an endpoint out; who waits for it is refused when its admission is told so.
  package func remove(_ name: String) { entries.withLock { $0[name] = nil } }
}
