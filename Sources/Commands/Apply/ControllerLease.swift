internal import Controller
internal import History
internal import Planning

extension FileLease {
  /// Returns the state of a fleet's lease, for a command that does not acquire it.
  ///
  /// - Parameters:
  ///   - target: the provider's URL.
  ///   - directory: the state directory of the controller.
  static func status(of fleet: String, at target: String, in directory: StateDirectory) -> Status {
    let now = CommandContext.current.now
    return FileLease(
      directory: directory.path, provider: target, fleet: fleet, now: { Timestamp(milliseconds: now()) }
    ).status()
  }
}

extension FleetStatus {
  /// Returns the status with what the fleet's lease says about its controller: a killed process cannot report that it
  /// stopped, but the kernel releases its lock at once.
  ///
  /// - Parameter directory: where the controller's status was read.
  func withLease(in directory: StateDirectory) -> FleetStatus {
    let isRunning: Bool? =
      switch FileLease.status(of: fleet, at: target, in: directory) {
      case .held: true
      case .free: false
      case .unknown: nil
      }
    return FleetStatus(
      fleet: fleet, target: target, lastSync: lastSync, report: report, endpoints: endpoints,
      isControllerRunning: isRunning)
  }
}
