package import CanonicalJSON
package import LibCurl
package import ServingAPI
internal import Synchronization

/// A network that returns prepared responses in order and records the requests.
package final class ScriptedTransport: Sendable {
  package enum ScriptedResponse: Sendable {
    case answer(status: Int, headers: [HTTPField] = [], body: String = "", effectiveURL: String = "")
    /// The body arrives in these pieces, and then breaks off with the error, if any.
    case pieces([String], then: HTTPClientError? = nil)
    case failure(HTTPClientError)

    package static func json(_ json: JSONValue, status: Int = 200, headers: [HTTPField] = []) -> ScriptedResponse {
      .answer(status: status, headers: headers, body: json.text())
    }

    /// An error response in the API's usual form.
    package static func error(_ status: Int, _ code: String, _ message: String) -> ScriptedResponse {
      .json(WireErrorBody(errorCode: code, message: message).json, status: status)
    }

    /// No response: the connection broke before one arrived.
    package static func lost(mayHaveBeenSent: Bool = true) -> ScriptedResponse {
      .failure(
        HTTPClientError(
          code: .connectionLost, message: "the connection was reset", method: "", url: "",
          requestMayHaveBeenSent: mayHaveBeenSent))
    }
  }

  private let state: Mutex<(answers: [ScriptedResponse], requests: [HTTPRequest])>

  /// - Parameter answers: the last one is repeated for all further requests.
  package init(_ answers: [ScriptedResponse]) { state = Mutex((answers, [])) }

  /// Every request that was sent.
  package var requests: [HTTPRequest] { state.withLock { $0.requests } }

  package var transport: Transport {
    { request in
      let answer = self.state.withLock { state -> ScriptedResponse in
        state.requests.append(request)
        guard let first = state.answers.first else { return .answer(status: 599, body: "the script is empty") }
        if state.answers.count > 1 { state.answers.removeFirst() }
        return first
      }
      switch answer {
      case .answer(let status, let headers, let body, let effectiveURL):
        return APIResponse(
          status: status, headers: HTTPHeaders(headers),
          effectiveURL: effectiveURL.isEmpty ? request.url : effectiveURL,
          body: ByteStream([Array(body.utf8)]))
      case .pieces(let pieces, let error):
        return APIResponse(
          status: 200, effectiveURL: request.url, body: BrokenStream(pieces.map { Array($0.utf8) }, then: error))
      case .failure(let error): throw error
      }
    }
  }

  /// A client over this network, at `https://workspace.example.com` with the token `dapi-secret-token`.
  package func client(timing: TestTiming = TestTiming(), retryPolicy: RetryPolicy? = nil) -> ServingClient {
    ServingClient(.test, version: "1.2.3", transport: transport, timing: timing.timing, retryPolicy: retryPolicy)
  }
}

extension ProviderAccess {
  /// The provider for tests that never contact one.
  package static let test = ProviderAccess(
    target: ProviderTarget(
      url: "https://workspace.example.com", source: "a test", tokenSource: "environment DATABRICKS_TOKEN"),
    token: "dapi-secret-token")
}

/// The pieces of a body, and the error that breaks it off.
private struct BrokenStream: AsyncSequence, Sendable {
  typealias Element = [UInt8]
  typealias Failure = any Error

  let pieces: [[UInt8]]
  let error: HTTPClientError?

  init(_ pieces: [[UInt8]], then error: HTTPClientError?) {
    self.pieces = pieces
    self.error = error
  }

  func makeAsyncIterator() -> AsyncIterator { AsyncIterator(pieces: pieces[...], error: error) }

  struct AsyncIterator: AsyncIteratorProtocol {
    var pieces: ArraySlice<[UInt8]>
    let error: HTTPClientError?

    mutating func next() async throws -> [UInt8]? {
      if let piece = pieces.popFirst() { return piece }
      if let error { throw error }
      return nil
    }
  }
}
