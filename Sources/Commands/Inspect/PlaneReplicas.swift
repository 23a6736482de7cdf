internal import Endpoints
internal import History
internal import Planning
internal import ServingAPI

/// What a serving plane says about the replicas of an endpoint.
struct PlaneReplicas: Sendable {
  /// Oldest first, with those that have ended lately.
  let replicas: [WireReplica]
  /// The newest events in their lives, oldest first.
  let events: [HistoryEvent]
}

extension Connection {
  /// Asks a serving plane about the replicas of an endpoint.
  ///
  /// - Parameter newest: the maximum number of events.
  /// - Returns: nil for a workspace. A plane of an earlier version, or one that does not answer, gives nil too.
  /// - Throws: only `CancellationError`.
  func planeReplicas(of name: String, newest: Int) async throws -> PlaneReplicas? {
    guard Cloud(url: target.url) == nil, await client.isPlane() else { return nil }
    do {
      guard let replicas = try await provider.replicas(of: name) else { return nil }
      let events = try await provider.replicaEvents(of: name) ?? []
      return PlaneReplicas(
        replicas: replicas,
        events: events.suffix(newest).compactMap { event in
          event.at.map { HistoryEvent(at: Timestamp(milliseconds: $0), what: event.message) }
        })
    } catch is ServingError {
      return nil
    }
  }
}
