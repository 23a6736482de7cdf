import Controller
import Foundation
import Planning
import Testing

@Suite struct FileLeaseTests {
  private let scratch: Scratch

  init() throws { scratch = try Scratch() }

  private func lease(
    _ fleet: String = "main", provider: String = "https://adb-1.example.com", in directory: String? = nil
  ) -> FileLease {
    FileLease(
      directory: directory ?? scratch.path, provider: provider, fleet: fleet,
      now: { Timestamp(milliseconds: 1_767_225_600_000) })
  }

  @Test func `one of two processes has the lease, and the other is told the holder`() async throws {
    let (one, two) = (lease(), lease())
    #expect(try await one.acquire())
    #expect(try await one.acquire(), "and keeps it when it asks again")
    #expect(try await !two.acquire())
    let words = "pid \(getpid()) on \(ProcessInfo.processInfo.hostName) since 2026-01-01T00:00:00Z"
    #expect(await two.holder == words)
    #expect(await one.holder == words)
    #expect(await one.isHeld())
    #expect(await !two.isHeld())
  }

  @Test func `a released lease is free`() async throws {
    let (one, two) = (lease(), lease())
    #expect(try await one.acquire())
    await one.release()
    await one.release()
    #expect(await !one.isHeld())
    #expect(await one.holder == nil)
    #expect(try await two.acquire())
    #expect(try await !one.acquire())
  }

  @Test func `a holder that has exited holds nothing`() async throws {
    var one: FileLease? = lease()
    #expect(try await one?.acquire() == true)
    one = nil
    #expect(try await lease().acquire())
  }

  @Test func `a lease whose file was deleted is lost, and another can take it`() async throws {
    let (one, two) = (lease(), lease())
    #expect(try await one.acquire())
    try FileManager.default.removeItem(atPath: one.path)
    #expect(await !one.isHeld())
    #expect(try await two.acquire())
    #expect(await two.isHeld())
    #expect(try await !one.acquire())
  }

  @Test func `a lease whose file was replaced is lost, though the name is there`() async throws {
    let one = lease()
    #expect(try await one.acquire())
    try scratch.write("not the lease", to: "other")
    #expect(rename(scratch.file("other"), one.path) == 0)
    #expect(await !one.isHeld())
    #expect(await one.holder == nil)
    #expect(try await one.acquire(), "the new file is free")
    #expect(await one.isHeld())
  }

  @Test func `a link to another file is not accepted as the lease`() async throws {
    let one = lease()
    #expect(try await one.acquire())
    #expect(rename(one.path, scratch.file("moved")) == 0)
    try FileManager.default.createSymbolicLink(atPath: one.path, withDestinationPath: scratch.file("moved"))
    #expect(await !one.isHeld())
  }

  @Test func `a holder that wrote no details is described as another process`() async throws {
    let (one, two) = (lease(), lease())
    #expect(try await one.acquire())
    #expect(truncate(one.path, 0) == 0)
    #expect(try await !two.acquire())
    #expect(await two.holder == "another process")
  }

  @Test func `the holder's details are shown on one line without control characters`() async throws {
    let (one, two) = (lease(), lease())
    #expect(try await one.acquire())
    let file = try #require(FileHandle(forWritingAtPath: one.path))
    try file.truncate(atOffset: 0)
    try file.write(contentsOf: Data("pid 7\u{1B}[31m on x\nmore".utf8))
    #expect(try await !two.acquire())
    #expect(await two.holder == "pid 7")
  }

  @Test func `each fleet and provider has its own lease`() async throws {
    let all = [
      lease("a"), lease("b"), lease("a", provider: "http://127.0.0.1:7387"), lease("a-b", provider: "x"),
      lease("b", provider: "x-a"), lease("../../b"), lease("A"), lease(String(repeating: "long", count: 200)),
      lease(String(repeating: "long", count: 199)),
    ]
    for one in all { #expect(try await one.acquire(), "\(one.path)") }
    #expect(try scratch.names.count == all.count)
  }

  @Test(arguments: ["https://adb-1.example.com/", "https://ADB-1.example.com", "https://adb-1.example.com//"])
  func `one provider has one lease, however its URL is written`(url: String) async throws {
    let (one, two) = (lease(), lease(provider: url))
    #expect(try await one.acquire())
    #expect(try await !two.acquire())
  }

  @Test func `a missing state directory is created for its owner alone`() async throws {
    let directory = scratch.file("state/setpoint")
    #expect(try await lease(in: directory).acquire())
    let attributes = try FileManager.default.attributesOfItem(atPath: directory)
    #expect((attributes[.posixPermissions] as? NSNumber)?.intValue == 0o700)
  }

  @Test func `a state directory that cannot be created is an error that says what to do`() async throws {
    try scratch.write("", to: "file")
    let lease = lease(in: scratch.file("file/state"))
    let error = await #expect(throws: LeaseError.self) { try await lease.acquire() }
    let words = try #require(error?.description)
    #expect(words.contains(lease.path) && words.contains("Not a directory") && words.contains("--state"))
  }

  @Test func `an observer is told whether a process holds the lease, and does not take it`() async throws {
    #expect(lease().status() == .unknown, "there is no file, and none is created")
    #expect(try scratch.names.isEmpty)
    var one: FileLease? = lease()
    #expect(try await one?.acquire() == true)
    #expect(lease().status() == .held(by: await one?.holder))
    // As the kernel does when a process is killed: nothing more is written.
    one = nil
    #expect(lease().status() == .free)
    let two = lease()
    #expect(try await two.acquire())
    await two.release()
    #expect(lease().status() == .free, "also after its release")
  }

  @Test func `a lease that another machine held last is not reported as free`() async throws {
    var one: FileLease? = lease()
    #expect(try await one?.acquire() == true)
    let path = try #require(one?.path)
    one = nil
    try "pid 7 on another.example.com since 2026-01-01T00:00:00Z\n".write(
      toFile: path, atomically: false, encoding: .utf8)
    #expect(lease().status() == .unknown)
  }

  @Test func `an observer does not keep anybody from the lease`() async throws {
    let one = lease()
    #expect(try await one.acquire())
    await one.release()
    let looking = open(one.path, O_RDONLY | O_CLOEXEC)
    #expect(flock(looking, LOCK_SH | LOCK_NB) == 0)
    #expect(lease().status() == .free, "two may observe at the same time")
    #expect(try await !lease().acquire(), "it is retried a moment later")
    close(looking)
    #expect(try await one.acquire())
  }
}
