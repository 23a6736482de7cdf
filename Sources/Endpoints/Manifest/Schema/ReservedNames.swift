/// Names that are reserved for Setpoint.
package enum ReservedNames {
  /// The prefix of the tags that hold a fleet's shared memory.
  package static let tagPrefix = "setpoint-"
  /// The prefix of the environment variables between Setpoint and its replicas.
  package static let environmentPrefix = "SETPOINT_"
}
