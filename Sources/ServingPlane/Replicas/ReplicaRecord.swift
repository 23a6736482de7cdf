/// What is kept of a replica so that a plane which was killed finds it again.
struct ReplicaRecord: Hashable, Codable, Sendable, Identifiable {
  /// 16 hex digits, never used twice.
  let id: String
  /// The endpoint's id, not its name: a name can be used again.
  let endpoint: String
  let launch: LaunchConfig
  /// The config version for which it was started.
  let configVersion: Int64
  let port: Int
  /// The GPUs it was given.
  let devices: [Int]
  /// Its own directory: output, and what belongs to it alone.
  let directory: String
  /// Its `TMPDIR`.
  let temporary: String
  /// Where it runs: the version's artifacts.
  let workingDirectory: String
  /// Milliseconds since 1970.
  let created: Int64
  /// Nil until it was started.
  var process: ProcessTable.Identity?
  /// Whether it has ever been ready.
  var wasReady = false
  /// The names by which it can be asked; nil until it is ready, and where an earlier version wrote the record.
  var models: [String]?
  /// Its files under `/dev/shm`, as last seen: after its death nobody can tell whose they were.
  var sharedMemory: Set<String> = []
  /// Why it is over, once it is over for a reason of its own.
  var failure: ReplicaFailure?
  /// Milliseconds since 1970 at which it was over.
  var ended: Int64?

  /// The file that holds its output, both streams.
  var outputPath: String { directory + "/output.log" }
}
