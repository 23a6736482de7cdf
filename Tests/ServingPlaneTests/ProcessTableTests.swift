import Glibc
import Synchronization
import Testing

@testable import ServingPlane

@Suite struct ProcessTableTests {
  @Test func `a process that cannot be inspected is not dead`() throws {
    let own = try #require(ProcessTable.entry(getpid())).identity
    #expect(ProcessTable.isAlive(own))
    // As if no descriptor were free.
    #expect(ProcessTable.isAlive(own, by: .unknown))
    #expect(!ProcessTable.isAlive(own, by: .gone))
    let other = ProcessTable.Identity(pid: own.pid, startTicks: own.startTicks + 1)
    #expect(!ProcessTable.isAlive(other))
    // No process has an id above pid_max.
    #expect(ProcessTable.inspect(1 << 30) == .gone)
  }

  @Test
  func `a replica that cannot be inspected is not ended until it can be, and does not count as gone`() async throws {
    let sleeper = try ProcessSpawn.start(
      executable: "/bin/sleep", arguments: ["sleep", "3600"], environment: ["\(ReplicaMark.variable)": "plane.replica"],
      directory: "/", output: "/dev/null")
    defer { endAndCollect(sleeper) }
    let leader = try #require(ProcessTable.entry(sleeper)).identity
    let looks = Mutex(0)
    let group = ReplicaGroup(
      mark: ReplicaMark(plane: "plane", replica: "replica"), leader: leader, workingDirectory: "/",
      table: {
        looks.withLock {
          $0 += 1; return $0
        } <= 2 ? nil : ProcessTable.all()
      })
    #expect(group.members() == nil)
    #expect(ProcessTable.isAlive(leader))
    _ = await group.end()
    #expect(!ProcessTable.isAlive(leader))
    #expect(looks.withLock { $0 } > 3)
  }
}
