internal import Controller
internal import History
internal import Planning

extension FleetStatus {
  /// The same with what the fleet's lease says of its controller: a process that was killed cannot say that it stopped, but
  /// the kernel gives its lock back at once.
  ///
  /// - Parameter directory: where the controller's word was read.
  func withLease(in directory: StateDirectory) -> FleetStatus {
    let now = Surroundings.current.now
    let lease = FileLease(
      directory: directory.path, provider: target, fleet: fleet, now: { Timestamp(milliseconds: now()) })
    let isRunning: Bool? =
      switch lease.holding() {
      case .held: true
      case .free: false
      case .unknown: nil
      }
    return FleetStatus(
      fleet: fleet, target: target, lastSync: lastSync, report: report, endpoints: endpoints,
      isControllerRunning: isRunning)
  }
}
