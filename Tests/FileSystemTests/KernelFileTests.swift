import FileSystem
import Glibc
import Testing

@Suite struct KernelFileTests {
  @Test func `a file of the kernel's is read whole, however often it has to be read`() throws {
    // Enough sockets that their list does not fit into one read.
    let sockets = (0..<200).map { _ in socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0) }
    defer { for socket in sockets { close(socket) } }
    for socket in sockets { #expect(listen(socket, 1) == 0) }
    let text = String(decoding: try KernelFile.contents("/proc/self/net/tcp"), as: UTF8.self)
    let inodes = try sockets.map { socket in
      var status = stat()
      try #require(fstat(socket, &status) == 0)
      return String(status.st_ino)
    }
    let listed = Set(
      text.split(separator: "\n").compactMap { $0.split(separator: " ").dropFirst(9).first.map(String.init) })
    #expect(Set(inodes).isSubset(of: listed))
    #expect(text.utf8.count > 4096)
  }

  @Test func `a file that does not exist is reported with the system's error`() {
    let error = #expect(throws: SystemError.self) { try KernelFile.contents("/proc/self/nothing") }
    #expect(error?.code == ENOENT)
  }
}
