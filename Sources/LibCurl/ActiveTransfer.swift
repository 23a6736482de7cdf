internal import CCurl
internal import Durations

/// A transfer and the libcurl handle that performs it. Stays on the client's thread.
final class ActiveTransfer {
  struct SetUpFailure: Error {
    let reason: String
  }

  let transfer: Transfer
  let easy: UnsafeMutableRawPointer

  private let errorBuffer: UnsafeMutablePointer<CChar>
  private var headerList: UnsafeMutablePointer<curl_slist>?
  private var parser: ResponseHeadParser
  /// The head of a redirect, which counts only if libcurl does not follow it.
  private var redirectHead: ResponseHead?
  /// Why one of our callbacks stopped the transfer.
  private var stopReason: (code: HTTPClientError.Code, message: String)?

  private let totalDeadline: ContinuousClock.Instant?
  /// The time of the last byte in either direction; nil until the connection is established.
  private var lastActivity: ContinuousClock.Instant?
  private var uploaded: Int64 = 0
  private var isPaused = false

  init(
    _ transfer: Transfer, configuration: HTTPClientConfiguration, sessions: UnsafeMutableRawPointer?,
    now: ContinuousClock.Instant
  ) throws(SetUpFailure) {
    guard let easy = curl_easy_init() else { throw SetUpFailure(reason: "out of memory") }
    self.easy = easy
    self.transfer = transfer
    errorBuffer = .allocate(capacity: Int(CURL_ERROR_SIZE))
    errorBuffer.initialize(repeating: 0, count: Int(CURL_ERROR_SIZE))
    let isRead = ["GET", "HEAD"].contains(transfer.request.method)
    parser = ResponseHeadParser(followsRedirects: configuration.followRedirects && isRead)
    totalDeadline = transfer.request.timeouts.total.map { now + $0 }
    try setUp(configuration, sessions: sessions, followsRedirects: configuration.followRedirects && isRead)
  }

  deinit {
    curl_easy_cleanup(easy)
    curl_slist_free_all(headerList)
    errorBuffer.deallocate()
  }

  /// Returns the transfer that a libcurl handle belongs to.
  static func of(_ easy: UnsafeMutableRawPointer) -> ActiveTransfer? {
    var pointer: UnsafeMutableRawPointer?
    guard curl_easy_getinfo_pointer(easy, CURLINFO_PRIVATE, &pointer) == CURLE_OK else { return nil }
    return from(pointer)
  }

  private static func from(_ pointer: UnsafeMutableRawPointer?) -> ActiveTransfer? {
    pointer.map { Unmanaged<ActiveTransfer>.fromOpaque($0).takeUnretainedValue() }
  }

  func unpause(now: ContinuousClock.Instant) -> CURLcode {
    isPaused = false
    lastActivity = now
    return curl_easy_pause(easy, CURLPAUSE_CONT)
  }

  /// Returns the failure for libcurl's result; nil if the whole response arrived.
  func outcome(_ code: CURLcode) -> (code: HTTPClientError.Code, message: String)? {
    if let stopReason { return stopReason }
    if code == CURLE_OK {
      deliverRedirectHead()
      return transfer.hasReceivedHead ? nil : (.other, "the transfer ended without a response head")
    }
    var proxyStatus = 0
    _ = curl_easy_getinfo_long(easy, CURLINFO_HTTP_CONNECTCODE, &proxyStatus)
    return CurlFailure.describe(
      code, detail: String(cString: errorBuffer), proxyStatus: proxyStatus, isConnected: lastActivity != nil,
      timeouts: transfer.request.timeouts)
  }

  // MARK: Set-up

