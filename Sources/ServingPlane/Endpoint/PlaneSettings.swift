import Endpoints
import Scheduling

/// How an endpoint takes requests on this plane: what its own config says, otherwise the plane's options.
struct PlaneSettings: Hashable, Sendable {
  /// How long the endpoint must be idle before all replicas stop, if it scales to zero.
  var idleAfter: Duration = .seconds(30 * 60)
  /// The maximum number of concurrent requests per replica; nil for as many as its engine batches.
  var concurrency: Int?
  /// How many requests may wait, for how long, and which replica takes them.
  var admission = AdmissionPolicy()

  /// Returns the settings, overridden by those of an endpoint's config.
  func overridden(by own: PlaneArguments) -> PlaneSettings {
    var settings = self
    settings.idleAfter = own.idleAfter ?? idleAfter
    settings.concurrency = own.concurrency ?? concurrency
    settings.admission.maxWaiting = own.queueLength ?? admission.maxWaiting
    settings.admission.maxWait = own.queueWait ?? admission.maxWait
    settings.admission.queueBytes = own.queueBytes ?? admission.queueBytes
    settings.admission.affinity = own.affinity.map(ReplicaAffinity.init) ?? admission.affinity
    return settings
  }
}

extension ReplicaAffinity {
  fileprivate init(_ affinity: PlaneArguments.Affinity) {
    self =
      switch affinity {
      case .leastWork: .none
      case .prefix: .prefix
      case .session: .session
      }
  }
}
