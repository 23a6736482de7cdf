internal import CanonicalJSON
internal import LibCurl

/// A model's answer, piece by piece as it is generated. Dropping it, or canceling the task that reads it, ends the
/// request.
package struct ChatStream: AsyncSequence, Sendable {
  package typealias Element = String
  package typealias Failure = any Error

  /// The served entity that answers, if the server names it.
  package let servedEntity: String?
  private let body: any AsyncSequence<[UInt8], any Error> & Sendable
  private let failure: @Sendable (FailureCause) -> any Error

  enum FailureCause {
    /// The server reported an error in the stream.
    case reported([UInt8])
    /// The connection ended before the answer was complete.
    case stoppedShort
    /// The connection failed.
    case broke(any Error)
  }

  init(_ response: APIResponse, client: ServingClient, call: APICall) {
    servedEntity = response.headers["served-model-name"]
    body = response.body
    failure = { cause in
      switch cause {
      case .reported(let body):
        client.failure(status: response.status, headers: response.headers, body: body, call: call)
      case .stoppedShort:
        ServingError(
          kind: .network, serverMessage: "the connection closed before the response was complete",
          call: call.description)
      case .broke(let error): client.streamFailure(error, call: call)
      }
    }
  }

  /// Creates an answer with these pieces, for providers without a server.
  package init(pieces: [String], servedEntity: String?) {
    self.servedEntity = servedEntity
    let lines = pieces.map { piece in
      let json: JSONValue = ["choices": [["delta": ["content": .string(piece)]]]]
      return Array("data: \(json.text())\n\n".utf8)
    }
    body = ByteStream(lines + [Array("data: [DONE]\n\n".utf8)])
    failure = { _ in ServingError(kind: .network, serverMessage: "the response was cut off", call: "chat") }
  }

  package func makeAsyncIterator() -> AsyncIterator {
    AsyncIterator(body: body.makeAsyncIterator(), failure: failure)
  }

  package struct AsyncIterator: AsyncIteratorProtocol {
    var body: any AsyncIteratorProtocol<[UInt8], any Error>
    let failure: @Sendable (FailureCause) -> any Error
    private var events = ServerSentEvents()
    private var waiting: [String] = []
    private var isDone = false

    init(
      body: any AsyncIteratorProtocol<[UInt8], any Error>, failure: @escaping @Sendable (FailureCause) -> any Error
    ) {
      self.body = body
      self.failure = failure
    }

    /// The next piece of text, never an empty one; nil after the last.
    package mutating func next() async throws -> String? {
      while true {
        while !waiting.isEmpty, !isDone {
          if let text = try text(of: waiting.removeFirst()), !text.isEmpty { return text }
        }
        if isDone { return nil }
        guard let bytes = try await nextBytes() else { throw failure(.stoppedShort) }
        waiting += events.take(bytes)
      }
    }

    private mutating func nextBytes() async throws -> [UInt8]? {
      do {
        return try await body.next()
      } catch {
        throw failure(.broke(error))
      }
    }

    /// Returns nil for the marker that ends a stream.
    private mutating func text(of data: String) throws -> String? {
      if data == "[DONE]" {
        isDone = true
        return nil
      }
      guard let json = try? JSONValue(parsing: data) else { throw failure(.reported(Array(data.utf8))) }
      if json["error"] != nil || json["error_code"] != nil { throw failure(.reported(Array(data.utf8))) }
      return ChatText.piece(json)
    }
  }
}

/// Existing pieces of bytes, as a body.
package struct ByteStream: AsyncSequence, Sendable {
  package typealias Element = [UInt8]
  package typealias Failure = any Error

  private let pieces: [[UInt8]]

  package init(_ pieces: [[UInt8]]) { self.pieces = pieces }

  package func makeAsyncIterator() -> AsyncIterator { AsyncIterator(pieces: pieces[...]) }

  package struct AsyncIterator: AsyncIteratorProtocol {
    fileprivate var pieces: ArraySlice<[UInt8]>

    package mutating func next() async throws -> [UInt8]? { pieces.popFirst() }
  }
}
