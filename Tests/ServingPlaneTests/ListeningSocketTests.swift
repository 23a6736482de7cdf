import Testing

@testable import ServingPlane

struct ListeningSocketTests {
  private static let rest =
    " 00000000:00000000 00:00000000 00000000     0        0 76334 1 00000000484ac622 100 0 0 10 0"

  struct Case: CustomTestStringConvertible, Sendable {
    let local: String
    let address: String
    let isLoopback: Bool
    var testDescription: String { address }
  }

  @Test(arguments: [
    Case(local: "0100007F:1F90", address: "127.0.0.1", isLoopback: true),
    Case(local: "0A00017F:1F90", address: "127.1.0.10", isLoopback: true),
    Case(local: "00000000:1F90", address: "0.0.0.0", isLoopback: false),
    Case(local: "0500A8C0:1F90", address: "192.168.0.5", isLoopback: false),
    Case(local: "00000000000000000000000000000000:1F90", address: "[::]", isLoopback: false),
    Case(local: "00000000000000000000000001000000:1F90", address: "[::1]", isLoopback: true),
    Case(local: "0000000000000000FFFF00000100007F:1F90", address: "127.0.0.1", isLoopback: true),
    Case(local: "0000000000000000FFFF00000500A8C0:1F90", address: "192.168.0.5", isLoopback: false),
    Case(local: "000080FE000000000000000005000000:1F90", address: "[fe80:0:0:0:0:0:0:5]", isLoopback: false),
  ])
  func `the kernel's list is read, and reachable sockets are distinguished from loopback`(_ example: Case) throws {
    let socket = try #require(ListeningSocket("   0: \(example.local) 00000000:0000 0A" + Self.rest))
    #expect(socket.port == 8080)
    #expect(socket.inode == 76334)
    #expect(socket.address == example.address)
    #expect(socket.isLoopback == example.isLoopback)
  }

  @Test(arguments: [
    "", "  sl  local_address rem_address   st", "   0: 0100007F:1F90 0100007F:CA1E 01" + rest, "0: x 0A",
  ])
  func `other lines are not listening sockets`(_ line: String) { #expect(ListeningSocket(line) == nil) }
}
