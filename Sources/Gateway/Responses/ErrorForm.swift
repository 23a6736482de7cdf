import CanonicalJSON
import HTTPSupport
import NIOCore

/// How a route writes its errors.
enum ErrorForm: Hashable, Sendable {
  /// For Databricks clients and OpenAI clients alike.
  case common
  /// For clients of a `generate` route: code, message and the request's ID.
  case generate(requestID: String)

  /// An error of the gateway itself.
  func json(of error: GatewayError) -> JSONValue {
    switch self {
    case .common: error.json
    case .generate(let requestID): Self.json(error.code, error.message, requestID)
    }
  }

  /// A replica's error, whose wording is kept.
  func body(ofReplica bytes: ByteBuffer, status: Int) -> ByteBuffer {
    let common = withErrorCode(bytes, status: status)
    guard case .generate(let requestID) = self else { return common }
    let error = try? JSONValue(parsing: Array(common.readableBytesView))
    let code = error?["error_code"]?.stringValue ?? errorCode(for: status)
    let message = error?["message"]?.stringValue ?? "the replica returned HTTP \(status)"
    return ByteBuffer(bytes: Self.json(code, message, requestID).bytes())
  }

  private static func json(_ code: String, _ message: String, _ requestID: String) -> JSONValue {
    ["error_code": .string(code), "message": .string(message), "request_id": .string(requestID)]
  }
}

extension JSONValue {
  /// The value as a server-sent event.
  var serverSentEvent: ByteBuffer { ByteBuffer(string: "data: \(text())\n\n") }
}
