internal import CanonicalJSON
internal import ServingAPI

/// A response of the double before it is encoded.
struct WorkspaceResponse {
  var status = 200
  var json: JSONValue?
  /// For a response that is not JSON: the body as text.
  var text: String?
  var headers: [(String, String)] = []

  static func error(_ status: Int, _ code: String, _ message: String) -> WorkspaceResponse {
    WorkspaceResponse(status: status, json: WireErrorBody(errorCode: code, message: message).json)
  }

  /// A request that the API refuses.
  static func invalid(_ message: String) -> WorkspaceResponse { .error(400, "INVALID_PARAMETER_VALUE", message) }

  /// The same error in another of the forms in serving-api.md 1.7.
  func written(as form: ErrorForm) -> WorkspaceResponse {
    guard status >= 400, form != .json, let code = json?["error_code"]?.stringValue,
      let message = json?["message"]?.stringValue
    else { return self }
    var response = self
    response.json = nil
    switch form {
    case .json: return self
    case .numericCode: response.json = ["error_code": .int(Int64(status)), "message": .string(message)]
    case .old: response.json = ["error": .string("\(code): \(message)")]
    case .scim:
      response.json = ["detail": .string(message), "status": .string(String(status)), "scimType": "invalidValue"]
    case .plainText: response.text = "\(code): \(message)"
    case .html:
      response.text = "<html><head><title>Error \(status)</title></head><body><pre>\(message)</pre></body></html>"
      response.headers.append(("Content-Type", "text/html"))
    case .empty: response.text = ""
    }
    return response
  }
}
