import Controller
import Endpoints
import Foundation
import LibYAML
import Testing

@Suite struct ManifestFilesTests {
  private func manifest(_ name: String) -> String {
    """
    apiVersion: serving.setpoint.dev/v1alpha1
    kind: ServingEndpoint
    metadata: {name: \(name)}
    spec: {model: main.support.qwen3, entityVersion: "7"}

    """
  }

  /// A temporary directory for one test, removed at its end.
  private func withDirectory(_ body: (URL) throws -> Void) throws {
    let directory = FileManager.default.temporaryDirectory.appendingPathComponent("manifests-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: directory) }
    try body(directory)
  }

  private func write(_ text: String, _ directory: URL, _ path: String) throws {
    let file = directory.appendingPathComponent(path)
    try FileManager.default.createDirectory(at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
    try Data(text.utf8).write(to: file)
  }

  @Test func `a directory stands for every manifest below it, in order of name`() throws {
    try withDirectory { directory in
      try write(manifest("b"), directory, "b.yaml")
      try write(manifest("a"), directory, "deep/er/a.yml")
      try write(manifest("hidden"), directory, ".git/hidden.yaml")
      try write("no manifest", directory, "README.md")
      let set = ManifestFiles.read([directory.path])
      #expect(set.manifests.map(\.name) == ["b", "a"])
      #expect(set.isComplete)
    }
  }

  @Test func `one invalid file does not hide the others and leaves the set incomplete`() throws {
    try withDirectory { directory in
      try write("kind: [", directory, "a.yaml")
      try write(manifest("good"), directory, "b.yaml")
      let set = ManifestFiles.read([directory.path])
      #expect(set.manifests.map(\.name) == ["good"])
      #expect(!set.isComplete)
      #expect(set.findings.first?.location.file.hasSuffix("a.yaml") == true)
    }
  }

  @Test func `a missing path is a finding, and nothing may be pruned`() throws {
    let set = ManifestFiles.read(["/nowhere/at/all.yaml"])
    #expect(!set.isComplete)
    #expect(set.findings.map(\.message) == ["cannot read it: No such file or directory"])
  }

  @Test func `an empty directory is not an empty fleet`() throws {
    try withDirectory { directory in
      let set = ManifestFiles.read([directory.path])
      #expect(!set.isComplete)
      #expect(set.findings.map(\.message) == ["no .yaml, .yml or .json file in this directory"])
    }
  }

  @Test func `a file that is named twice is read once, and a cycle of links ends`() throws {
    try withDirectory { directory in
      try write(manifest("a"), directory, "a.yaml")
      try FileManager.default.createSymbolicLink(
        at: directory.appendingPathComponent("loop"), withDestinationURL: directory)
      let set = ManifestFiles.read([directory.path, directory.path + "/a.yaml"])
      #expect(set.manifests.map(\.name) == ["a"])
      #expect(set.findings.isEmpty)
    }
  }

  @Test func `a dangling link that looks like a manifest leaves the set incomplete`() throws {
    try withDirectory { directory in
      try write(manifest("a"), directory, "a.yaml")
      try FileManager.default.createSymbolicLink(
        atPath: directory.path + "/gone.yaml", withDestinationPath: directory.path + "/nowhere")
      let set = ManifestFiles.read([directory.path])
      #expect(set.manifests.map(\.name) == ["a"])
      #expect(!set.isComplete)
    }
  }

  @Test func `standard input is read once and shown as a dash`() {
    var asked = 0
    let set = ManifestFiles.read(["-", "-"]) {
      asked += 1
      return Array("kind: Pod".utf8)
    }
    #expect(asked == 1)
    #expect(set.findings.allSatisfy { $0.location.file == "-" })
    #expect(!set.isComplete)
  }
}
