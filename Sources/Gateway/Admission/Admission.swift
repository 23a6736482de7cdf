import HTTPSupport
import Scheduling

/// What a request for a place says.
struct AdmissionRequest: Sendable {
  /// Who sent it.
  let principal: Principal
  /// The served entity that it must go to; nil if the traffic split decides.
  let entity: String?
}

/// A place at a replica, held until ``EndpointAdmission/finish(_:)``.
struct AdmissionTicket: Sendable {
  let id: AdmissionQueue.RequestID
  let replica: UpstreamReplica
}

/// How a request's wait for a place ended.
enum Admission: Sendable {
  case admitted(AdmissionTicket)
  case refused(AdmissionRefusal)
}

/// The current load of an endpoint.
package struct AdmissionSnapshot: Hashable, Sendable {
  /// Requests waiting for a place.
  package let waiting: Int
  /// Requests at replicas.
  package let inFlight: Int
  /// Requests at each replica.
  package let inFlightByReplica: [String: Int]
  /// Requests that wait or are in flight, by the name of the principal who sent them.
  package let requestsByPrincipal: [String: Int]
  /// Whether a request waits that no current replica can take.
  package let needsReplica: Bool
  /// How long nothing has waited or been in flight; nil while something does.
  package let idleFor: Duration?
}
