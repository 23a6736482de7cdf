/// The limits of a listener for its callers: connections, bytes and timeouts.
package struct ClientLimits: Hashable, Sendable {
  /// The maximum number of open connections. At the limit, a new one closes the one that has been idle longest.
  package var maxConnections = 1000
  /// How long a connection may stay open between two requests.
  package var idleTimeout: Duration = .seconds(120)
  /// How long the head of a request may take, from its first byte; for the first request, from the start of the
  /// connection.
  package var headerTimeout: Duration = .seconds(10)
  /// The interval over which a body must arrive at ``minimumRate`` or faster.
  package var bodyTimeout: Duration = .seconds(30)
  /// The interval over which a response must be read at ``minimumRate`` or faster, while the caller's side has a full
  /// buffer.
  package var answerTimeout: Duration = .seconds(30)
  /// The minimum rate of sending and reading, in bytes per second.
  package var minimumRate = 1024
  /// The maximum number of bytes of request bodies held across all connections: those being received, and those whose
  /// response has not started, unless their handler counts them itself (``BodyHandedOver``).
  package var requestMemory = 64 << 20
  /// How long to read and drop what the caller still sends after the final response: closing a connection with unread
  /// bytes loses the response.
  package var linger: Duration = .seconds(2)

  package init() {}

  /// How often a connection is checked: often enough for the shortest timeout.
  var checkInterval: Duration {
    let shortest = [idleTimeout, headerTimeout, bodyTimeout, answerTimeout, linger].min() ?? .seconds(1)
    return max(.milliseconds(10), min(.seconds(1), shortest / 4))
  }
}
