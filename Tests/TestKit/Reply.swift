internal import CanonicalJSON
internal import ServingAPI

/// A response of the double before it is encoded.
struct Reply {
  var status = 200
  var json: JSONValue?
  /// For a response that is not JSON: the body as text.
  var text: String?
  var headers: [(String, String)] = []

  static func error(_ status: Int, _ code: String, _ message: String) -> Reply {
    Reply(status: status, json: WireErrorBody(errorCode: code, message: message).json)
  }

  /// A request that the API refuses.
  static func invalid(_ message: String) -> Reply { .error(400, "INVALID_PARAMETER_VALUE", message) }

  /// The same error in another of the forms in serving-api.md 1.7.
  func written(as form: ErrorForm) -> Reply {
    guard status >= 400, form != .json, let code = json?["error_code"]?.stringValue,
      let message = json?["message"]?.stringValue
    else { return self }
    var reply = self
    reply.json = nil
    switch form {
    case .json: return self
    case .numericCode: reply.json = ["error_code": .int(Int64(status)), "message": .string(message)]
    case .old: reply.json = ["error": .string("\(code): \(message)")]
    case .scim:
      reply.json = ["detail": .string(message), "status": .string(String(status)), "scimType": "invalidValue"]
    case .plainText: reply.text = "\(code): \(message)"
    case .html:
      reply.text = "<html><head><title>Error \(status)</title></head><body><pre>\(message)</pre></body></html>"
      reply.headers.append(("Content-Type", "text/html"))
    case .empty: reply.text = ""
    }
    return reply
  }
}
