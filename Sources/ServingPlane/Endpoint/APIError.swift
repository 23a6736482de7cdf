/// A response in the protocol's error form (serving-api.md 1.7).
struct APIError: Error, Hashable, CustomStringConvertible {
  /// The HTTP status.
  let status: Int
  /// The protocol's error code, such as `RESOURCE_DOES_NOT_EXIST`.
  let code: String
  let message: String

  var description: String { "\(status) \(code): \(message)" }

  static func invalid(_ message: String) -> APIError {
    APIError(status: 400, code: "INVALID_PARAMETER_VALUE", message: message)
  }

  static func missing(_ message: String) -> APIError {
    APIError(status: 404, code: "RESOURCE_DOES_NOT_EXIST", message: message)
  }

  static func noEndpoint(_ name: String) -> APIError {
    .missing("Endpoint with name '\(name)' does not exist.")
  }

  static func exists(_ name: String) -> APIError {
    APIError(status: 409, code: "RESOURCE_ALREADY_EXISTS", message: "Endpoint with name '\(name)' already exists.")
  }

  static func updating(_ name: String) -> APIError {
    APIError(
      status: 409, code: "RESOURCE_CONFLICT",
      message: "Endpoint '\(name)' is currently updating. Wait until the update finishes, then retry.")
  }

  static func unsupported(_ what: String) -> APIError {
    APIError(status: 501, code: "NOT_IMPLEMENTED", message: "\(what) is not supported by this serving plane")
  }

  static func shuttingDown() -> APIError {
    APIError(status: 503, code: "TEMPORARILY_UNAVAILABLE", message: "the serving plane is shutting down; retry later")
  }

  static func `internal`(_ message: String) -> APIError {
    APIError(status: 500, code: "INTERNAL_ERROR", message: message)
  }

  init(status: Int, code: String, message: String) {
    self.status = status
    self.code = code
    self.message = message
  }

  init(_ error: ModelError) {
    switch error.code {
    case .invalid: self = .invalid(error.description)
    case .missing: self = .missing(error.description)
    case .exists: self = APIError(status: 409, code: "RESOURCE_ALREADY_EXISTS", message: error.description)
    case .inUse: self = APIError(status: 409, code: "RESOURCE_CONFLICT", message: error.description)
    case .storage, .damaged, .unavailable: self = .internal(error.description)
    case .cancelled: self.init(status: 503, code: "TEMPORARILY_UNAVAILABLE", message: error.description)
    }
  }
}
