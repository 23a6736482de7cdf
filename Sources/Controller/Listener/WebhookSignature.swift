internal import LibCrypto

/// Verifies that a webhook's sender knows the secret.
///
/// Three forms are supported: GitHub's, which Gitea and Forgejo send as well (`X-Hub-Signature-256: sha256=` and the
/// HMAC-SHA256 of the body in hexadecimal), GitLab's (`X-Gitlab-Token:` and the secret itself), and the same as
/// GitHub's under our own name (`X-Setpoint-Signature`). The content of a webhook is not read: it only triggers a sync
/// of the source.
package enum WebhookSignature {
  package enum Verdict: Hashable, Sendable {
    case accepted
    /// The reason, for the log and the sender; without secrets and without the body.
    case refused(String)
  }

  /// - Parameters:
  ///   - method: the request's method.
  ///   - headers: names in any case, in the order received.
  ///   - body: the complete, unchanged body.
  ///   - secret: shared with the sender. An empty one accepts nobody.
  package static func check(
    method: String, headers: [(name: String, value: String)], body: [UInt8], secret: [UInt8]
  ) -> Verdict {
    guard method == "POST" else { return .refused("a webhook must use POST, not \(shown(method))") }
    guard !secret.isEmpty else { return .refused("no webhook secret is configured") }
    var proofs: [(form: Form, value: String)] = []
    for (name, value) in headers {
      if let form = Form(rawValue: name.lowercased()) { proofs.append((form, value)) }
    }
    guard let proof = proofs.first else { return .refused(missing(headers)) }
    guard proofs.count == 1 else { return .refused("more than one signature header; send only one") }
    return proof.form == .gitLab
      ? checkToken(proof.value, secret) : checkSignature(proof.value, proof.form, body, secret)
  }

  private enum Form: String {
    case gitHub = "x-hub-signature-256"
    case gitLab = "x-gitlab-token"
    case plain = "x-setpoint-signature"

    var header: String {
      switch self {
      case .gitHub: "X-Hub-Signature-256"
      case .gitLab: "X-Gitlab-Token"
      case .plain: "X-Setpoint-Signature"
      }
    }
  }

  private static func checkSignature(_ value: String, _ form: Form, _ body: [UInt8], _ secret: [UInt8]) -> Verdict {
    let prefix = "sha256="
    guard value.hasPrefix(prefix), let code = Hexadecimal.decode(value.dropFirst(prefix.count)), code.count == 32 else {
      return .refused("\(form.header) is not \(prefix) and 64 hexadecimal digits")
    }
    guard HMACSHA256.isValid(code, for: body, key: secret) else {
      return .refused("\(form.header) does not match the body and the configured secret")
    }
    return .accepted
  }

  /// Compares digests, which have equal lengths: comparing the texts would reveal the length of the secret.
  private static func checkToken(_ value: String, _ secret: [UInt8]) -> Verdict {
    guard constantTimeEquals(SHA256.hash(value.utf8).bytes, SHA256.hash(secret).bytes) else {
      return .refused("\(Form.gitLab.header) does not match the configured secret")
    }
    return .accepted
  }

  private static func missing(_ headers: [(name: String, value: String)]) -> String {
    let known = "X-Hub-Signature-256, X-Gitlab-Token or X-Setpoint-Signature"
    if headers.contains(where: { $0.name.lowercased() == "x-hub-signature" }) {
      return "X-Hub-Signature uses SHA-1, which is not accepted; send \(known)"
    }
    return "the signature is missing; send \(known)"
  }

  private static func shown(_ method: String) -> String {
    let letters = method.prefix(10).filter { $0.isASCII && $0.isLetter }
    return letters.isEmpty ? "another method" : letters
  }
}
