import FoundationEssentials
import GRDB
import History
import Storage

/// Runs a test with a temporary directory, which is removed afterwards.
func withTemporaryDirectory<Value>(_ body: (String) async throws -> Value) async throws -> Value {
  let path = FileManager.default.temporaryDirectory.appending(path: "setpoint-history-\(UUID().uuidString)").path
  try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  defer { try? FileManager.default.removeItem(atPath: path) }
  return try await body(path)
}

/// The permission bits of a file.
func mode(of path: String) throws -> Int {
  let attributes = try FileManager.default.attributesOfItem(atPath: path)
  return (attributes[.posixPermissions] as? Int ?? 0) & 0o777
}

/// What a throwing call threw, if that is a StorageError.
func historyError(_ body: () async throws -> Void) async -> StorageError? {
  do {
    try await body()
    return nil
  } catch {
    return error as? StorageError
  }
}

/// Every file of a directory with its bytes read as text.
func allFiles(in path: String) throws -> [(name: String, contents: String)] {
  try FileManager.default.contentsOfDirectory(atPath: path).map { name in
    (name, String(decoding: try Data(contentsOf: URL(filePath: "\(path)/\(name)")), as: UTF8.self))
  }
}

/// Changes a database without the program's knowledge.
func runSQL(_ sql: String, on file: String) throws {
  try DatabaseQueue(path: file).write { try $0.execute(sql: sql) }
}
