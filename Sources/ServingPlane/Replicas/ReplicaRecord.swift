/// The stored record of a replica, by which a plane finds it again after being killed.
struct ReplicaRecord: Hashable, Codable, Sendable, Identifiable {
  /// 16 hex digits, never reused.
  let id: String
  /// The endpoint's id, not its name: a name can be reused.
  let endpoint: String
  let launch: LaunchConfig
  /// The config version for which it was started.
  let configVersion: Int64
  let port: Int
  /// The GPUs assigned to it.
  let devices: [Int]
  /// Its own directory: output, and its other files.
  let directory: String
  /// Its `TMPDIR`.
  let temporary: String
  /// Its working directory: the version's artifacts.
  let workingDirectory: String
  /// Milliseconds since 1970.
  let created: Int64
  /// Nil until it is started.
  var process: ProcessTable.Identity?
  /// Whether it has ever been ready.
  var wasReady = false
  /// The names by which it can be queried; nil until it is ready, or if an earlier version wrote the record.
  var models: [String]?
  /// Its files under `/dev/shm`, as last seen: after its death their owner is unknown.
  var sharedMemory: Set<String> = []
  /// Why it ended, if it ended by itself.
  var failure: ReplicaFailure?
  /// When it ended, in milliseconds since 1970.
  var ended: Int64?

  /// The file with its output, from both streams.
  var outputPath: String { directory + "/output.log" }
}
