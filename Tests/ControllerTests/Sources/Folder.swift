import Foundation

/// A temporary directory for one test, removed with the last reference to it.
final class Folder: Sendable {
  let path: String

  init() throws {
    let made = FileManager.default.temporaryDirectory.appendingPathComponent("setpoint-sources-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: made, withIntermediateDirectories: true)
    path = made.path
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  /// The path of something in it.
  func callAsFunction(_ name: String) -> String { "\(path)/\(name)" }

  /// Writes a file in place and creates its parent directories.
  func write(_ text: String, _ name: String) throws {
    let file = URL(fileURLWithPath: self(name))
    try FileManager.default.createDirectory(at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
    try Data(text.utf8).write(to: file)
  }

  /// A symbolic link that atomically replaces whatever had that name.
  func link(_ name: String, to target: String) throws {
    let passing = self(name + "_tmp")
    try FileManager.default.createSymbolicLink(atPath: passing, withDestinationPath: target)
    guard rename(passing, self(name)) == 0 else { throw CocoaError(.fileWriteUnknown) }
  }

  func move(_ name: String, to other: String) throws {
    guard rename(self(name), self(other)) == 0 else { throw CocoaError(.fileWriteUnknown) }
  }

  func remove(_ name: String) throws { try FileManager.default.removeItem(atPath: self(name)) }
}

/// The text of a manifest.
func manifestText(_ name: String, version: Int = 7) -> String {
  """
  apiVersion: serving.setpoint.dev/v1alpha1
  kind: ServingEndpoint
  metadata: {name: \(name)}
  spec: {model: main.support.qwen3, entityVersion: "\(version)"}

  """
}
