internal import Synchronization

/// One request in flight and its response, shared by the caller's tasks and the client's thread.
///
/// The thread supplies head, bytes and end, and the caller takes them. Up to `highWater` bytes are kept for the caller;
/// beyond that the thread pauses the transfer until the caller has taken them.
final class Transfer: Sendable {
  /// The number of bytes kept for a caller that is slower than the server. More than the kernel's own buffers would not
  /// increase the speed.
  static let highWater = 256 << 10

  let request: PreparedRequest
  private let loop: TransferLoop
  private let state = Mutex(State())

  private struct State {
    var phase = Phase.head(nil)
    /// Decompressed bytes waiting for the caller.
    var pending: [UInt8] = []
    var isPaused = false
    var requestMayHaveBeenSent = false
    var bytesReceived = 0
  }

  private enum Phase {
    /// Waiting for the head, with the waiting caller. Goes to `body` or `ended`.
    case head(CheckedContinuation<ResponseHead, any Error>?)
    /// The head was returned; with the caller waiting for bytes. Goes to `ended`.
    case body(CheckedContinuation<[UInt8]?, any Error>?)
    /// Nothing more arrives; nil if everything arrived.
    case ended(HTTPClientError?)
  }

  init(_ request: PreparedRequest, on loop: TransferLoop) {
    self.request = request
    self.loop = loop
  }

  // MARK: The caller's side

  /// Starts the transfer and waits for the response's head. Called once.
  func start() async throws -> ResponseHead {
    try await withTaskCancellationHandler {
      try await withCheckedThrowingContinuation { continuation in
        let ended = state.withLock { state -> HTTPClientError? in
          if case .ended(let error) = state.phase { return error }
          state.phase = .head(continuation)
          return nil
        }
        if let ended {
          continuation.resume(throwing: ended)
        } else if !loop.post(.start(self)) {
          fail(.shutDown, "the client is shut down")
        }
      }
    } onCancel: {
      cancel()
    }
  }

  /// Returns the next bytes of the body; nil at its end. Bytes that arrived before a failure are returned first.
  func nextBytes() async throws -> [UInt8]? {
    if Task.isCancelled { cancel() }
    if let bytes = takePending() { return bytes }
    return try await withTaskCancellationHandler {
      try await withCheckedThrowingContinuation { waitForBytes($0) }
    } onCancel: {
      cancel()
    }
  }

  /// Ends the transfer because the caller no longer wants it.
  func cancel() {
    fail(.cancelled, "canceled")
  }

  /// Ends the transfer with our own error: waiting callers get it at once, and the thread releases the connection.
  func fail(_ code: HTTPClientError.Code, _ message: String) {
    let hadEnded = end { state in
      state.pending = []
      return self.error(code, message, state)
    }
    if !hadEnded { _ = loop.post(.remove(self)) }
  }

  /// Returns an error about this transfer in its current state.
  func error(_ code: HTTPClientError.Code, _ message: String) -> HTTPClientError {
    state.withLock { error(code, message, $0) }
  }

  private func takePending() -> [UInt8]? {
    let (bytes, wasPaused) = state.withLock { state -> ([UInt8]?, Bool) in
      guard !state.pending.isEmpty else { return (nil, false) }
      var bytes: [UInt8] = []
      swap(&bytes, &state.pending)
      defer { state.isPaused = false }
      return (bytes, state.isPaused)
    }
    if wasPaused { _ = loop.post(.unpause(self)) }
    return bytes
  }

  private func waitForBytes(_ continuation: CheckedContinuation<[UInt8]?, any Error>) {
    // Bytes or the end may have arrived since the caller checked.
    if let bytes = takePending() { return continuation.resume(returning: bytes) }
    enum Step { case wait, end, fail(any Error), checkAgain }
    let step = state.withLock { state -> Step in
      if !state.pending.isEmpty { return .checkAgain }
      switch state.phase {
      case .ended(nil): return .end
      case .ended(let error?): return .fail(error)
      case .head, .body(.some):
        return .fail(self.error(.other, "the body is already being read by another task", state))
      case .body(nil):
        state.phase = .body(continuation)
        return .wait
      }
    }
    switch step {
    case .wait: break
    case .end: continuation.resume(returning: nil)
    case .fail(let error): continuation.resume(throwing: error)
    case .checkAgain: waitForBytes(continuation)
    }
  }

  // MARK: The thread's side

  /// Whether the transfer has ended and no caller waits for it.
  var hasEnded: Bool {
    state.withLock { state in
      if case .ended = state.phase { true } else { false }
    }
  }

  var hasReceivedHead: Bool {
    state.withLock { state in
      if case .head = state.phase { false } else { true }
    }
  }

  /// Notes that the request is about to be sent; returns whether that happened before.
  func noteRequestIsAboutToBeSent() -> Bool {
    state.withLock { state in
      defer { state.requestMayHaveBeenSent = true }
      return state.requestMayHaveBeenSent
    }
  }

  func noteReceived(headBytes: Int) {
    state.withLock { $0.bytesReceived += headBytes }
  }

  func receive(_ head: ResponseHead) {
    let waiter = state.withLock { state -> CheckedContinuation<ResponseHead, any Error>? in
      guard case .head(let waiter) = state.phase else { return nil }
      state.phase = .body(nil)
      return waiter
    }
    waiter?.resume(returning: head)
  }

  enum Reception { case taken, pause, unwanted }

  /// Takes a piece of the body, or returns why not.
  func receive(_ bytes: UnsafeRawBufferPointer) -> Reception {
    let (reception, waiter) = state.withLock { state -> (Reception, CheckedContinuation<[UInt8]?, any Error>?) in
      guard case .body(let waiter) = state.phase else { return (.unwanted, nil) }
      if state.pending.count >= Self.highWater {
        state.isPaused = true
        return (.pause, nil)
      }
      state.bytesReceived += bytes.count
      if waiter == nil {
        state.pending.append(contentsOf: bytes)
      } else {
        state.phase = .body(nil)
      }
      return (.taken, waiter)
    }
    waiter?.resume(returning: Array(bytes))
    return reception
  }

  /// Ends the transfer as libcurl ended it; nil if the whole response arrived.
  func finish(_ failure: (code: HTTPClientError.Code, message: String)?) {
    end { state in failure.map { self.error($0.code, $0.message, state) } }
  }

  // MARK: Common

  /// Moves to `ended` once and wakes waiting callers; returns whether the transfer had ended before.
  @discardableResult
  private func end(_ outcome: (inout State) -> HTTPClientError?) -> Bool {
    let (before, error) = state.withLock { state -> (Phase, HTTPClientError?) in
      let before = state.phase
      if case .ended = before { return (before, nil) }
      let error = outcome(&state)
      state.phase = .ended(error)
      return (before, error)
    }
    switch before {
    case .ended: return true
    case .head(let waiter):
      // Without a head there is always an error; the loop ensures that.
      if let error { waiter?.resume(throwing: error) }
    case .body(let waiter):
      if let error { waiter?.resume(throwing: error) } else { waiter?.resume(returning: nil) }
    }
    return false
  }

  private func error(_ code: HTTPClientError.Code, _ message: String, _ state: State) -> HTTPClientError {
    HTTPClientError(
      code: code, message: message, method: request.method, url: request.url.shown,
      requestMayHaveBeenSent: state.requestMayHaveBeenSent, responseBytesReceived: state.bytesReceived)
  }
}
