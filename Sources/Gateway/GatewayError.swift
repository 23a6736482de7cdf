import CanonicalJSON
import Durations
import HTTPSupport
import NIOCore
import Scheduling

/// An error response of the gateway itself.
typealias GatewayError = RequestError

extension GatewayError {
  static let unauthenticated = GatewayError(
    401, "UNAUTHENTICATED", "authentication_error",
    "a valid token is required: send \"Authorization: Bearer TOKEN\"")

  static func unknownEndpoint(_ name: String, among endpoints: [QueryableEndpoint], param: String?) -> GatewayError {
    let names = list(endpoints.map(\.name))
    return GatewayError(
      404, "RESOURCE_DOES_NOT_EXIST", "invalid_request_error",
      "no serving endpoint \"\(name)\"; " + (names.isEmpty ? "none exist yet" : "available: \(names)"),
      param: param
    ).recorded(as: .unknownEndpoint)
  }

  static func mayNotQuery(_ endpoint: String, _ principal: Principal) -> GatewayError {
    GatewayError(
      403, "PERMISSION_DENIED", "permission_error",
      "principal \"\(principal.name)\" may see endpoint \"\(endpoint)\" but not query it: CAN_QUERY is required; an "
        + "administrator can grant it with \"setpoint tokens create NAME --can query\", or with access in the manifest")
  }

  /// An error for a LoRA adapter, or another model than the endpoint's, that no replica has.
  static func unknownAdapter(_ name: String, endpoint: QueryableEndpoint) -> GatewayError {
    if endpoint.admission.models.isUpdating {
      return .deploying("model or adapter named \"\(name)\"", endpoint: endpoint.name)
    }
    let entities = endpoint.admission.entities
    let adapters = endpoint.admission.models.adapters(of: entities).map { "\(endpoint.name):\($0)" }
    return GatewayError(
      404, "RESOURCE_DOES_NOT_EXIST", "invalid_request_error",
      "the endpoint \"\(endpoint.name)\" does not serve a model or adapter named \"\(name)\"; "
        + "available: \(list([endpoint.name] + entities + adapters))", param: "model")
  }

  /// An error for something that the config that is being deployed may serve.
  static func deploying(_ what: String, endpoint: String) -> GatewayError {
    GatewayError(
      503, "TEMPORARILY_UNAVAILABLE", "server_error",
      "the endpoint \"\(endpoint)\" has no \(what) yet: its config is being updated; retry later",
      retryAfter: 10)
  }

  /// The first few names, in quotes.
  static func list(_ names: [String]) -> String {
    let shown = names.prefix(20).map { "\"\($0)\"" }.joined(separator: ", ")
    return names.count > 20 ? "\(shown) and \(names.count - 20) more" : shown
  }

  static let missingModel = GatewayError(
    400, "INVALID_PARAMETER_VALUE", "invalid_request_error",
    "\"model\" is missing: on this path it names the serving endpoint", param: "model")

  static func malformed(_ error: QueryBody.Malformed) -> GatewayError {
    GatewayError(
      400, "BAD_REQUEST", "invalid_request_error",
      "the request body cannot be read: \(error.message), at byte \(error.offset)")
  }

  /// - Parameter findings: what is wrong with the fields of a `generate` request; each names its field.
  static func invalidFields(_ findings: [String]) -> GatewayError {
    GatewayError(400, "INVALID_PARAMETER_VALUE", "invalid_request_error", findings.joined(separator: "; "))
  }

  /// An error for a replica's answer that cannot be given in the form of a `generate` route.
  static func unusableAnswer(_ why: String, endpoint: String) -> GatewayError {
    var error = GatewayError(
      502, "INTERNAL_ERROR", "server_error", "the answer of the endpoint \"\(endpoint)\" cannot be used: \(why)")
    error.mayBeRepeated = false
    return error
  }

  static func tooLarge(_ limit: Int) -> GatewayError {
    let size = limit.isMultiple(of: 1 << 20) ? "\(limit >> 20) MiB" : "\(limit) bytes"
    return GatewayError(
      413, "BAD_REQUEST", "invalid_request_error", "the request body is larger than \(size), the limit of this server")
  }

  /// - Parameters:
  ///   - startPhase: the phase of the starting replica, if there is one.
  ///   - startTimeLeft: how long its start still takes; nil if unknown.
  static func refused(
    _ refusal: AdmissionRefusal, endpoint: String, lastFailure: String?, startPhase: String?,
    startTimeLeft: Duration? = nil
  ) -> GatewayError {
    switch refusal {
    case .queueFull(let bound, let waiting, let time):
      GatewayError(
        429, "REQUEST_LIMIT_EXCEEDED", "rate_limit_error", full(bound, waiting: waiting, endpoint: endpoint),
        retryAfter: seconds(time) ?? 1
      ).recorded(as: bound == .length ? .queueFull : .queueBytes)
    case .timedOut(let wait, let waiting, true, let time):
      GatewayError(
        429, "REQUEST_LIMIT_EXCEEDED", "rate_limit_error",
        lacking("free", endpoint: endpoint, after: wait)
          + ", and \(waiting) more requests are waiting; retry later, or add replicas",
        retryAfter: seconds(time) ?? 1
      ).recorded(as: .waitedTooLong)
    case .timedOut(let wait, let waiting, false, _):
      GatewayError(
        503, "TEMPORARILY_UNAVAILABLE", "server_error",
        lacking("ready", endpoint: endpoint, after: wait) + (startPhase.map { " (\($0))" } ?? "")
          + ", and \(waiting) more requests are waiting; retry later",
        retryAfter: seconds(startTimeLeft) ?? 5
      ).recorded(as: .noReplica)
    case .unavailable(let reason):
      GatewayError(
        503, "TEMPORARILY_UNAVAILABLE", "server_error",
        "the endpoint \"\(endpoint)\" cannot answer: \(reason)", retryAfter: 10)
    case .unknownEntity(let entity):
      GatewayError(
        404, "RESOURCE_DOES_NOT_EXIST", "invalid_request_error",
        "the endpoint \"\(endpoint)\" has no served entity \"\(entity)\"")
    case .replicasFailed(let attempts):
      GatewayError(
        503, "TEMPORARILY_UNAVAILABLE", "server_error",
        "the endpoint \"\(endpoint)\" did not accept the request in \(attempts) attempts"
          + (lastFailure.map { "; last failure: \($0)" } ?? ""),
        retryAfter: 1)
    case .stopping:
      GatewayError(
        503, "TEMPORARILY_UNAVAILABLE", "server_error",
        "the serving plane is shutting down and no longer accepts requests for the endpoint \"\(endpoint)\"; "
          + "retry later",
        retryAfter: 5)
    }
  }

