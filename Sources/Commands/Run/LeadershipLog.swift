internal import Controller
internal import Logging
internal import Synchronization

/// Whether this controller holds its fleet's lease, for probes, metrics and the log.
final class LeadershipLog: Sendable {
  private let state = Mutex<ControllerService.Leadership?>(nil)
  private let metrics: ControllerMetrics
  private let log: Logger

  init(metrics: ControllerMetrics, log: Logger) {
    self.metrics = metrics
    self.log = log
  }

  var current: ControllerService.Leadership? { state.withLock { $0 } }

  func note(_ standing: ControllerService.Leadership) {
    state.withLock { $0 = standing }
    switch standing {
    case .active:
      metrics.leads(true)
      log.info("holding the fleet's lease")
    case .standby(let holder):
      metrics.leads(false)
      log.notice("standing by: the fleet's lease is held by \(holder ?? "another controller")")
    }
  }
}
