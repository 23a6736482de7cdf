import HTTPSupport
import Scheduling

/// A request for a slot at one of an endpoint's replicas.
struct AdmissionRequest: Sendable {
  /// Who sent it. Waiting principals take turns.
  let principal: Principal
  /// The served entity that it must go to; nil if the traffic split decides.
  let entity: String?
  /// The size of its body.
  let bytes: Int
  /// The hash of what it has in common with the requests that should go to the same replica; nil if nothing.
  let affinity: UInt64?
  /// How long its client lets it wait; nil if the client sets no bound.
  let maxWait: Duration?
}

/// A slot at a replica, held until ``EndpointAdmission/finish(_:)``.
struct AdmissionTicket: Sendable {
  let id: AdmissionQueue.RequestID
  let replica: UpstreamReplica
  /// Whether the request has waited for its entity's first replica.
  let hasMetNoReplica: Bool
}

/// How a request's wait for a slot ended.
enum Admission: Sendable {
  case admitted(AdmissionTicket)
  case refused(AdmissionRefusal)
}

/// The current load of an endpoint.
package struct AdmissionSnapshot: Hashable, Sendable {
  /// Requests waiting for a slot.
  package let waiting: Int
  /// Requests at replicas.
  package let inFlight: Int
  /// Requests at each replica.
  package let inFlightByReplica: [String: Int]
  /// Whether a request waits that no current replica can take.
  package let needsReplica: Bool
  /// The served entities that requests need and of which no replica takes requests.
  package let awaited: Set<String>
  /// The requests that wait for each served entity or are at its replicas, except at those that get no new ones.
  package let requests: [String: Int]
  /// How long nothing has waited or been in flight; nil while something does.
  package let idleFor: Duration?
}