  /// - Parameter wait: zero if the request was not to wait.
  private static func lacking(_ what: String, endpoint: String, after wait: Duration) -> String {
    let time = DurationText.text(wait)
    return time == "0s"
      ? "the endpoint \"\(endpoint)\" has no \(what) replica"
      : "the endpoint \"\(endpoint)\" had no \(what) replica for \(time)"
  }

  private static func full(_ bound: QueueBound, waiting: Int, endpoint: String) -> String {
    switch bound {
    case .length:
      "the endpoint \"\(endpoint)\" is at its limit: \(waiting) requests are already waiting; retry later, or add "
        + "replicas"
    case .bytes:
      "the endpoint \"\(endpoint)\" is at its limit: \(waiting) requests are already waiting, and their bodies use all "
        + "memory for them; retry later, or add replicas"
    case .body(let limit):
      "the endpoint \"\(endpoint)\" has no free replica, and the request body is too large to be queued: the queue holds at "
        + "most \(limit) bytes; \(waiting) requests are waiting; retry later, or send a smaller body"
    case .totalBytes:
      "the serving plane is at its limit: the request body does not fit into its memory for queued bodies; \(waiting) "
        + "requests are waiting at the endpoint \"\(endpoint)\"; retry later, or start the plane with a larger --held-bytes"
    }
  }

  /// Whole seconds for `Retry-After`, at least one.
  private static func seconds(_ time: Duration?) -> Int? {
    time.map { max(1, Int(($0 / Duration.seconds(1)).rounded(.up))) }
  }

  static func invalidMaxWait(_ text: String) -> GatewayError {
    GatewayError(
      400, "INVALID_PARAMETER_VALUE", "invalid_request_error",
      "\"\(text)\" is not a valid X-Setpoint-Max-Wait; write a time such as 2s or 500ms, in ms, s, m or h and with at "
        + "most 9 digits, or 0 for no wait",
      param: "X-Setpoint-Max-Wait")
  }

  /// - Parameter cause: why the replica ended, if known.
  init(_ failure: UpstreamFailure, endpoint: String, ended cause: String? = nil) {
    let words = cause.map(failure.description(ended:)) ?? failure.description
    let message = "the endpoint \"\(endpoint)\" did not answer: \(words)"
    switch failure {
    case .clientLeft: self.init(499, "CANCELLED", "invalid_request_error", message)
    case .silent: self.init(504, "DEADLINE_EXCEEDED", "server_error", message)
    case .cutOff: self.init(503, "TEMPORARILY_UNAVAILABLE", "server_error", message, retryAfter: 1)
    // Not 503, which clients retry at once: a request that kills replicas must not reach them all.
    case .unreachable, .closedBeforeRequest, .closedUnanswered, .brokenOff:
      self.init(502, "INTERNAL_ERROR", "server_error", message)
      mayBeRepeated = false
    }
  }
}

/// Makes a replica's own error readable for Databricks clients too, without losing its wording.
func withErrorCode(_ body: ByteBuffer, status: Int) -> ByteBuffer {
  guard case .object(var members, let alike)? = try? JSONValue(parsing: Array(body.readableBytesView)) else {
    let text = String(buffer: body)
    let error = GatewayError(
      status, errorCode(for: status), "server_error", text.isEmpty ? "the replica returned HTTP \(status)" : text)
    return ByteBuffer(bytes: error.json.bytes())
  }
  let words =
    members["error"]?["message"]?.stringValue ?? members["error"]?.stringValue ?? members["detail"]?.stringValue
    ?? members["message"]?.stringValue ?? "the replica returned HTTP \(status)"
  members["error_code"] = members["error_code"] ?? .string(errorCode(for: status))
  members["message"] = members["message"] ?? .string(words)
  if members["error"] == nil {
    members["error"] = [
      "message": .string(words), "type": status < 500 ? "invalid_request_error" : "server_error", "param": .null,
      "code": .int(Int64(status)),
    ]
  }
  return ByteBuffer(bytes: JSONValue.object(members, alike: alike).bytes())
}

/// The message of an error body made by ``withErrorCode(_:status:)``.
func message(of body: ByteBuffer) -> String? {
  (try? JSONValue(parsing: Array(body.readableBytesView)))?["message"]?.stringValue
}

/// The `error_code` of a replica's error.
func errorCode(for status: Int) -> String {
  switch status {
  case 401: "UNAUTHENTICATED"
  case 403: "PERMISSION_DENIED"
  case 404: "RESOURCE_DOES_NOT_EXIST"
  case 429: "REQUEST_LIMIT_EXCEEDED"
  case 400..<500: "BAD_REQUEST"
  case 503: "TEMPORARILY_UNAVAILABLE"
  case 504: "DEADLINE_EXCEEDED"
  default: "INTERNAL_ERROR"
  }
}
