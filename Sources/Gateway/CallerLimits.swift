/// What a listener grants its callers: how many, how much, and how long it waits for each.
package struct CallerLimits: Hashable, Sendable {
  /// Connections open at once. For one more the caller who has been idle for longest has to go.
  package var maxConnections = 1000
  /// How long a connection may stay open between two requests.
  package var idleTimeout: Duration = .seconds(120)
  /// How long the head of a request may take, from its first byte, or from the connection's start for the first one.
  package var headerTimeout: Duration = .seconds(10)
  /// A body has to come in at ``minimumRate`` at least, measured over each span of so long.
  package var bodyTimeout: Duration = .seconds(30)
  /// An answer has to be read at ``minimumRate`` at least, measured over each span of so long in which the caller's side
  /// takes nothing more.
  package var answerTimeout: Duration = .seconds(30)
  /// Bytes a second.
  package var minimumRate = 1024
  /// Bytes of request bodies held over all connections: those being received, those that wait for a place and those whose
  /// answer has not begun.
  package var heldBytes = 64 << 20
  /// After an answer that ends the connection, for so long what the caller still sends is read and dropped: a connection
  /// that is closed over unread bytes takes the answer with it.
  package var linger: Duration = .seconds(2)

  package init() {}

  /// How often a connection is looked at: fine enough for the shortest of the times.
  var lookEvery: Duration {
    let shortest = [idleTimeout, headerTimeout, bodyTimeout, answerTimeout, linger].min() ?? .seconds(1)
    return max(.milliseconds(10), min(.seconds(1), shortest / 4))
  }
}
