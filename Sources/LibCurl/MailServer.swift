internal import CCurl

/// An SMTP server that takes mail.
///
/// With `smtps` the connection is encrypted from its start. With `smtp` it is as soon as the server offers that
/// (STARTTLS), and a password is never sent without it. A server on this machine (`localhost`, `127.0.0.1` or `[::1]`)
/// is an exception: its connections are not encrypted.
package struct MailServer: Sendable {
  /// The address as it may be shown, such as `smtp://mail.example.com:587`.
  package let url: String
  /// Who logs in; nil if nobody does.
  package let user: String?
  /// A PEM file with the authorities to trust *instead of* the system's; nil for the system's.
  package let caFile: String?
  let encryption: Encryption

  enum Encryption: Sendable {
    /// From the connection's start.
    case always
    /// Once the server offers it.
    case offered
    /// The server's own machine.
    case none
  }

  /// - Parameter text: such as `smtp://user@mail.example.com:587`, `smtps://mail.example.com` or `smtp://localhost:25`.
  /// - Throws: `Malformed`, which does not repeat the text.
  package init(_ text: String, caFile: String? = nil) throws(Malformed) {
    if let byte = text.utf8.first(where: { $0 <= 0x20 || $0 == 0x7F }) {
      throw Malformed(reason: "it contains \(byte.controlName)")
    }
    guard let url = curl_url() else { throw Malformed(reason: "out of memory") }
    defer { curl_url_cleanup(url) }
    let code = curl_url_set(url, CURLUPART_URL, text, 0)
    guard code == CURLUE_OK else { throw Malformed(reason: String(cString: curl_url_strerror(code))) }
    func part(_ part: CURLUPart, _ flags: UInt32 = 0) -> String? {
      var value: UnsafeMutablePointer<CChar>?
      guard curl_url_get(url, part, &value, flags) == CURLUE_OK, let value else { return nil }
      defer { curl_free(value) }
      return String(cString: value)
    }
    guard let scheme = part(CURLUPART_SCHEME), scheme == "smtp" || scheme == "smtps" else {
      throw Malformed(reason: "only smtp and smtps URLs are supported")
    }
    guard let host = part(CURLUPART_HOST), !host.isEmpty else { throw Malformed(reason: "it has no host") }
    guard part(CURLUPART_PASSWORD) == nil else {
      throw Malformed(reason: "it contains a password, which other users of this machine could read")
    }
    let hasMore = [CURLUPART_QUERY, CURLUPART_FRAGMENT].contains { part($0) != nil }
    guard part(CURLUPART_PATH) ?? "/" == "/", !hasMore else {
      throw Malformed(reason: "nothing may follow the host and the port")
    }
    user = part(CURLUPART_USER, UInt32(CURLU_URLDECODE)).flatMap { $0.isEmpty ? nil : $0 }
    self.url = "\(scheme)://\(host)\(part(CURLUPART_PORT).map { ":\($0)" } ?? "")"
    self.caFile = caFile
    let isLocal = ["localhost", "127.0.0.1", "[::1]"].contains(host.lowercased())
    encryption = scheme == "smtps" ? .always : isLocal ? .none : .offered
  }

  /// Sends a mail, and returns when the server has accepted or refused it. Canceling the task ends the transfer within a
  /// second.
  ///
  /// - Parameter password: the password of ``user``, if there is one.
  /// - Returns: why it was not accepted; nil if it was.
  package func send(_ message: MailMessage, password: String? = nil) async -> MailFailure? {
    let transfer = MailTransfer(message, to: self, password: password)
    return await withTaskCancellationHandler {
      await withCheckedContinuation { (continuation: CheckedContinuation<MailFailure?, Never>) in
        let code = startThread { continuation.resume(returning: transfer.perform()) }
        guard code != 0 else { return }
        continuation.resume(
          returning: MailFailure(message: "could not start a thread (error \(code))", mayPass: true))
      }
    } onCancel: {
      transfer.cancel()
    }
  }

  /// The error for a text that is not the URL of a mail server. It does not repeat the text, which may contain a
  /// password.
  package struct Malformed: Error, CustomStringConvertible {
    package let reason: String

    package var description: String {
      "not a valid address of a mail server: \(reason); write smtp://[USER@]HOST[:PORT] or smtps://[USER@]HOST[:PORT]"
    }
  }
}

/// Why a mail was not accepted.
package struct MailFailure: Error, Sendable, Hashable {
  /// For people, with curl's or the server's own words. It contains no password.
  package let message: String
  /// Whether another attempt may succeed: the server did not refuse the mail for good.
  package let mayPass: Bool
}
