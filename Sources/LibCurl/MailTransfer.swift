internal import CCurl
internal import Synchronization

/// One mail on its way, on a thread of its own: mails are rare, so that libcurl's simple interface is enough.
final class MailTransfer: Sendable {
  private let message: MailMessage
  private let server: MailServer
  private let password: String?
  private let isCanceled = Atomic<Bool>(false)

  init(_ message: MailMessage, to server: MailServer, password: String?) {
    self.message = message
    self.server = server
    self.password = password
  }

  /// Ends the transfer within a second.
  func cancel() { isCanceled.store(true, ordering: .relaxed) }

  /// How long a connection may take, and how long the whole transfer.
  private static let connectLimit = 10_000
  private static let totalLimit = 30_000

  /// Sends the mail. Blocks until the server has accepted or refused it.
  func perform() -> MailFailure? {
    let details = UnsafeMutablePointer<CChar>.allocate(capacity: Int(CURL_ERROR_SIZE))
    details.initialize(repeating: 0, count: Int(CURL_ERROR_SIZE))
    defer { details.deallocate() }
    let recipients = curl_slist_append(nil, "<\(message.to.text)>")
    defer { curl_slist_free_all(recipients) }
    let source = Source(message.bytes, of: self)
    return withExtendedLifetime(source) { () -> MailFailure? in
      guard TransferLoop.isSetUp, let easy = curl_easy_init() else {
        return MailFailure(message: "libcurl could not start", mayPass: true)
      }
      // Before anything that it refers to is freed.
      defer { curl_easy_cleanup(easy) }
      var code = setUp(easy, details, recipients, source)
      if code == CURLE_OK { code = curl_easy_perform(easy) }
      return code == CURLE_OK ? nil : failure(code, easy, detail: String(cString: details))
    }
  }

  private func failure(_ code: CURLcode, _ easy: UnsafeMutableRawPointer, detail: String) -> MailFailure {
    if isCanceled.load(ordering: .relaxed) { return MailFailure(message: "canceled", mayPass: true) }
    var reply = 0
    _ = curl_easy_getinfo_long(easy, CURLINFO_RESPONSE_CODE, &reply)
    let words = detail.isEmpty ? CurlFailure.description(code) : detail
    return MailFailure(message: "\(server.url): \(words)", mayPass: !(500..<600).contains(reply))
  }

  // MARK: Set-up

  private func setUp(
    _ easy: UnsafeMutableRawPointer, _ details: UnsafeMutablePointer<CChar>,
    _ recipients: UnsafeMutablePointer<curl_slist>?, _ source: Source
  ) -> CURLcode {
    let this = Unmanaged.passUnretained(source).toOpaque()
    // Evaluated in order, up to the first that fails.
    let steps: [() -> CURLcode] = [
      { curl_easy_setopt_pointer(easy, CURLOPT_ERRORBUFFER, UnsafeMutableRawPointer(details)) },
      { curl_easy_setopt_long(easy, CURLOPT_NOSIGNAL, 1) },
      { curl_easy_set_mail_protocols(easy) },
      { curl_easy_setopt_string(easy, CURLOPT_URL, self.server.url) },
      // The environment's proxies are for HTTP.
      { curl_easy_setopt_string(easy, CURLOPT_PROXY, "") },
      { curl_easy_setopt_long(easy, CURLOPT_CONNECTTIMEOUT_MS, Self.connectLimit) },
      { curl_easy_setopt_long(easy, CURLOPT_TIMEOUT_MS, Self.totalLimit) },
      { self.setTrust(easy) },
      { self.setUser(easy) },
      { curl_easy_setopt_string(easy, CURLOPT_MAIL_FROM, "<\(self.message.from.text)>") },
      { curl_easy_setopt_pointer(easy, CURLOPT_MAIL_RCPT, recipients) },
      { curl_easy_setopt_long(easy, CURLOPT_UPLOAD, 1) },
      { curl_easy_setopt_size(easy, CURLOPT_INFILESIZE_LARGE, curl_off_t(source.count)) },
      { curl_easy_setopt_pointer(easy, CURLOPT_READDATA, this) },
      {
        curl_easy_setopt_data_callback(easy, CURLOPT_READFUNCTION) { buffer, size, count, source in
          MailTransfer.Source.from(source)?.read(UnsafeMutableRawBufferPointer(start: buffer, count: size * count)) ?? 0
        }
      },
      { curl_easy_setopt_long(easy, CURLOPT_NOPROGRESS, 0) },
      { curl_easy_setopt_pointer(easy, CURLOPT_XFERINFODATA, this) },
      {
        // Called about once a second even if nothing happens. A value other than 0 ends the transfer.
        curl_easy_setopt_progress_callback(easy) { source, _, _, _, _ in
          MailTransfer.Source.from(source)?.isUnwanted == true ? 1 : 0
        }
      },
    ]
    for step in steps {
      let code = step()
      guard code == CURLE_OK else { return code }
    }
    return CURLE_OK
  }

  private func setTrust(_ easy: UnsafeMutableRawPointer) -> CURLcode {
    var code = curl_easy_setopt_long(easy, CURLOPT_SSLVERSION, CURL_SSLVERSION_TLSv1_2)
    if code == CURLE_OK, let caFile = server.caFile {
      code = curl_easy_setopt_string(easy, CURLOPT_CAINFO, caFile)
      if code == CURLE_OK { code = curl_easy_setopt_string(easy, CURLOPT_CAPATH, nil) }
    }
    guard code == CURLE_OK else { return code }
    switch server.encryption {
    case .none: return CURLE_OK
    case .always: return curl_easy_set_mail_encryption(easy, 1)
    case .offered: return curl_easy_set_mail_encryption(easy, server.user == nil ? 0 : 1)
    }
  }

  private func setUser(_ easy: UnsafeMutableRawPointer) -> CURLcode {
    guard let user = server.user else { return CURLE_OK }
    let code = curl_easy_setopt_string(easy, CURLOPT_USERNAME, user)
    guard code == CURLE_OK else { return code }
    return curl_easy_setopt_string(easy, CURLOPT_PASSWORD, password ?? "")
  }

  /// What libcurl reads the mail from. Stays on the transfer's thread.
  private final class Source {
    private let bytes: [UInt8]
    private var position = 0
    private let transfer: MailTransfer

    init(_ bytes: [UInt8], of transfer: MailTransfer) {
      self.bytes = bytes
      self.transfer = transfer
    }

    static func from(_ pointer: UnsafeMutableRawPointer?) -> Source? {
      pointer.map { Unmanaged<Source>.fromOpaque($0).takeUnretainedValue() }
    }

    var count: Int { bytes.count }
    var isUnwanted: Bool { transfer.isCanceled.load(ordering: .relaxed) }

    /// Copies the next bytes; returns their number, 0 at the end.
    func read(_ buffer: UnsafeMutableRawBufferPointer) -> Int {
      let piece = bytes[position..<min(position + buffer.count, bytes.count)]
      buffer.copyBytes(from: piece)
      position += piece.count
      return piece.count
    }
  }
}
