import Endpoints
import Scheduling

/// How an endpoint takes requests on this plane: what its own config says, otherwise the plane's options.
struct PlaneSettings: Hashable, Sendable {
  /// How long no request may arrive before all replicas stop, if the endpoint scales to zero.
  var idleAfter: Duration = .seconds(30 * 60)
  /// The maximum number of concurrent requests per replica; nil for as many as its engine batches.
  var concurrency: Int?
  /// How many requests may wait, and for how long.
  var admission = AdmissionPolicy()
  /// The maximum size of all queued requests.
  var queueBytes = 64 << 20
  var affinity = PlaneArguments.Affinity.leastWork

  /// Returns the settings with those of an endpoint's config where it has any.
  func overridden(by own: PlaneArguments) -> PlaneSettings {
    var settings = self
    settings.idleAfter = own.idleAfter ?? idleAfter
    settings.concurrency = own.concurrency ?? concurrency
    settings.admission.maxWaiting = own.queueLength ?? admission.maxWaiting
    settings.admission.maxWait = own.queueWait ?? admission.maxWait
    settings.queueBytes = own.queueBytes ?? queueBytes
    settings.affinity = own.affinity ?? affinity
    return settings
  }
}
