import Controller
import Testing

@Suite struct `A webhook` {
  // The example of GitHub's documentation, "Validating webhook deliveries".
  private static let secret = "It's a Secret to Everybody"
  private static let body = "Hello, World!"
  private static let code = "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"

  private func check(
    _ headers: [(String, String)], method: String = "POST", body: String = body, secret: String = secret
  ) -> WebhookSignature.Verdict {
    WebhookSignature.check(
      method: method, headers: headers.map { (name: $0.0, value: $0.1) }, body: Array(body.utf8),
      secret: Array(secret.utf8))
  }

  private func words(_ verdict: WebhookSignature.Verdict) -> String {
    if case .refused(let words) = verdict { words } else { "" }
  }

  private static let right: [(String, String)] = [
    ("X-Hub-Signature-256", "sha256=" + code), ("x-hub-signature-256", "sha256=" + code.uppercased()),
    ("X-Setpoint-Signature", "sha256=" + code), ("X-Gitlab-Token", secret),
  ]

  @Test(arguments: right)
  func `a webhook of each form is accepted with the right signature`(name: String, value: String) {
    #expect(check([("Content-Type", "application/json"), (name, value)]) == .accepted)
  }

  private static let wrong: [(String, String)] = [
    ("X-Hub-Signature-256", "sha256=" + code.dropLast() + "8"), ("X-Hub-Signature-256", code),
    ("X-Hub-Signature-256", "sha1=" + code), ("X-Hub-Signature-256", "sha256="), ("X-Hub-Signature-256", ""),
    ("X-Hub-Signature-256", "sha256=" + code + "00"), ("X-Setpoint-Signature", "sha256=zz"),
    ("X-Gitlab-Token", "It's a Secret to Everybod"), ("X-Gitlab-Token", ""), ("X-Gitlab-Token", code),
    ("X-Hub-Signature", "sha1=01dc10d0c83e72ed246219cdd91669667fe2ca59"), ("X-Other", secret),
  ]

  @Test(arguments: wrong)
  func `a webhook with a wrong signature is refused in a message without secrets`(name: String, value: String) {
    let words = words(check([(name, value)]))
    #expect(!words.isEmpty)
    #expect(!words.contains(Self.secret) && !words.contains(Self.code))
  }

  @Test func `a webhook that was changed in transit is refused`() {
    #expect(check([("X-Hub-Signature-256", "sha256=" + Self.code)], body: Self.body + " ") != .accepted)
  }

  @Test func `a webhook that is not a POST or is ambiguous is refused`() {
    let good = ("X-Hub-Signature-256", "sha256=" + Self.code)
    #expect(words(check([good], method: "GET")).contains("GET"))
    #expect(check([good, ("X-Gitlab-Token", "wrong")]) != .accepted)
    #expect(check([good, good]) != .accepted)
  }

  @Test func `a webhook is never accepted without a configured secret`() {
    // The code of the empty message under the empty key.
    let empty = "sha256=b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad"
    #expect(check([("X-Hub-Signature-256", empty)], body: "", secret: "") != .accepted)
    #expect(check([("X-Gitlab-Token", "")], secret: "") != .accepted)
  }
}
