/// Which fleet is meant where no `--fleet` says so.
enum FleetName {
  /// What `SETPOINT_FLEET` says; nil where it is not set or empty.
  static var ofEnvironment: String? {
    Surroundings.current.environment["SETPOINT_FLEET"].flatMap { $0.isEmpty ? nil : $0 }
  }
}
