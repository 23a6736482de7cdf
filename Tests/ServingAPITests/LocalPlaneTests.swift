import Foundation
import ServingAPI
import Testing

@Suite struct LocalPlaneTests {
  private let plane = LocalPlane(url: "http://127.0.0.1:7387", tokenFile: "/data/token", processID: 42)

  /// Runs the body with a directory of its own that does not exist yet.
  private func withDirectory(_ body: (String) throws -> Void) throws {
    let directory = FileManager.default.temporaryDirectory.appendingPathComponent("setpoint-test-\(UUID().uuidString)")
    defer { try? FileManager.default.removeItem(at: directory) }
    try body(directory.path)
  }

  private func mode(_ path: String) throws -> Int? {
    try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
  }

  @Test func `what a plane announces is found, and closed to everybody else`() throws {
    try withDirectory { directory in
      #expect(try LocalPlane.read(from: directory) == nil)
      try plane.announce(in: directory)
      #expect(try LocalPlane.read(from: directory) == plane)
      #expect(try mode(directory) == 0o700)
      #expect(try mode(directory + "/plane.json") == 0o600)
      #expect(try FileManager.default.contentsOfDirectory(atPath: directory) == ["plane.json"])
    }
  }

  @Test func `a plane takes back its own announcement and no other's`() throws {
    try withDirectory { directory in
      try plane.announce(in: directory)
      let next = LocalPlane(url: "http://127.0.0.1:9", tokenFile: "/data/token", processID: 43)
      try next.announce(in: directory)
      try plane.withdraw(from: directory)
      #expect(try LocalPlane.read(from: directory) == next)
      try next.withdraw(from: directory)
      #expect(try LocalPlane.read(from: directory) == nil)
      try next.withdraw(from: directory)
    }
  }

  @Test(arguments: [(0o755, 0o600), (0o700, 0o644), (0o770, 0o600), (0o700, 0o620)])
  func `what others can use is not believed`(directoryMode: Int, fileMode: Int) throws {
    try withDirectory { directory in
      try plane.announce(in: directory)
      try FileManager.default.setAttributes([.posixPermissions: fileMode], ofItemAtPath: directory + "/plane.json")
      try FileManager.default.setAttributes([.posixPermissions: directoryMode], ofItemAtPath: directory)
      let error = #expect(throws: TargetError.self) { try LocalPlane.read(from: directory) }
      #expect(error?.description.contains("not trusted") == true)
    }
  }

  @Test func `a link in the place of the file or the directory is not followed`() throws {
    try withDirectory { directory in
      try plane.announce(in: directory)
      let file = directory + "/plane.json"
      try FileManager.default.moveItem(atPath: file, toPath: directory + "/elsewhere")
      try FileManager.default.createSymbolicLink(atPath: file, withDestinationPath: directory + "/elsewhere")
      #expect(throws: TargetError.self) { try LocalPlane.read(from: directory) }
      let link = directory + "-link"
      defer { try? FileManager.default.removeItem(atPath: link) }
      try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: directory)
      #expect(throws: TargetError.self) { try LocalPlane.read(from: link) }
      #expect(throws: TargetError.self) { try plane.announce(in: link) }
    }
  }

  @Test(arguments: ["", "{}", "{\"url\":1}", #"{"url":"http://h","token_file":"relative","pid":1}"#])
  func `a file that no plane wrote is an error that says what to do`(text: String) throws {
    try withDirectory { directory in
      try plane.announce(in: directory)
      let file = directory + "/plane.json"
      try text.write(toFile: file, atomically: false, encoding: .utf8)
      let error = #expect(throws: TargetError.self) { try LocalPlane.read(from: directory) }
      #expect(error?.advice.contains("setpoint serve") == true)
    }
  }

  @Test(arguments: [
    (["XDG_RUNTIME_DIR": "/run/user/7"], "/run/user/7/setpoint"), (["XDG_RUNTIME_DIR": "/run/x/"], "/run/x/setpoint"),
    (["XDG_RUNTIME_DIR": "relative"], "/tmp/setpoint-7"), (["XDG_RUNTIME_DIR": ""], "/tmp/setpoint-7"),
    ([:], "/tmp/setpoint-7"),
  ])
  func `the runtime directory is the user's own`(environment: [String: String], expected: String) {
    #expect(LocalPlane.runtimeDirectory(environment: environment, userID: 7) == expected)
  }

  @Test func `a command finds the plane of this machine and its token`() throws {
    try withDirectory { directory in
      let data = directory + "-data"
      defer { try? FileManager.default.removeItem(atPath: data) }
      try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: false)
      try FileManager.default.createDirectory(atPath: data, withIntermediateDirectories: false)
      try "the-token\n".write(toFile: data + "/token", atomically: true, encoding: .utf8)
      let environment = ["XDG_RUNTIME_DIR": directory, "HOME": data]
      try LocalPlane(url: "http://127.0.0.1:1", tokenFile: data + "/token", processID: 1)
        .announce(in: LocalPlane.runtimeDirectory(environment: environment))
      let access = try TargetResolver.system(environment: environment).resolve()
      #expect(access.target.url == "http://127.0.0.1:1")
      #expect(access.credentials.proof == .token(Secret("the-token")))
    }
  }
}
