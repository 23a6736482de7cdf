import FileSystem
import FoundationEssentials

/// A TCP socket on which a process listens, as listed by the kernel (proc_pid_net(5)).
struct ListeningSocket: Hashable, Sendable {
  /// Distinguishes it from any other socket of the machine.
  let inode: UInt64
  let port: Int
  /// The address as written in a URL: `127.0.0.1`, `[::1]`.
  let address: String
  /// Whether only programs on this machine can reach it.
  let isLoopback: Bool

  /// Parses a line of `/proc/net/tcp` or `/proc/net/tcp6`; nil for a socket that does not listen.
  init?(_ line: some StringProtocol) {
    let fields = line.split(separator: " ")
    guard fields.count > 9, fields[3] == "0A", let inode = UInt64(fields[9]) else { return nil }
    let local = fields[1].split(separator: ":")
    guard local.count == 2, let port = Int(local[1], radix: 16), let bytes = Self.bytes(local[0]) else { return nil }
    self.inode = inode
    self.port = port
    switch bytes.count {
    case 4:
      address = Self.dotted(bytes[...])
      isLoopback = bytes[0] == 127
    case 16 where bytes.starts(with: [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255]):
      address = Self.dotted(bytes[12...])
      isLoopback = bytes[12] == 127
    case 16:
      let groups = stride(from: 0, to: 16, by: 2).map { String(Int(bytes[$0]) << 8 | Int(bytes[$0 + 1]), radix: 16) }
      isLoopback = bytes.dropLast().allSatisfy { $0 == 0 } && bytes[15] == 1
      let isAny = bytes.allSatisfy { $0 == 0 }
      address = "[" + (isAny ? "::" : isLoopback ? "::1" : groups.joined(separator: ":")) + "]"
    default: return nil
    }
  }

  /// The address that reaches it from this machine.
  var reachable: String {
    switch address {
    case "0.0.0.0": "127.0.0.1"
    case "[::]": "[::1]"
    default: address
    }
  }

  /// The sockets on which any of these processes listens. Blocks briefly.
  static func listed(for processes: [Int32]) -> [ListeningSocket] {
    let listening = ["/proc/net/tcp", "/proc/net/tcp6"].flatMap { path -> [ListeningSocket] in
      let text = String(decoding: (try? KernelFile.contents(path)) ?? [], as: UTF8.self)
      return text.split(separator: "\n").dropFirst().compactMap { ListeningSocket($0) }
    }
    guard !listening.isEmpty else { return [] }
    let open = processes.reduce(into: Set<UInt64>()) { $0.formUnion(sockets(of: $1)) }
    return listening.filter { open.contains($0.inode) }
  }

  /// The inodes of a process's sockets; empty if the process may not be inspected.
  private static func sockets(of pid: Int32) -> [UInt64] {
    let folder = "/proc/\(pid)/fd"
    let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
    return names.compactMap { name in
      guard let target = try? FileManager.default.destinationOfSymbolicLink(atPath: folder + "/" + name),
        target.hasPrefix("socket:["), target.hasSuffix("]")
      else { return nil }
      return UInt64(target.dropFirst("socket:[".count).dropLast())
    }
  }

  /// The bytes of an address, given as 32-bit words in this machine's byte order.
  private static func bytes(_ hexadecimal: some StringProtocol) -> [UInt8]? {
    guard hexadecimal.utf8.count.isMultiple(of: 8) else { return nil }
    var bytes: [UInt8] = []
    var rest = Substring(hexadecimal)
    while !rest.isEmpty {
      guard let word = UInt32(rest.prefix(8), radix: 16) else { return nil }
      bytes += withUnsafeBytes(of: word) { Array($0) }
      rest = rest.dropFirst(8)
    }
    return bytes
  }

  private static func dotted(_ bytes: ArraySlice<UInt8>) -> String { bytes.map(String.init).joined(separator: ".") }
}
