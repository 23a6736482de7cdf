internal import CCurl

/// Drives all transfers of a client through libcurl's multi interface. Stays on the client's thread.
final class TransferDriver {
  private let multi: UnsafeMutableRawPointer
  private let sessions: UnsafeMutableRawPointer?
  private let configuration: HTTPClientConfiguration
  private var active: [ObjectIdentifier: ActiveTransfer] = [:]
  private let clock = ContinuousClock()
  /// The earliest time at which one of our time limits can expire. Activity only postpones limits, so that it suffices
  /// to check all transfers at this time.
  private var nextCheck: ContinuousClock.Instant?

  init(multi: UnsafeMutableRawPointer, configuration: HTTPClientConfiguration) {
    self.multi = multi
    self.configuration = configuration
    // One connection per transfer, also in HTTP/2. Several transfers on one connection would share its flow control: a
    // body that nobody reads would block the others.
    curl_multi_setopt_long(multi, CURLMOPT_PIPELINING, 0)
    curl_multi_setopt_long(multi, CURLMOPT_MAXCONNECTS, 128)
    // TLS sessions outlive the easy handle that made them. One thread uses them, hence no lock functions.
    sessions = curl_share_init()
    if let sessions {
      _ = curl_share_setopt_long(sessions, CURLSHOPT_SHARE, Int32(CURL_LOCK_DATA_SSL_SESSION.rawValue))
    }
  }

  func start(_ transfer: Transfer) {
    guard !transfer.hasEnded else { return }
    do throws(ActiveTransfer.SetUpFailure) {
      let new = try ActiveTransfer(transfer, configuration: configuration, sessions: sessions, now: clock.now)
      let code = curl_multi_add_handle(multi, new.easy)
      guard code == CURLM_OK else { throw ActiveTransfer.SetUpFailure(reason: CurlFailure.description(code)) }
      active[ObjectIdentifier(transfer)] = new
      scheduleCheck(of: new)
    } catch {
      transfer.finish((.other, "the transfer could not be set up: \(error.reason)"))
    }
  }

  func unpause(_ transfer: Transfer) {
    guard let paused = active[ObjectIdentifier(transfer)] else { return }
    let code = paused.unpause(now: clock.now)
    if code == CURLE_OK { scheduleCheck(of: paused) } else { finish(paused, code) }
  }

  func remove(_ transfer: Transfer) {
    guard let ended = active.removeValue(forKey: ObjectIdentifier(transfer)) else { return }
    curl_multi_remove_handle(multi, ended.easy)
  }

  /// Performs one round: advances all transfers, ends those that are done, then sleeps until there is something to do.
  func performOnceAndWait() {
    var running: Int32 = 0
    check(curl_multi_perform(multi, &running))
    finishDone()
    check(curl_multi_poll(multi, nil, 0, failOverdue(), nil))
  }

  /// Fails the remaining transfers and releases all of libcurl's resources.
  func end(_ message: String) {
    for left in active.values {
      left.transfer.fail(.shutDown, message)
      curl_multi_remove_handle(multi, left.easy)
    }
    active = [:]
    curl_multi_cleanup(multi)
    if let sessions { curl_share_cleanup(sessions) }
  }

  private func finishDone() {
    var left: Int32 = 0
    while let message = curl_multi_info_read(multi, &left) {
      guard message.pointee.msg == CURLMSG_DONE, let easy = message.pointee.easy_handle,
        let done = ActiveTransfer.of(easy)
      else { continue }
      finish(done, curl_message_result(message))
    }
  }

  private func finish(_ done: ActiveTransfer, _ code: CURLcode) {
    // The outcome is read before the handle is removed, because removal resets some of its data.
    let failure = done.outcome(code)
    remove(done.transfer)
    done.transfer.finish(failure)
  }

  /// Checks the result of a multi call, which fails only if memory runs out or the handle is broken; all transfers are
  /// then lost.
  private func check(_ code: CURLMcode) {
    guard code != CURLM_OK else { return }
    for lost in active.values {
      remove(lost.transfer)
      lost.transfer.finish((.other, "libcurl failed: \(CurlFailure.description(code))"))
    }
  }

  // MARK: Time limits

  private func scheduleCheck(of transfer: ActiveTransfer) {
    guard let deadline = transfer.deadline?.time else { return }
    nextCheck = nextCheck.map { min($0, deadline) } ?? deadline
  }

  /// Fails the transfers whose time limit has expired; returns the time until the next limit can expire, in
  /// milliseconds.
  private func failOverdue() -> Int32 {
    let now = clock.now
    if let due = nextCheck, due <= now {
      nextCheck = nil
      for transfer in active.values {
        transfer.noteUploadProgress(now: now)
        if let deadline = transfer.deadline, deadline.time <= now {
          remove(transfer.transfer)
          transfer.transfer.finish((.timeout(deadline.kind), deadline.message))
        } else {
          scheduleCheck(of: transfer)
        }
      }
    }
    guard let nextCheck else { return Int32.max }
    return Int32(clamping: now.duration(to: nextCheck).milliseconds)
  }
}
