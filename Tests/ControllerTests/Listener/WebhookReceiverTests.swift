import LibCrypto
import Synchronization
import Testing

@testable import Controller

@Suite struct `The webhook gate` {
  private func hook(_ body: String, secret: String, headers: [(name: String, value: String)] = [])
    -> ListenerCalls.WebhookRequest
  {
    let bytes = Array(body.utf8)
    let code = HMACSHA256.authenticate(bytes, key: Array(secret.utf8))
    return ListenerCalls.WebhookRequest(
      fields: headers + [(name: "X-Hub-Signature-256", value: "sha256=\(Hexadecimal.encode(code))")], body: bytes)
  }

  private func isAccepted(_ answer: ListenerCalls.WebhookResponse) -> Bool {
    if case .accepted = answer { true } else { false }
  }
  private func isSeen(_ answer: ListenerCalls.WebhookResponse) -> Bool {
    if case .seen = answer { true } else { false }
  }

  @Test func `a replayed delivery is not acted on twice, whatever its id`() {
    let receiver = WebhookReceiver(secret: { Array("s3cret".utf8) })
    #expect(
      isAccepted(receiver.response(to: hook("{\"after\":1}", secret: "s3cret", headers: [("X-GitHub-Delivery", "a")]))))
    #expect(
      isSeen(receiver.response(to: hook("{\"after\":1}", secret: "s3cret", headers: [("X-GitHub-Delivery", "b")]))))
    #expect(isAccepted(receiver.response(to: hook("{\"after\":2}", secret: "s3cret"))))
  }

  @Test func `a call that is not authentic is not remembered`() {
    let receiver = WebhookReceiver(secret: { Array("s3cret".utf8) })
    guard case .refused = receiver.response(to: hook("{}", secret: "guessed")) else {
      Issue.record("a wrong signature was accepted")
      return
    }
    #expect(isAccepted(receiver.response(to: hook("{}", secret: "s3cret"))))
  }

  @Test func `a replaced secret takes effect at once, and an unreadable one admits nobody`() {
    struct NotFound: Error {}
    let secret = Mutex<String?>("first")
    let receiver = WebhookReceiver(secret: {
      guard let text = secret.withLock({ $0 }) else { throw NotFound() }
      return Array(text.utf8)
    })
    #expect(isAccepted(receiver.response(to: hook("1", secret: "first"))))
    secret.withLock { $0 = "second" }
    #expect(!isAccepted(receiver.response(to: hook("2", secret: "first"))))
    #expect(isAccepted(receiver.response(to: hook("2", secret: "second"))))
    secret.withLock { $0 = nil }
    #expect(!isAccepted(receiver.response(to: hook("3", secret: "second"))))
  }

  @Test func `only the newest deliveries are remembered, up to a limit`() {
    var seen = SeenDeliveries(capacity: 3)
    let answers = [0, 1, 2, 3, 1, 2, 3, 0].map { body in seen.remember([body]) }
    #expect(answers == [true, true, true, true, false, false, false, true])
  }
}
