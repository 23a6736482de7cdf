import CanonicalJSON
import HTTPSupport
import NIOCore

/// What the body of a request contains: the body for the replica, and what is for the gateway alone.
struct QueryContent: Sendable {
  /// The client's own body.
  let received: ByteBuffer
  let body: QueryBody
  /// What the client notes about the request, for its record.
  let metadata: [String: String]

  init(_ bytes: ByteBuffer, for target: QueryTarget) throws(GatewayError) {
    received = bytes
    guard target.isGenerate else {
      body = try Self.scan(bytes)
      metadata = [:]
      return
    }
    let request = try GenerateRequest(parsing: bytes)
    body = try Self.scan(ByteBuffer(bytes: request.chatCompletion.bytes()))
    metadata = request.metadata
  }

  private static func scan(_ bytes: ByteBuffer) throws(GatewayError) -> QueryBody {
    do throws(QueryBody.Malformed) { return try QueryBody(scanning: bytes) } catch { throw .malformed(error) }
  }
}
