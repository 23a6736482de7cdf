import HTTPSupport
import HTTPTypes
import Hummingbird
import NIOCore
import Synchronization

/// One request in progress: its record, and the guarantee that it ends exactly once, with its place given back and one
/// record made, whatever happens.
final class Query: Sendable {
  private struct State {
    var record: RequestRecord
    var giveBack: (@Sendable () -> Void)?
    var isOver = false
  }

  let request: Request
  let target: QueryTarget
  let channel: any Channel
  let requestID: String
  let disconnect = ClientDisconnect()
  private let started = ContinuousClock.now
  private let state: Mutex<State>
  private let deliver: @Sendable (RequestRecord) -> Void

  init(
    request: Request, target: QueryTarget, channel: any Channel, record: @escaping @Sendable (RequestRecord) -> Void
  ) {
    self.request = request
    self.target = target
    self.channel = channel
    requestID = Self.requestID(request.headers[.requestID])
    state = Mutex(State(record: RequestRecord(requestID: requestID, route: target.route)))
    deliver = record
  }

  deinit {
    // The server dropped the response without sending it: the client left at that moment.
    end(status: 499, error: .init(.clientLeft, endpoint: ""))
  }

  /// The time since the request arrived.
  var elapsed: Duration { .now - started }

  /// Updates the request's record.
  func note(_ change: (inout RequestRecord) -> Void) { state.withLock { change(&$0.record) } }

  /// Registers what must happen at the end; runs it at once if the request has ended.
  func atEnd(_ giveBack: @escaping @Sendable () -> Void) {
    let isLate = state.withLock { state in
      if !state.isOver { state.giveBack = giveBack }
      return state.isOver
    }
    if isLate { giveBack() }
  }

  /// Forgets the place: it was given back in another way (the request goes on to another replica).
  func forgetPlace() { state.withLock { $0.giveBack = nil } }

  /// Ends the request. Only the first call counts.
  func end(status: Int, error: GatewayError? = nil) {
    let elapsed = elapsed
    let end = state.withLock { state -> (record: RequestRecord, giveBack: (@Sendable () -> Void)?)? in
      guard !state.isOver else { return nil }
      state.isOver = true
      state.record.status = status
      state.record.latency = elapsed
      state.record.errorCode = state.record.errorCode ?? error?.code
      state.record.error = state.record.error ?? error?.message
      defer { state.giveBack = nil }
      return (state.record, state.giveBack)
    }
    guard let end else { return }
    disconnect.forget()
    end.giveBack?()
    deliver(end.record)
  }

  /// Ends the request with an error as its response.
  func refuse(_ error: any Error) -> Response {
    let error =
      error as? GatewayError
      ?? GatewayError(500, "INTERNAL_ERROR", "server_error", "the gateway failed: \(error)")
    end(status: error.status, error: error)
    return response(to: error, requestID: requestID)
  }

  /// The client's own id if it can be passed on, otherwise a new one.
  private static func requestID(_ given: String?) -> String {
    if let given, (1...128).contains(given.utf8.count), given.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) {
      return given
    }
    let halves = (UInt64.random(in: 0 ... .max), UInt64.random(in: 0 ... .max))
    return [halves.0, halves.1].map { half in
      let text = String(half, radix: 16)
      return String(repeating: "0", count: 16 - text.count) + text
    }.joined()
  }
}
