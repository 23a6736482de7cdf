import CanonicalJSON
import Durations
import LibCrypto
import LibCurl
import Logging
import Scheduling
import ServingAPI
import Synchronization

/// Delivers notifications in the background: each to its address, until it is accepted, refused or out of retries.
///
/// Nothing waits for a delivery. The queue is bounded: what it has no room for is dropped, with a line in the log. A
/// notification that was not delivered before the plane stops is lost.
final class NotificationOutbox: Sendable {
  struct Limits: Sendable {
    /// The most notifications that wait for a delivery to begin.
    var queue = 256
    /// The most deliveries at once: one receiver that does not respond does not hold up the others.
    var atOnce = 16
    /// The most attempts for one notification.
    var tries = 6
    var backoff = Backoff(first: .seconds(1), cap: .seconds(60))
    /// The longest pause, whatever a receiver asks for.
    var longestPause: Duration = .seconds(300)
  }

  private struct Delivery: Sendable {
    let notification: UpdateNotification
    let address: NotificationAddress
  }

  private let mail: PlaneMail?
  private let secrets: SecretFolder
  private let limits: Limits
  private let transport: Transport
  private let timing: Timing
  private let log: Logger
  private let waiting: AsyncStream<Delivery>
  private let input: AsyncStream<Delivery>.Continuation
  /// The endpoints of which the log says that their email is not sent.
  private let unsent = Mutex<Set<String>>([])

  /// - Parameters:
  ///   - mail: how to send email; nil: it is not sent.
  ///   - transport: the network for webhooks; nil: libcurl, with the environment's proxy.
  init(
    mail: PlaneMail?, secrets: SecretFolder, limits: Limits = Limits(), transport: Transport? = nil,
    timing: Timing = .system, log: Logger
  ) {
    self.mail = mail
    self.secrets = secrets
    self.limits = limits
    self.transport = transport ?? HTTPClient().transport
    self.timing = timing
    self.log = log
    (waiting, input) = AsyncStream.makeStream(bufferingPolicy: .bufferingOldest(max(1, limits.queue)))
  }

  /// Queues a notification for each address. Returns at once.
  func post(_ notification: UpdateNotification, to addresses: [String]) {
    for text in Set(addresses).sorted() {
      // One that an earlier version accepted and this one does not.
      guard let address = NotificationAddress(text) else { continue }
      if case .mail = address, mail == nil {
        noteUnsent(notification.endpoint)
        continue
      }
      let delivery = Delivery(notification: notification, address: address)
      guard case .dropped = input.yield(delivery) else { continue }
      log.error("notification dropped: too many are waiting for their receivers", metadata: facts(delivery))
    }
  }

  /// Delivers until the task is canceled.
  func run() async {
    await withTaskGroup(of: Void.self) { group in
      var inFlight = 0
      for await delivery in waiting {
        if inFlight >= limits.atOnce {
          await group.next()
          inFlight -= 1
        }
        inFlight += 1
        group.addTask { await self.deliver(delivery) }
      }
      group.cancelAll()
    }
  }

  private func noteUnsent(_ endpoint: String) {
    let isNew = unsent.withLock { unsent in
      // More endpoints than a plane has: they are told again rather than kept forever.
      if unsent.count >= 10_000 { unsent = [] }
      return unsent.insert(endpoint).inserted
    }
    guard isNew else { return }
    log.warning(
      "the endpoint's notifications by email are not sent: the plane has no mail server; start it with --smtp URL",
      metadata: ["endpoint": "\(endpoint)"])
  }

  // MARK: Delivering

  /// Why an attempt failed.
  private struct Failure {
    let message: String
    let mayPass: Bool
    var retryAfter: Duration?
  }

  private func deliver(_ delivery: Delivery) async {
    for tried in 1... {
      guard let failure = await attempt(delivery) else {
        log.debug("notification delivered", metadata: facts(delivery))
        return
      }
      var told = facts(delivery)
      told["error"] = "\(failure.message)"
      guard !Task.isCancelled else {
        log.warning("a notification was not delivered before the plane stopped", metadata: told)
        return
      }
      guard failure.mayPass, tried < limits.tries else {
        told["tries"] = "\(tried)"
        log.error("notification dropped", metadata: told)
        return
      }
      let backoff = limits.backoff.delay(afterFailures: tried, chance: timing.jitter())
      let pause = min(max(backoff, failure.retryAfter ?? .zero), limits.longestPause)
      told["pause"] = "\(DurationText.text(pause))"
      log.log(level: tried == 1 ? .warning : .debug, "notification not delivered; retrying", metadata: told)
      try? await timing.sleep(pause)
    }
  }

  private func facts(_ delivery: Delivery) -> Logger.Metadata {
    ["endpoint": "\(delivery.notification.endpoint)", "to": "\(delivery.address.shown)"]
  }

  /// Delivers once; returns nil if the receiver has accepted it.
  private func attempt(_ delivery: Delivery) async -> Failure? {
    switch delivery.address {
    case .mail(let address):
      // Checked when it was queued.
      guard let mail else { return nil }
      return await send(delivery.notification, to: address, by: mail)
    case .webhook(let url, _): return await post(delivery.notification.body, to: url)
    }
  }

  private func send(_ notification: UpdateNotification, to address: MailAddress, by mail: PlaneMail) async -> Failure? {
    let id: String
    do { id = Hexadecimal.encode(try SecureRandom.bytes(count: 16)) } catch {
      return Failure(message: "\(error)", mayPass: true)
    }
    let password: String?
    do throws(SecretError) { password = try await self.password(of: mail) } catch {
      return Failure(message: error.description, mayPass: true)
    }
    let message = notification.mail(to: address, from: mail.sender, id: id)
    let failure = await mail.server.send(message, password: password)
    return failure.map { Failure(message: $0.message, mayPass: $0.mayPass) }
  }

  /// Read for each mail, so that a replaced one takes effect at once. A server without a user needs none.
  private func password(of mail: PlaneMail) async throws(SecretError) -> String? {
    guard mail.server.user != nil else { return nil }
    if let password = mail.password { return password }
    return try await BlockingWork.brief.run { [secrets] () throws(SecretError) in
      try secrets.resolve(["password": PlaneMail.secretReference])["password"]
    }
  }

  private func post(_ body: JSONValue, to url: String) async -> Failure? {
    let request = HTTPRequest(
      method: "POST", url: url, headers: [HTTPField("Content-Type", "application/json")], body: body.bytes(),
      timeouts: HTTPTimeouts(connect: .seconds(5), idle: .seconds(10), total: .seconds(15)))
    do {
      let response = try await transport(request)
      await Self.drain(response)
      if (200..<300).contains(response.status) { return nil }
      return Failure(
        message: "the webhook returned \(response.status)",
        mayPass: response.status >= 500 || [408, 425, 429].contains(response.status),
        retryAfter: RetryAfter.duration(response.headers, secondsSince1970: timing.secondsSince1970()))
    } catch let error as HTTPClientError {
      // Its message names the host at most; its description would show the path.
      return Failure(message: error.message, mayPass: error.code != .invalidRequest)
    } catch {
      return Failure(message: "the webhook could not be called", mayPass: true)
    }
  }

  /// Reads a short response to its end, so that the connection can be used again.
  private static func drain(_ response: APIResponse) async {
    var bytes = 0
    do {
      for try await piece in response.body {
        bytes += piece.count
        guard bytes < 64 << 10 else { return }
      }
    } catch {
      // The status is enough.
    }
  }
}
