import Glibc
import Testing

@testable import ServingPlane

@Suite struct ProcessTableTests {
  @Test func `what cannot be looked at is not dead`() throws {
    let own = try #require(ProcessTable.entry(getpid())).identity
    #expect(ProcessTable.isAlive(own))
    // As where no descriptor is free.
    #expect(ProcessTable.isAlive(own, by: .unknown))
    #expect(!ProcessTable.isAlive(own, by: .gone))
    let other = ProcessTable.Identity(pid: own.pid, startTicks: own.startTicks + 1)
    #expect(!ProcessTable.isAlive(other))
    // No process has a number beyond pid_max.
    #expect(ProcessTable.look(1 << 30) == .gone)
  }
}
