import Gateway
import NIOCore

/// What the gateway knows of the plane's endpoints: their names, the replicas that answer for them, and the split of
/// their traffic. The gateway reads it at any time, without waiting for a change.
struct GatewayRoutes {
  /// The directory in which the gateway looks up endpoints.
  private let table: EndpointTable
  /// What applies to endpoints whose config does not say otherwise.
  private let defaults: PlaneSettings
  private let eventLoop: any EventLoop
  /// The bodies of the waiting requests of all endpoints.
  private let heldBytes: HeldBytes
  /// By the endpoint's ID; kept until the last replica of a deleted endpoint has ended.
  private var admissions: [String: EndpointAdmission] = [:]
  /// By the endpoint's ID, like the admissions.
  private var rules: [String: QueryRules] = [:]
  /// What was last published, by the endpoint's ID.
  private var published: [String: Routing] = [:]

  /// - Parameter heldBytes: the maximum size of the bodies of the waiting requests of all endpoints.
  init(table: EndpointTable, defaults: PlaneSettings, heldBytes: Int, eventLoop: any EventLoop) {
    self.table = table
    self.defaults = defaults
    self.heldBytes = HeldBytes(limit: heldBytes)
    self.eventLoop = eventLoop
  }

  /// The bytes of the bodies of requests that wait.
  var held: Int { heldBytes.held }

  /// The admission of an endpoint; nil if it is unknown.
  func admission(of endpoint: String) -> EndpointAdmission? { admissions[endpoint] }

  /// Adds an endpoint. Its requests wait, or are refused, until its routing is published.
  ///
  /// - Parameters:
  ///   - routing: its routing, of which everything except the replicas applies at once.
  ///   - demand: called, possibly often, when a request waits that no replica can take.
  ///   - trouble: called, possibly often, with a replica that does not take requests or has stalled.
  ///   - redact: removes the secrets of a replica from its server's error messages.
  mutating func add(
    _ record: EndpointRecord, _ routing: Routing, deploying: [String], demand: @escaping @Sendable () -> Void,
    trouble: @escaping @Sendable (_ replica: String) -> Void,
    redact: @escaping @Sendable (_ text: String, _ replica: String) async -> String
  ) {
    let admission = EndpointAdmission(
      policy: defaults.overridden(by: routing.plane).admission, eventLoop: eventLoop, heldBytes: heldBytes,
      demand: demand, trouble: trouble, redact: redact)
    admissions[record.id] = admission
    // So that its served entities are known before the plane has found its replicas.
    admission.setTraffic(routing.shares.map { ($0.entity, $0.weight) })
    admission.setUnavailable(reason: routing.unavailable)
    admission.setDeploying(deploying)
    let rules = QueryRules(record.settings.querySettings)
    self.rules[record.id] = rules
    table.insert(
      QueryableEndpoint(name: record.name, created: record.created / 1000, admission: admission, rules: rules))
  }

  /// Applies changed settings to the queries of an endpoint.
  func setSettings(_ settings: QuerySettings, of endpoint: String) { rules[endpoint]?.set(settings) }

  /// The targets whose replicas must be passed to ``publish(_:of:announcing:)`` with this routing.
  func announced(by routing: Routing, of endpoint: String) -> [Routing.Target] {
    routing.announced(since: published[endpoint] ?? Routing())
  }

  /// Publishes what has changed: first the replicas that can answer now, then those that get no new requests.
  mutating func publish(_ routing: Routing, of endpoint: String, announcing replicas: [UpstreamReplica]) {
    guard let admission = admissions[endpoint] else { return }
    let old = published[endpoint] ?? Routing()
    published[endpoint] = routing
    if routing.plane != old.plane { admission.setPolicy(defaults.overridden(by: routing.plane).admission) }
    for replica in replicas { admission.replicaReady(replica) }
    if routing.shares != old.shares { admission.setTraffic(routing.shares.map { ($0.entity, $0.weight) }) }
    admission.setUnavailable(reason: routing.unavailable)
    for target in routing.withdrawn(since: old) { admission.replicaDraining(target.replica) }
  }

  /// Sends a replica no new requests.
  func drain(_ replica: String, of endpoint: String) { admissions[endpoint]?.replicaDraining(replica) }

  /// Removes a deleted endpoint from the directory. Its requests continue.
  mutating func withdraw(_ record: EndpointRecord) {
    published[record.id] = nil
    table.remove(record.name)
  }

  /// Forgets a deleted endpoint whose last replica has ended.
  mutating func forget(_ endpoint: String) {
    admissions[endpoint] = nil
    rules[endpoint] = nil
  }

  /// Refuses the waiting requests of all endpoints, and new ones.
  func close() { for admission in admissions.values { admission.close() } }
}
