internal import Controller
internal import History
internal import Planning

extension FleetStatus {
  /// Returns the status with what the fleet's lease says about its controller: a killed process cannot report that it
  /// stopped, but the kernel releases its lock at once.
  ///
  /// - Parameter directory: where the controller's status was read.
  func withLease(in directory: StateDirectory) -> FleetStatus {
    let now = CommandContext.current.now
    let lease = FileLease(
      directory: directory.path, provider: target, fleet: fleet, now: { Timestamp(milliseconds: now()) })
    let isRunning: Bool? =
      switch lease.status() {
      case .held: true
      case .free: false
      case .unknown: nil
      }
    return FleetStatus(
      fleet: fleet, target: target, lastSync: lastSync, report: report, endpoints: endpoints,
      isControllerRunning: isRunning)
  }
}
