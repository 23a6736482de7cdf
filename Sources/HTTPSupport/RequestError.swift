package import CanonicalJSON

/// An error response to a request, in a shape that both kinds of clients read: `error_code` and `message` for
/// Databricks clients, `error` for OpenAI clients.
package struct RequestError: Error, Hashable {
  package let status: Int
  /// The Databricks error code.
  package let code: String
  /// The OpenAI error type.
  package let type: String
  package let message: String
  /// The seconds for `Retry-After`.
  package var retryAfter: Int?
  /// The invalid member of the request.
  package var param: String?
  /// What exactly it was, for records: several errors have the same code.
  package var refusal: String?
  /// False if the request may have been executed, or may have crashed the replica.
  package var mayBeRepeated = true

  package init(
    _ status: Int, _ code: String, _ type: String, _ message: String, retryAfter: Int? = nil, param: String? = nil
  ) {
    self.status = status
    self.code = code
    self.type = type
    self.message = message
    self.retryAfter = retryAfter
    self.param = param
  }

  /// The body of the response.
  package var json: JSONValue {
    [
      "error_code": .string(code), "message": .string(message),
      "error": [
        "message": .string(message), "type": .string(type), "param": param.map { .string($0) } ?? .null,
        "code": .int(Int64(status)),
      ],
    ]
  }
}
