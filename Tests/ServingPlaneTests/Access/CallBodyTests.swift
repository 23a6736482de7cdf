import HTTPSupport
import HTTPTypes
import Hummingbird
import NIOCore
import ServingAPI
import Testing

@testable import ServingPlane

@Suite struct CallBodyTests {
  /// Refuses every token, as if the only one had been revoked.
  private struct Revoked: Authorizer {
    func principal(authorization: String?) throws(AccessTokenDigest.Refusal) -> HTTPSupport.Principal { throw .wrong }

    func level(of principal: HTTPSupport.Principal, on endpoint: String) -> EndpointLevel? { nil }
  }

  @Test func `a call is refused if its sender's token is revoked before the body has arrived`() async throws {
    let request = Request(
      head: HTTPRequest(
        method: .post, scheme: nil, authority: nil, path: "/api/setpoint/tokens",
        headerFields: [.authorization: "Bearer x"]),
      body: RequestBody(buffer: ByteBuffer(string: #"{"overlap_seconds": 5}"#)))
    let sent = try await CallBody(limit: 1000).read(request, as: WireTokenRotation.self)
    #expect(sent.overlapSeconds == 5)
    let error = await #expect(throws: APIError.self) {
      try await CallBody(limit: 1000, authorizer: Revoked()).read(request, as: WireTokenRotation.self)
    }
    #expect(error?.status == 401)
  }
}
