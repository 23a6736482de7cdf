internal import CanonicalJSON
internal import Durations
internal import LibCurl
package import Logging
package import Scheduling
internal import ServiceLifecycle
package import ServingAPI

/// Posts notifications to a URL, one at a time, until each is accepted, refused or out of retries.
///
/// Posting never waits for the receiver: notifications queue, and when the queue is full the oldest is dropped. If the
/// receiver does not respond or returns 408, 425, 429 or 5xx, the call is retried with increasing delays, and not
/// before its `Retry-After`. On a graceful shutdown, queued notifications are still tried for a few seconds. In a
/// service group, it precedes the services that post, so that it is stopped after them.
package final class WebhookNotifier: Service, NotificationSink {
  package struct Limits: Sendable {
    /// The maximum number of queued notifications.
    package var queue = 256
    /// The maximum number of attempts for one notification.
    package var tries = 8
    package var backoff = Backoff(first: .seconds(1), cap: .seconds(60))
    /// The maximum delay, whatever the receiver requests.
    package var longestPause: Duration = .seconds(600)
    /// How long delivery continues after the controller was told to stop.
    package var shutdownGrace: Duration = .seconds(5)

    package init() {}
  }

  private let address: @Sendable () -> WebhookURL
  private var url: WebhookURL { address() }
  private let template: NotificationTemplate
  private let transport: Transport
  private let timing: Timing
  private let limits: Limits
  private let log: Logger
  private let record: @Sendable (ControllerMetrics.Delivery) -> Void
  private let queue: NotificationQueue

  /// - Parameters:
  ///   - address: the URL; read for each attempt, so that a replaced one takes effect immediately.
  ///   - transport: the network; nil: libcurl, with the environment's proxy.
  ///   - record: called with the result of each notification.
  package init(
    to address: @escaping @Sendable () -> WebhookURL, template: NotificationTemplate = .standard,
    limits: Limits = Limits(),
    transport: Transport? = nil,
    timing: Timing = .system, log: Logger, record: @escaping @Sendable (ControllerMetrics.Delivery) -> Void = { _ in }
  ) {
    self.address = address
    self.template = template
    self.limits = limits
    self.transport = transport ?? HTTPClient().transport
    self.timing = timing
    self.log = log
    self.record = record
    queue = NotificationQueue(capacity: limits.queue)
  }

  package func post(_ notification: FleetNotification) {
    if queue.append(notification) { record(.dropped) }
  }

  package func run() async throws {
    await withTaskGroup(of: Void.self) { group in
      group.addTask { await self.deliver() }
      group.addTask {
        guard (try? await gracefulShutdown()) != nil else { return }
        self.queue.close()
        try? await self.timing.sleep(self.limits.shutdownGrace)
      }
      await group.next()
      group.cancelAll()
    }
    let left = queue.count
    guard left > 0 else { return }
    for _ in 0..<left { record(.dropped) }
    log.warning(
      "notifications were not delivered before shutdown", metadata: ["count": "\(left)", "webhook": "\(url)"])
  }

  private func deliver() async {
    while let notification = await queue.next() {
      let dropped = queue.takeDropped()
      if dropped > 0 {
        log.warning(
          "notifications dropped: the webhook is too slow",
          metadata: ["count": "\(dropped)", "webhook": "\(url)"])
      }
      do { try await deliver(notification) } catch {
        record(.dropped)
        log.warning("a notification was not delivered before shutdown", metadata: facts(notification))
        return
      }
    }
  }

  /// - Throws: `CancellationError`.
  private func deliver(_ notification: FleetNotification) async throws {
    let body = template.body(for: notification).bytes()
    for tried in 1... {
      let failure: Failure
      switch try await send(body) {
      case nil:
        record(.delivered)
        log.debug("notification delivered", metadata: facts(notification))
        return
      case let problem?: failure = problem
      }
      guard failure.mayPass, tried < limits.tries else { return giveUp(notification, failure, tried) }
      let backoff = limits.backoff.delay(afterFailures: tried, chance: timing.jitter())
      let pause = min(max(backoff, failure.retryAfter ?? .zero), limits.longestPause)
      log.log(
        level: tried == 1 ? .warning : .debug, "notification not delivered; retrying",
        metadata: facts(notification)
          .merging(["error": "\(failure.message)", "pause": "\(DurationText.text(pause))"]) { $1 })
      try await wait(pause)
    }
  }

  private func giveUp(_ notification: FleetNotification, _ failure: Failure, _ tried: Int) {
    record(.failed)
    log.error(
      "notification dropped after the last retry",
      metadata: facts(notification).merging(["error": "\(failure.message)", "tries": "\(tried)"]) { $1 })
  }

  private func facts(_ notification: FleetNotification) -> Logger.Metadata {
    var facts: Logger.Metadata = ["webhook": "\(url)", "kind": "\(notification.kind.rawValue)"]
    if let endpoint = notification.endpoint { facts["endpoint"] = "\(endpoint)" }
    return facts
  }

  private struct Failure {
    let message: String
    let mayPass: Bool
    var retryAfter: Duration?
  }

  /// Sends a body once; returns nil if it was accepted.
  private func send(_ body: [UInt8]) async throws -> Failure? {
    let url = self.url
    let request = HTTPRequest(
      method: "POST", url: url.text, headers: [HTTPField("Content-Type", "application/json")], body: body,
      timeouts: HTTPTimeouts(connect: .seconds(5), idle: .seconds(10), total: .seconds(15)))
    do {
      let answer = try await transport(request)
      let words = await Self.start(of: answer)
      if (200..<300).contains(answer.status) { return nil }
      return Failure(
        message: "the webhook returned \(answer.status)" + (words.isEmpty ? "" : ": \(url.redacted(words))"),
        mayPass: answer.status >= 500 || [408, 425, 429].contains(answer.status),
        retryAfter: RetryAfter.duration(answer.headers, secondsSince1970: timing.secondsSince1970()))
    } catch let error as HTTPClientError {
      try Task.checkCancellation()
      return Failure(message: url.redacted(error.message), mayPass: error.code != .invalidRequest)
    } catch {
      try Task.checkCancellation()
      return Failure(message: url.redacted("\(error)"), mayPass: true)
    }
  }

  /// Returns the beginning of the response. The rest of a short response is also read, so that the connection can be
  /// reused.
  private static func start(of answer: APIResponse) async -> String {
    var bytes: [UInt8] = []
    do {
      for try await piece in answer.body where bytes.count < 64 << 10 { bytes += piece }
    } catch {
      // The part that was received before the failure is enough.
    }
    return String(decoding: bytes, as: UTF8.self).split(whereSeparator: \.isWhitespace).joined(separator: " ")
      .prefix(200).description
  }

  /// Waits, but at most until the controller is told to stop. After that there is only time for a short delay.
  private func wait(_ pause: Duration) async throws {
    if queue.isClosed { return try await timing.sleep(min(pause, limits.backoff.first)) }
    await withTaskGroup(of: Void.self) { group in
      group.addTask { try? await self.timing.sleep(pause) }
      group.addTask { await self.queue.closed() }
      await group.next()
      group.cancelAll()
    }
    try Task.checkCancellation()
  }
}
