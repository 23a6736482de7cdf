import LibCurl
import Synchronization

/// Checks where a replica listens: a server beyond loopback is open without a token to anyone who can reach this
/// machine, and the gateway cannot reach one on another port.
///
/// An engine has its own sockets, and torch's store listens on every interface by itself; so beyond the replica's port
/// only sockets that speak HTTP count.
final class ListenerWatch: Sendable {
  /// The replica's port.
  private let port: Int
  private let client: HTTPClient
  /// The number of requests to each socket, by inode, that got no HTTP response.
  private let asked = Mutex<[UInt64: Int]>([:])

  /// A socket that has been silent this often is not an HTTP server.
  private static let maximumAsks = 5
  /// How often to search for the socket of a replica that has answered. On a machine that hides it, it is never found.
  private static let maximumLooks = 20

  init(port: Int, client: HTTPClient) {
    self.port = port
    self.client = client
  }

  /// The finding for where the replica listens; nil if there is none.
  ///
  /// - Parameter stage: how far it has come. While it starts and its own port is unused, a server on another port is a
  ///   finding, even on loopback.
  func finding(_ group: ReplicaGroup, at stage: ReplicaStage) async -> ReplicaFailure? {
    let sockets = await sockets(of: group, at: stage)
    if let open = sockets.first(where: { $0.port == port && !$0.isLoopback }) { return Self.beyondLoopback(open) }
    let hasOwn = sockets.contains { $0.port == port }
    for socket in sockets where socket.port != port && (!socket.isLoopback || stage == .starting && !hasOwn) {
      guard asked.withLock({ $0[socket.inode, default: 0] < Self.maximumAsks }) else { continue }
      guard let status = await status(socket, "/health") else {
        asked.withLock { $0[socket.inode, default: 0] += 1 }
        continue
      }
      guard socket.isLoopback else { return Self.beyondLoopback(socket) }
      if status == 200 { return elsewhere(socket) }
    }
    return nil
  }

  /// The sockets on which the replica listens. One that has answered does listen: as long as the kernel's tables, which
  /// are not read in one piece, or the processes of a busy machine do not show that, nothing is known of the others.
  private func sockets(of group: ReplicaGroup, at stage: ReplicaStage) async -> [ListeningSocket] {
    var sockets: [ListeningSocket] = []
    for look in 0..<Self.maximumLooks {
      if look > 0 { try? await Task.sleep(for: .milliseconds(50)) }
      sockets = await BlockingWork.brief.run {
        ListeningSocket.listed(for: (group.members() ?? []).map(\.identity.pid))
      }
      if stage != .answered || sockets.contains(where: { $0.port == port }) { break }
    }
    return sockets
  }

  /// The status of an HTTP response; nil if there is none in time.
  private func status(_ socket: ListeningSocket, _ path: String) async -> Int? {
    var request = HTTPRequest(url: "http://\(socket.reachable):\(socket.port)\(path)")
    request.timeouts = HTTPTimeouts(connect: .seconds(1), idle: .seconds(1), total: .seconds(2))
    return try? await client.execute(request).status
  }

  private static func beyondLoopback(_ socket: ListeningSocket) -> ReplicaFailure {
    ReplicaFailure(
      "the replica listens on \(socket.address):\(socket.port), outside loopback and without a token, so it was "
        + "stopped; start the server with --host 127.0.0.1")
  }

  private func elsewhere(_ socket: ListeningSocket) -> ReplicaFailure {
    ReplicaFailure(
      "the replica serves on port \(socket.port) instead of its own, \(port), so it was stopped; use --port "
        + "{port} in the entrypoint"
    )
  }
}
