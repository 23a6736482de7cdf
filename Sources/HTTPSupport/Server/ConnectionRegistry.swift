import NIOCore
import Synchronization

/// The open connections of a server and the activity of each.
final class ConnectionRegistry: Sendable {
  private struct Entry {
    let channel: any Channel
    /// Requests whose head was received and whose response is not completely written.
    var requests = 0
    /// When it last started or finished a request.
    var since: NIODeadline
  }

  private struct State {
    var entries: [ObjectIdentifier: Entry] = [:]
    var requests = 0
    var isLeaving = false
  }

  private let state = Mutex(State())

  /// The number of open connections.
  var connections: Int { state.withLock { $0.entries.count } }

  /// The number of requests in progress: head received, response not completely written.
  var requests: Int { state.withLock { $0.requests } }

  /// Whether every response from now on asks the client to close its connection.
  var isLeaving: Bool { state.withLock { $0.isLeaving } }

  func leave() { state.withLock { $0.isLeaving = true } }

  func opened(_ channel: any Channel) {
    state.withLock { $0.entries[ObjectIdentifier(channel)] = Entry(channel: channel, since: .now()) }
  }

  func closed(_ channel: any Channel) {
    state.withLock { state in
      guard let entry = state.entries.removeValue(forKey: ObjectIdentifier(channel)) else { return }
      state.requests -= entry.requests
    }
  }

  func begun(_ channel: any Channel) { change(channel, by: 1) }

  func answered(_ channel: any Channel) { change(channel, by: -1) }

  private func change(_ channel: any Channel, by count: Int) {
    state.withLock { state in
      let key = ObjectIdentifier(channel)
      guard let entry = state.entries[key], entry.requests + count >= 0 else { return }
      state.entries[key]?.requests += count
      state.entries[key]?.since = .now()
      state.requests += count
    }
  }

  /// Closes the connections that have been idle for this long.
  func closeIdle(for time: TimeAmount) {
    let now = NIODeadline.now()
    close { $0.requests == 0 && now - $0.since >= time }
  }

  /// Closes every connection, regardless of its activity.
  func closeAll() { close { _ in true } }

  private func close(where isMeant: (Entry) -> Bool) {
    let channels = state.withLock { $0.entries.values.filter(isMeant).map(\.channel) }
    for channel in channels { channel.close(promise: nil) }
  }
}