  private func setUp(
    _ configuration: HTTPClientConfiguration, sessions: UnsafeMutableRawPointer?, followsRedirects: Bool
  ) throws(SetUpFailure) {
    let request = transfer.request
    let this = Unmanaged.passUnretained(self).toOpaque()
    try set(CURLOPT_PRIVATE, pointer: this)
    try set(CURLOPT_ERRORBUFFER, pointer: UnsafeMutableRawPointer(errorBuffer))
    try set(CURLOPT_NOSIGNAL, 1)
    try check(curl_easy_set_protocols(easy, request.url.isSecure ? 1 : 0))
    try check(curl_easy_set_quick_exit(easy))
    try set(CURLOPT_URL, request.url.text)
    try set(CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_2TLS)
    try set(CURLOPT_ACCEPT_ENCODING, "")
    try set(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1)
    try set(CURLOPT_TCP_KEEPALIVE, 1)
    try set(CURLOPT_FOLLOWLOCATION, followsRedirects ? 1 : 0)
    try set(CURLOPT_MAXREDIRS, 10)
    if let connect = request.timeouts.connect { try set(CURLOPT_CONNECTTIMEOUT_MS, connect.milliseconds) }
    if let sessions { try set(CURLOPT_SHARE, pointer: sessions) }
    try setTrust(configuration)
    if let path = request.unixSocket {
      try set(CURLOPT_UNIX_SOCKET_PATH, path)
      try set(CURLOPT_PROXY, "")
    } else {
      try setProxy(configuration.proxy)
    }
    try setMessage(request, userAgent: configuration.userAgent)
    try setCallbacks(this)
  }

  private func setTrust(_ configuration: HTTPClientConfiguration) throws(SetUpFailure) {
    try set(CURLOPT_SSLVERSION, CURL_SSLVERSION_TLSv1_2)
    guard let caFile = configuration.caFile else { return }
    try set(CURLOPT_CAINFO, caFile)
    // Distributions build libcurl with a directory of authorities that would be trusted in addition to the file.
    try set(CURLOPT_CAPATH, nil)
  }

  private func setProxy(_ proxy: HTTPClientConfiguration.Proxy) throws(SetUpFailure) {
    switch proxy {
    case .environment: break
    case .none: try set(CURLOPT_PROXY, "")
    case .url(let url, let except):
      try set(CURLOPT_PROXY, url)
      try set(CURLOPT_NOPROXY, except)
    }
  }

  private func setMessage(_ request: PreparedRequest, userAgent: String) throws(SetUpFailure) {
    if let body = request.body {
      try set(CURLOPT_POST, 1)
      try check(curl_easy_setopt_size(easy, CURLOPT_POSTFIELDSIZE_LARGE, curl_off_t(body.count)))
      try setBody(body)
    }
    if request.method == "HEAD" {
      try set(CURLOPT_NOBODY, 1)
    } else {
      try set(CURLOPT_CUSTOMREQUEST, request.method)
    }
    try set(CURLOPT_USERAGENT, userAgent)
    for line in request.headerLines {
      guard let longer = curl_slist_append(headerList, line) else { throw SetUpFailure(reason: "out of memory") }
      headerList = longer
    }
    try check(curl_easy_setopt_pointer(easy, CURLOPT_HTTPHEADER, headerList))
  }

  /// Sets the body, which libcurl copies because it may have to be sent again on another connection.
  private func setBody(_ body: [UInt8]) throws(SetUpFailure) {
    // An empty array may have no address, and no address would mean that a callback supplies the body.
    if body.isEmpty { return try set(CURLOPT_COPYPOSTFIELDS, "") }
    let code = body.withUnsafeBytes { bytes in
      curl_easy_setopt_pointer(easy, CURLOPT_COPYPOSTFIELDS, UnsafeMutableRawPointer(mutating: bytes.baseAddress))
    }
    try check(code)
  }

  private func set(_ option: CURLoption, _ value: Int) throws(SetUpFailure) {
    try check(curl_easy_setopt_long(easy, option, value))
  }

  private func set(_ option: CURLoption, _ value: String?) throws(SetUpFailure) {
    try check(curl_easy_setopt_string(easy, option, value))
  }

  private func set(_ option: CURLoption, pointer: UnsafeMutableRawPointer) throws(SetUpFailure) {
    try check(curl_easy_setopt_pointer(easy, option, pointer))
  }

  private func check(_ code: CURLcode) throws(SetUpFailure) {
    guard code == CURLE_OK else { throw SetUpFailure(reason: CurlFailure.description(code)) }
  }

  // MARK: Callbacks

