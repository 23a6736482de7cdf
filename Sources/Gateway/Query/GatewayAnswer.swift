import CanonicalJSON
import HTTPSupport
import NIOCore
import NIOHTTP1

/// A whole response of the gateway, or of a replica in its final form.
struct GatewayAnswer {
  let status: HTTPResponseStatus
  /// Without `content-length` and those that every answer has.
  let headers: HTTPHeaders
  let body: ByteBuffer

  init(status: HTTPResponseStatus, headers: HTTPHeaders, body: ByteBuffer) {
    self.status = status
    self.headers = headers
    self.body = body
  }

  /// - Parameter value: the body.
  init(_ value: JSONValue) {
    self.init(status: .ok, headers: ["content-type": "application/json"], body: ByteBuffer(bytes: value.bytes()))
  }

  init(_ error: GatewayError, in form: ErrorForm = .common) {
    var headers: HTTPHeaders = ["content-type": "application/json"]
    if let seconds = error.retryAfter { headers.add(name: "retry-after", value: String(seconds)) }
    if error.status == 401 { headers.add(name: "www-authenticate", value: "Bearer") }
    // OpenAI clients retry a request that got a 5xx, unless this says "false".
    if !error.mayBeRepeated { headers.add(name: "x-should-retry", value: "false") }
    self.init(
      status: HTTPResponseStatus(statusCode: error.status), headers: headers,
      body: ByteBuffer(bytes: form.json(of: error).bytes()))
  }
}
