import Foundation
import Glibc
import ServingAPI
import Testing

@Suite struct LocalPlaneTests {
  private let plane = LocalPlane(
    url: "http://127.0.0.1:7387", tokenFile: "/data/token", processID: 42, dataDirectory: "/data")
  private let other = LocalPlane(
    url: "http://127.0.0.1:7400", tokenFile: "/other/token", processID: 43, dataDirectory: "/other")

  /// Runs the body with a directory that does not exist yet. Its path is short, because it contains sockets.
  private func withDirectory(_ body: (String) throws -> Void) throws {
    let directory = "/tmp/sp-\(UInt32.random(in: .min ... .max))"
    defer { try? FileManager.default.removeItem(atPath: directory) }
    try body(directory)
  }

  private func mode(_ path: String) throws -> Int? {
    try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
  }

  /// Listens on a Unix socket as a plane does, while the body runs.
  private func listening(on path: String, _ body: () throws -> Void) throws {
    let descriptor = socket(AF_UNIX, CInt(SOCK_STREAM.rawValue), 0)
    defer { close(descriptor) }
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
    let isBound = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size)) == 0
      }
    }
    try #require(isBound && listen(descriptor, 8) == 0 && chmod(path, 0o600) == 0)
    try body()
  }

  private func announce(_ planes: LocalPlane..., in directory: String) throws {
    for plane in planes { try plane.announce(in: directory) }
  }

  private func file(_ directory: String) throws -> String {
    let name = try #require(
      try FileManager.default.contentsOfDirectory(atPath: directory).first { $0.hasSuffix(".json") })
    return "\(directory)/\(name)"
  }

  @Test func `a plane's announcement is found, and closed to other users`() throws {
    try withDirectory { directory in
      #expect(try LocalPlane.announced(in: directory) == LocalPlanes())
      try plane.announce(in: directory)
      try listening(on: plane.socket(in: directory)) {
        let found = try LocalPlane.announced(in: directory)
        #expect(found.running == [plane])
        #expect(try mode(directory) == 0o700)
        #expect(try mode(file(directory)) == 0o600)
      }
    }
  }

  @Test func `a plane is found in a runtime directory whose path is too long for a socket`() throws {
    try withDirectory { parent in
      let runtime = parent + "/" + String(repeating: "r", count: 120)
      try FileManager.default.createDirectory(
        atPath: parent, withIntermediateDirectories: false, attributes: [.posixPermissions: 0o700])
      let plane = LocalPlane(
        url: "http://127.0.0.1:7387", tokenFile: "/data/token", processID: 42, dataDirectory: parent + "/data")
      try plane.announce(in: runtime)
      let socket = plane.socket(in: runtime)
      #expect(socket.utf8.count <= 107)
      try listening(on: socket) {
        let found = try LocalPlane.announced(in: runtime)
        #expect(found.running == [plane])
      }
      try plane.withdraw(from: runtime)
      #expect(!FileManager.default.fileExists(atPath: socket))
    }
  }

  @Test func `two planes run on one machine, and neither erases the other`() throws {
    try withDirectory { directory in
      try announce(plane, other, in: directory)
      try listening(on: plane.socket(in: directory)) {
        try listening(on: other.socket(in: directory)) {
          #expect(try LocalPlane.announced(in: directory).running == [plane, other])
          try other.withdraw(from: directory)
          #expect(try LocalPlane.announced(in: directory).running == [plane])
        }
      }
    }
  }

  @Test func `a plane that restarts replaces its own announcement`() throws {
    try withDirectory { directory in
      let next = LocalPlane(
        url: "http://127.0.0.1:9", tokenFile: "/data/token", processID: 44, dataDirectory: plane.dataDirectory)
      try announce(plane, next, in: directory)
      // By now, what it withdraws belongs to another plane.
      try plane.withdraw(from: directory)
      try listening(on: next.socket(in: directory)) {
        let found = try LocalPlane.announced(in: directory)
        #expect(found.running == [next])
      }
      try next.withdraw(from: directory)
      #expect(try LocalPlane.announced(in: directory) == LocalPlanes())
      try next.withdraw(from: directory)
    }
  }

  @Test func `a dead plane's announcement is distinguished, and removed by the next plane`() throws {
    try withDirectory { directory in
      try announce(plane, other, in: directory)
      // One was killed and left its socket, the other one left not even that.
      try listening(on: plane.socket(in: directory)) {}
      #expect(try Set(LocalPlane.announced(in: directory).gone) == [plane, other])
      try LocalPlane.sweep(directory)
      #expect(try FileManager.default.contentsOfDirectory(atPath: directory).isEmpty)
    }
  }

  @Test(arguments: [(0o755, 0o600), (0o700, 0o644), (0o770, 0o600), (0o700, 0o620)])
  func `files that other users can access are not trusted`(directoryMode: Int, fileMode: Int) throws {
    try withDirectory { directory in
      try plane.announce(in: directory)
      try FileManager.default.setAttributes([.posixPermissions: fileMode], ofItemAtPath: file(directory))
      try FileManager.default.setAttributes([.posixPermissions: directoryMode], ofItemAtPath: directory)
      let error = #expect(throws: TargetError.self) { try LocalPlane.announced(in: directory) }
      #expect(error?.description.contains("not trusted") == true)
    }
  }

  @Test func `a directory whose parent other users can write to is not trusted`() throws {
    try withDirectory { parent in
      try FileManager.default.createDirectory(atPath: parent, withIntermediateDirectories: false)
      let directory = parent + "/setpoint"
      try plane.announce(in: directory)
      #expect(chmod(parent, 0o777) == 0)
      let error = #expect(throws: TargetError.self) { try LocalPlane.announced(in: directory) }
      #expect(error?.description.contains("other users can write to \(parent)") == true)
      #expect(throws: TargetError.self) { try plane.announce(in: directory) }
      // Sticky, as /tmp is: nobody else can replace the directory.
      #expect(chmod(parent, 0o1777) == 0)
      #expect(try LocalPlane.announced(in: directory).gone == [plane])
    }
  }

  @Test func `a socket that other users can access, or that is not a socket, is not trusted`() throws {
    try withDirectory { directory in
      try plane.announce(in: directory)
      try listening(on: plane.socket(in: directory)) {
        #expect(chmod(plane.socket(in: directory), 0o666) == 0)
        #expect(throws: TargetError.self) { try LocalPlane.announced(in: directory) }
      }
      try FileManager.default.removeItem(atPath: plane.socket(in: directory))
      try "x".write(toFile: plane.socket(in: directory), atomically: false, encoding: .utf8)
      let error = #expect(throws: TargetError.self) { try LocalPlane.announced(in: directory) }
      #expect(error?.description.contains("it is not a socket") == true)
    }
  }

  @Test func `a link instead of the file or the directory is not followed`() throws {
    try withDirectory { directory in
      try plane.announce(in: directory)
      let file = try file(directory)
      try FileManager.default.moveItem(atPath: file, toPath: directory + "/elsewhere")
      try FileManager.default.createSymbolicLink(atPath: file, withDestinationPath: directory + "/elsewhere")
      #expect(throws: TargetError.self) { try LocalPlane.announced(in: directory) }
      let link = directory + "-link"
      defer { try? FileManager.default.removeItem(atPath: link) }
      try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: directory)
      #expect(throws: TargetError.self) { try LocalPlane.announced(in: link) }
      #expect(throws: TargetError.self) { try plane.announce(in: link) }
    }
  }

  @Test(arguments: [
    "", "{}", "{\"url\":1}", #"{"url":"http://h","token_file":"relative","pid":1,"data_directory":"/d"}"#,
    #"{"url":"http://h","token_file":"/t","pid":1}"#,
  ])
  func `a file that no plane wrote is an error that says what to do`(text: String) throws {
    try withDirectory { directory in
      try plane.announce(in: directory)
      try text.write(toFile: file(directory), atomically: false, encoding: .utf8)
      let error = #expect(throws: TargetError.self) { try LocalPlane.announced(in: directory) }
      #expect(error?.advice.contains("setpoint serve") == true)
    }
  }

  @Test func `an announcement keeps the options, and one of an older release has none`() throws {
    try withDirectory { directory in
      let plane = LocalPlane(
        url: "http://127.0.0.1:7400", tokenFile: "/data/token", processID: 42, dataDirectory: "/my data",
        options: ["--port", "7400"])
      try plane.announce(in: directory)
      #expect(try LocalPlane.announced(in: directory).gone == [plane])
      #expect(plane.startCommand == "setpoint serve --data '/my data' --port 7400")
      let older = #"{"url":"http://127.0.0.1:7400","token_file":"/t","pid":42,"data_directory":"/my data"}"#
      try older.write(toFile: file(directory), atomically: false, encoding: .utf8)
      let found = try #require(try LocalPlane.announced(in: directory).gone.first)
      #expect(found.options == [] && found.startCommand == "setpoint serve --data '/my data'")
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

  @Test func `a command finds the plane on this machine, its token and its socket`() throws {
    try withDirectory { directory in
      let data = directory + "-data"
      defer { try? FileManager.default.removeItem(atPath: data) }
      try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: false)
      try FileManager.default.createDirectory(atPath: data, withIntermediateDirectories: false)
      try "the-token\n".write(toFile: data + "/token", atomically: true, encoding: .utf8)
      let environment = ["XDG_RUNTIME_DIR": directory, "HOME": data]
      let runtime = LocalPlane.runtimeDirectory(environment: environment)
      let plane = LocalPlane(
        url: "http://127.0.0.1:1", tokenFile: data + "/token", processID: 1, dataDirectory: data)
      try plane.announce(in: runtime)
      try listening(on: plane.socket(in: runtime)) {
        let access = try TargetResolver.system(environment: environment).resolve()
        #expect(access.target.url == "http://127.0.0.1:1")
        #expect(access.target.socket == plane.socket(in: runtime))
        #expect(access.credentials.proof == .token(Secret("the-token")))
      }
    }
  }

  @Test func `without a plane, the command that starts the last one again is suggested, as long as its data exists`()
    throws
  {
    try withDirectory { directory in
      let data = directory + "-data"
      defer { try? FileManager.default.removeItem(atPath: data) }
      try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: false)
      try FileManager.default.createDirectory(atPath: data, withIntermediateDirectories: false)
      try "the-token\n".write(toFile: data + "/token", atomically: true, encoding: .utf8)
      let environment = ["XDG_RUNTIME_DIR": directory, "HOME": data]
      let runtime = LocalPlane.runtimeDirectory(environment: environment)
      let plane = LocalPlane(
        url: "http://127.0.0.1:1", tokenFile: data + "/token", processID: 1, dataDirectory: data,
        options: ["--port", "7400"])
      try plane.announce(in: runtime)
      try plane.withdrawStopped(from: runtime)
      #expect(try LocalPlane.announced(in: runtime).gone.isEmpty)
      let stopped = #expect(throws: TargetError.self) { try TargetResolver.system(environment: environment).resolve() }
      #expect(stopped?.advice.contains("\"setpoint serve --data \(data) --port 7400\"") == true)
      try plane.announce(in: runtime)
      #expect(try LocalPlane.announced(in: runtime).stopped == nil)
      try plane.withdrawStopped(from: runtime)
      try FileManager.default.removeItem(atPath: data)
      let gone = #expect(throws: TargetError.self) { try TargetResolver.system(environment: environment).resolve() }
      #expect(gone?.advice.contains("start a plane with \"setpoint serve\"") == true)
    }
  }
}
