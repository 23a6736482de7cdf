internal import Synchronization

/// An HTTP client based on libcurl: HTTP/1.1, and HTTP/2 over TLS. Connections are kept for later requests.
///
/// One thread serves all requests of a client. It starts with the first request and ends with `shutdown()`, or when the
/// client and all its response bodies are gone.
package final class HTTPClient: Sendable {
  package let configuration: HTTPClientConfiguration
  private let state = Mutex(State.unused)

  private enum State {
    /// No request yet, no thread. Goes to `running` or `shutDown`.
    case unused
    /// Goes to `shutDown`.
    case running(TransferLoop)
    case shutDown(TransferLoop?)
  }

  /// Creates a client; this costs nothing until the first request.
  package init(configuration: HTTPClientConfiguration = HTTPClientConfiguration()) {
    self.configuration = configuration
  }

  deinit {
    state.withLock { state in
      if case .running(let loop) = state { loop.requestStop() }
    }
  }

  /// Sends a request and returns when the head of the response has arrived; the body is streamed.
  ///
  /// A response of any status is returned, including redirects. Canceling the task ends the transfer at once.
  ///
  /// - Throws: `HTTPClientError`.
  package func execute(_ request: HTTPRequest) async throws -> HTTPResponse {
    let prepared = try PreparedRequest(request, configuration: configuration)
    let transfer = Transfer(prepared, on: try loop(for: prepared))
    let head = try await transfer.start()
    let isCompressed = head.headers["Content-Encoding"] != nil
    let declaredLength =
      isCompressed || prepared.method == "HEAD" ? nil : head.headers["Content-Length"].flatMap(Int.init)
    return HTTPResponse(
      status: head.status, version: head.version, headers: head.headers, effectiveURL: head.effectiveURL,
      body: HTTPBody(transfer, client: self, declaredLength: declaredLength))
  }

  /// Fails requests in flight with the code `shutDown`, closes the connections and returns when the thread has ended.
  package func shutdown() async {
    let loop = state.withLock { state -> TransferLoop? in
      switch state {
      case .unused:
        state = .shutDown(nil)
        return nil
      case .running(let loop):
        state = .shutDown(loop)
        return loop
      case .shutDown(let loop):
        return loop
      }
    }
    await loop?.stop()
  }

  private func loop(for request: PreparedRequest) throws -> TransferLoop {
    func failure(_ code: HTTPClientError.Code, _ message: String) -> HTTPClientError {
      HTTPClientError(code: code, message: message, method: request.method, url: request.url.shown)
    }
    return try state.withLock { state in
      switch state {
      case .running(let loop): return loop
      case .shutDown: throw failure(.shutDown, "the client is shut down")
      case .unused:
        do throws(TransferLoop.StartFailure) {
          let loop = try TransferLoop.start(configuration)
          state = .running(loop)
          return loop
        } catch {
          throw failure(.other, "the HTTP client could not start: \(error.reason)")
        }
      }
    }
  }
}
