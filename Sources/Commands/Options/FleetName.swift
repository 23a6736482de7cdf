/// The fleet if `--fleet` is not given.
enum FleetName {
  /// The value of `SETPOINT_FLEET`; nil if it is empty or not set.
  static var ofEnvironment: String? {
    CommandContext.current.environment["SETPOINT_FLEET"].flatMap { $0.isEmpty ? nil : $0 }
  }
}
