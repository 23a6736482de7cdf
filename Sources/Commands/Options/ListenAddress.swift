internal import ArgumentParser

/// An address to listen on: `127.0.0.1`, `0.0.0.0:7387`, `[::1]:7387`, `:7387`.
struct ListenAddress: ExpressibleByArgument, Hashable, Sendable {
  let host: String
  /// Nil if the argument contains no port.
  let port: UInt16?

  static let standardPort: UInt16 = 7387
  static let standard = ListenAddress(host: "127.0.0.1", port: standardPort)

  init(host: String, port: UInt16?) {
    self.host = host
    self.port = port
  }

  init?(argument: String) {
    if argument.hasPrefix("[") {
      guard let end = argument.firstIndex(of: "]") else { return nil }
      host = String(argument[argument.index(after: argument.startIndex)..<end])
      let rest = argument[argument.index(after: end)...]
      guard rest.isEmpty || rest.first == ":" else { return nil }
      port = rest.isEmpty ? nil : UInt16(rest.dropFirst())
      guard rest.isEmpty || port != nil else { return nil }
    } else if argument.filter({ $0 == ":" }).count > 1 {
      // A bare IPv6 address cannot be followed by a port.
      (host, port) = (argument, nil)
    } else {
      let parts = argument.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
      host = parts[0].isEmpty ? "127.0.0.1" : String(parts[0])
      port = parts.count == 2 ? UInt16(parts[1]) : nil
      guard parts.count == 1 || port != nil else { return nil }
    }
    guard !host.isEmpty else { return nil }
  }

  var defaultValueDescription: String { "\(host):\(port ?? Self.standardPort)" }
}