  private func setCallbacks(_ this: UnsafeMutableRawPointer) throws(SetUpFailure) {
    try set(CURLOPT_HEADERDATA, pointer: this)
    try check(
      curl_easy_setopt_data_callback(easy, CURLOPT_HEADERFUNCTION) { bytes, size, count, this in
        ActiveTransfer.from(this)?.receive(headLine: UnsafeRawBufferPointer(start: bytes, count: size * count)) ?? 0
      })
    try set(CURLOPT_WRITEDATA, pointer: this)
    try check(
      curl_easy_setopt_data_callback(easy, CURLOPT_WRITEFUNCTION) { bytes, size, count, this in
        ActiveTransfer.from(this)?.receive(body: UnsafeRawBufferPointer(start: bytes, count: size * count)) ?? 0
      })
    try set(CURLOPT_PREREQDATA, pointer: this)
    try check(
      curl_easy_setopt_prerequest_callback(easy) { this, _, _, _, _ in
        ActiveTransfer.from(this)?.mayBeSent() == true ? CURL_PREREQFUNC_OK : CURL_PREREQFUNC_ABORT
      })
  }

  /// Called when the connection is established and the request is about to be written.
  private func mayBeSent() -> Bool {
    lastActivity = .now
    let isRepetition = transfer.noteRequestIsAboutToBeSent()
    // libcurl repeats a request on a new connection if a kept one breaks before a response. The server may have acted
    // on the first one nonetheless; whether to repeat a request with side effects is for the caller to decide.
    if isRepetition && !transfer.request.isIdempotent {
      stopReason = (
        .connectionLost,
        "the connection was lost: the server closed it after the request was sent and before any response"
      )
      return false
    }
    return true
  }

  private func receive(headLine line: UnsafeRawBufferPointer) -> Int {
    lastActivity = .now
    transfer.noteReceived(headBytes: line.count)
    switch parser.take(line) {
    case .incomplete: break
    case .complete(let head): deliver(head)
    case .redirect(let head): redirectHead = head
    case .tooLarge:
      stopReason = (.other, "the response's headers are larger than the limit of \(ResponseHeadParser.limit) bytes")
      return 0
    }
    return line.count
  }

  private func receive(body bytes: UnsafeRawBufferPointer) -> Int {
    lastActivity = .now
    deliverRedirectHead()
    switch transfer.receive(bytes) {
    case .taken: return bytes.count
    case .unwanted: return 0
    case .pause:
      isPaused = true
      return Int(CURL_WRITEFUNC_PAUSE)
    }
  }

  private func deliverRedirectHead() {
    guard let head = redirectHead else { return }
    redirectHead = nil
    deliver(head)
  }

  private func deliver(_ head: ResponseHead) {
    redirectHead = nil
    var head = head
    var url: UnsafeMutablePointer<CChar>?
    _ = curl_easy_getinfo_string(easy, CURLINFO_EFFECTIVE_URL, &url)
    head.effectiveURL = url.map { String(cString: $0) } ?? transfer.request.url.text
    transfer.receive(head)
  }

  // MARK: Time limits

  /// The next time at which one of our limits expires if nothing happens, with its message.
  var deadline: (time: ContinuousClock.Instant, kind: HTTPClientError.Timeout, message: String)? {
    let timeouts = transfer.request.timeouts
    let total = totalDeadline.map {
      ($0, HTTPClientError.Timeout.total, "not finished within \(DurationText.text(timeouts.total ?? .zero))")
    }
    guard let limit = timeouts.idle, !isPaused else { return total }
    // Until the connection is established, the connect limit applies; a check after the idle limit shows whether it is.
    let idle = (
      (lastActivity ?? .now) + limit, HTTPClientError.Timeout.idle,
      "the server sent nothing for \(DurationText.text(limit))"
    )
    guard let total, total.0 <= idle.0 else { return idle }
    return total
  }

  /// Counts bytes of the request sent since the last check as activity.
  func noteUploadProgress(now: ContinuousClock.Instant) {
    var bytes: curl_off_t = 0
    guard curl_easy_getinfo_size(easy, CURLINFO_SIZE_UPLOAD_T, &bytes) == CURLE_OK, bytes > uploaded else { return }
    uploaded = Int64(bytes)
    lastActivity = now
  }
}
