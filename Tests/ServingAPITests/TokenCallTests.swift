import CanonicalJSON
import LibCurl
import ServingAPI
import TestKit
import Testing

@Suite struct TokenCallTests {
  private func provider(_ answers: ScriptedTransport.ScriptedResponse...) -> (APIProvider, ScriptedTransport) {
    let network = ScriptedTransport(answers)
    return (APIProvider(network.client()), network)
  }

  @Test func `a token is created with its secret, and listed with its times`() async throws {
    let (provider, network) = provider(
      .json(["id": "t-1", "name": "ci", "can": "query", "groups": ["a"], "created_at": 5, "secret": "spt_1"]),
      .json([
        "tokens": [
          ["id": "t-1", "name": "ci", "last_used_at": 7, "replaced_at": 8, "expires_at": 9, "endpoints": ["chat"]]
        ]
      ]))
    let created = try await provider.createToken(WireTokenRequest(name: "ci", groups: ["a"], expiresInSeconds: 60))
    #expect(created.secret == "spt_1" && created.can == "query" && created.groups == ["a"])
    let sent = network.requests.last?.body.flatMap { try? JSONValue(parsing: $0) }
    #expect(sent == ["name": "ci", "groups": ["a"], "expires_in_seconds": 60])
    let listed = try #require(try await provider.tokens().first)
    #expect(listed.lastUsedAt == 7 && listed.replacedAt == 8 && listed.expiresAt == 9)
    #expect(listed.endpoints == ["chat"] && listed.secret == nil)
  }

  @Test(arguments: [
    ("..", "/api/setpoint/tokens/%2E%2E"), ("a/b?c", "/api/setpoint/tokens/a%2Fb%3Fc"),
    ("ü@example.com", "/api/setpoint/tokens/%C3%BC%40example.com"),
  ])
  func `a name stays one segment of the path`(name: String, path: String) async throws {
    let (provider, network) = provider(.json([:]), .json(["secret": "s"]))
    try await provider.revokeToken(name)
    _ = try await provider.rotateToken(name, overlapSeconds: nil)
    let start = "https://workspace.example.com"
    #expect(network.requests.map(\.url) == [start + path, start + path + "/rotate"])
    #expect(network.requests.map(\.method) == ["DELETE", "POST"])
    #expect(network.requests.last?.body.map { String(decoding: $0, as: UTF8.self) } == "{}")
  }

  @Test func `an empty name is not sent, because it would be another call`() async {
    let (provider, network) = provider(.json([:]))
    let error = await #expect(throws: ServingError.self) { try await provider.revokeToken("") }
    #expect(error?.kind == .refusedLocally)
    #expect(network.requests.isEmpty)
  }

  @Test(arguments: ["{}", #"{"secret":""}"#])
  func `a response without a secret is not a token`(body: String) async {
    let (provider, _) = provider(.answer(status: 200, body: body))
    let error = await #expect(throws: ServingError.self) {
      try await provider.createToken(WireTokenRequest(name: "ci"))
    }
    #expect(error?.kind == .unexpectedAnswer && error?.outcomeUnknown == true)
  }

  @Test func `a request of another form is found by type, at any depth`() {
    let members: [String: JSONValue] = ["name": 1, "endpoints": ["a", 2], "expires_in_seconds": "90d"]
    #expect(
      WireTokenRequest(members: members).typeFindings() == [
        "endpoints[1]: expected a string, found a number",
        "expires_in_seconds: expected a whole number, found a string",
        "name: expected a string, found a number",
      ])
  }
}
