import CanonicalJSON
import Endpoints
import LibCurl
import ServingAPI
import TestKit
import Testing

@Suite struct APIProviderTests {
  private let good = EndpointConfig(entities: [ServedEntity(entityName: "a.b.m", entityVersion: "1")])
  private let better = EndpointConfig(entities: [ServedEntity(entityName: "a.b.m", entityVersion: "2")])

  private func provider(_ answers: ScriptedTransport.ScriptedResponse...) -> (APIProvider, ScriptedTransport) {
    let network = ScriptedTransport(answers)
    return (APIProvider(network.client()), network)
  }

  /// A workspace with `e` at version 1.
  private func workspace() async throws -> WorkspaceDouble {
    let workspace = WorkspaceDouble()
    _ = try await workspace.provider.create("e", config: good, tags: [:])
    while case .present(let endpoint) = try await workspace.provider.observe("e"), endpoint.update.isUpdating {}
    workspace.forgetCalls()
    return workspace
  }

  // MARK: - Absence

  @Test(arguments: [
    (
      ScriptedTransport.ScriptedResponse.error(404, "RESOURCE_DOES_NOT_EXIST", "no such endpoint"), true,
      "the API's 404"
    ),
    (.json(["message": "not found"], status: 404), true, "a 404 with a message only"),
    (.error(404, "ENDPOINT_NOT_FOUND", "No API found for GET"), false, "a path the server does not know"),
    (.answer(status: 404, body: "<html><title>404 Not Found</title></html>"), false, "a page of a proxy"),
    (.answer(status: 404), false, "an empty 404"),
    (.error(403, "PERMISSION_DENIED", "no"), false, "a refused permission"),
    (.error(400, "RESOURCE_DOES_NOT_EXIST", "no"), false, "another status with that code"),
    (.json(["endpoints": []]), false, "an answer to another question"),
    (.json(["name": "other"]), false, "another endpoint"),
    (.answer(status: 200, body: ""), false, "nothing"),
  ])
  func `only a real 404 means absent`(answer: ScriptedTransport.ScriptedResponse, isAbsent: Bool, what: String)
    async throws
  {
    let (provider, _) = provider(answer)
    if isAbsent {
      #expect(try await provider.observe("e") == .absent)
    } else {
      await #expect(throws: ServingError.self) { try await provider.observe("e") }
    }
  }

  @Test func `an empty name is refused before it becomes a different request`() async throws {
    let (provider, network) = provider(.json(["endpoints": []]))
    await #expect(throws: ServingError.self) { try await provider.observe("") }
    await #expect(throws: ServingError.self) { try await provider.delete("") }
    #expect(network.requests.isEmpty)
  }

  @Test func `a name is one path segment, whatever it contains`() async throws {
    let (provider, network) = provider(.error(404, "RESOURCE_DOES_NOT_EXIST", "no"))
    for name in ["a/b", "..", "é x?y#z"] { _ = try await provider.observe(name) }
    #expect(
      network.requests.map(\.url) == [
        "https://workspace.example.com/api/2.0/serving-endpoints/a%2Fb",
        "https://workspace.example.com/api/2.0/serving-endpoints/%2E%2E",
        "https://workspace.example.com/api/2.0/serving-endpoints/%C3%A9%20x%3Fy%23z",
      ])
  }

  // MARK: - Lost responses

  @Test func `a create whose response is lost finds the endpoint`() async throws {
    let workspace = WorkspaceDouble()
    workspace.fail("POST", with: .loseAnswer)
    guard case .alreadyThere(let endpoint) = try await workspace.provider.create("e", config: good, tags: ["t": "1"])
    else {
      Issue.record("the endpoint was not found")
      return
    }
    #expect(endpoint.tags == ["t": "1"])
    #expect(endpoint.pending.map { good.isMet(by: $0.config) } == true)
    #expect(workspace.writes.count == 1)
  }

  @Test func `a create that never arrived is sent again`() async throws {
    let workspace = WorkspaceDouble()
    workspace.fail("POST", with: .loseRequest)
    guard case .created(let writeResponse) = try await workspace.provider.create("e", config: good, tags: [:]) else {
      Issue.record("not created")
      return
    }
    #expect(writeResponse.announcedVersion == 1)
    #expect(workspace.writes.count == 2)
  }

  @Test func `a create that is lost every time ends with an unknown outcome`() async throws {
    let workspace = WorkspaceDouble()
    workspace.fail("POST", times: 10, with: .loseRequest)
    let error = await #expect(throws: ServingError.self) {
      try await workspace.provider.create("e", config: good, tags: [:])
    }
    #expect(error?.outcomeUnknown == true)
    #expect(workspace.writes.count == 3)
  }

  @Test func `a create that conflicts with its own first attempt is read back`() async throws {
    let endpoint: JSONValue = [
      "name": "e", "id": "1", "state": ["ready": "NOT_READY", "config_update": "IN_PROGRESS"],
    ]
    let (provider, network) = provider(
      .error(503, "TEMPORARILY_UNAVAILABLE", "busy"), .error(409, "RESOURCE_ALREADY_EXISTS", "exists"), .json(endpoint))
    guard case .alreadyThere(let found) = try await provider.create("e", config: good, tags: [:]) else {
      Issue.record("not read back")
      return
    }
    #expect(found.id == "1")
    #expect(network.requests.map(\.method) == ["POST", "POST", "GET"])
  }

  @Test func `a definite conflict on create is reported to the caller`() async throws {
    let (provider, network) = provider(.error(409, "RESOURCE_ALREADY_EXISTS", "Endpoint 'e' already exists."))
    let error = await #expect(throws: ServingError.self) { try await provider.create("e", config: good, tags: [:]) }
    #expect(error?.kind == .conflict)
    #expect(error?.serverMessage == "Endpoint 'e' already exists.")
    #expect(network.requests.count == 1)
  }

  @Test func `an update whose response is lost is found in progress`() async throws {
    let workspace = try await workspace()
    workspace.fail("PUT", with: .loseAnswer)
    let writeResponse = try await workspace.provider.updateConfig("e", to: better)
    #expect(writeResponse.announcedVersion == 2)
    #expect(workspace.writes.count == 1)
  }

  @Test func `an update that may have been lost is not sent twice, and the error says so`() async throws {
    let workspace = try await workspace()
    workspace.fail("PUT", with: .loseRequest)
    let error = await #expect(throws: ServingError.self) { try await workspace.provider.updateConfig("e", to: better) }
    #expect(error?.outcomeUnknown == true)
    #expect(workspace.writes.count == 1)
  }

  @Test func `an update whose check afterwards fails as well reports its own error`() async throws {
    let workspace = try await workspace()
    workspace.fail("PUT", with: .loseAnswer)
    workspace.fail("GET", with: .answer(status: 403, errorCode: "PERMISSION_DENIED", message: "no look for you"))
    let error = await #expect(throws: ServingError.self) { try await workspace.provider.updateConfig("e", to: better) }
    #expect(error?.outcomeUnknown == true)
    #expect(error?.call == "PUT /api/2.0/serving-endpoints/e/config")
  }

  @Test func `another update in progress is not mistaken for the lost one`() async throws {
    let workspace = try await workspace()
    workspace.fail("PUT", with: .loseRequest)
    workspace.foreignEdit("e", config: EndpointConfig(entities: [ServedEntity(entityName: "x", entityVersion: "9")]))
    await #expect(throws: ServingError.self) { try await workspace.provider.updateConfig("e", to: better) }
  }

  @Test(arguments: [
    WorkspaceDouble.Fault.loseAnswer, .loseRequest,
    .answer(status: 503, errorCode: "TEMPORARILY_UNAVAILABLE", message: "busy"),
  ])
  func `a delete may be sent again, and one of a missing endpoint succeeds`(fault: WorkspaceDouble.Fault) async throws {
    let workspace = try await workspace()
    workspace.fail("DELETE", with: fault)
    try await workspace.provider.delete("e")
    #expect(workspace.endpoint("e") == nil)
    #expect(workspace.writes.count == 2)
  }

  @Test func `a delete that failed with a server error is settled by a read`() async throws {
    let (gone, _) = provider(.error(500, "INTERNAL_ERROR", "oops"), .error(404, "RESOURCE_DOES_NOT_EXIST", "no"))
    try await gone.delete("e")
    let (there, _) = provider(.error(500, "INTERNAL_ERROR", "oops"), .json(["name": "e"]))
    let error = await #expect(throws: ServingError.self) { try await there.delete("e") }
    #expect(error?.serverMessage == "oops")
  }

  @Test func `a delete that is not allowed is an error and never counts as done`() async throws {
    let (provider, _) = provider(.error(403, "PERMISSION_DENIED", "no"))
    let error = await #expect(throws: ServingError.self) { try await provider.delete("e") }
    #expect(error?.kind == .permissionDenied)
  }

  // MARK: - What is sent

  @Test func `a live size that cannot be sent is refused and not replaced by a default`() async throws {
    let (provider, network) = provider(.json([:]))
    let config = EndpointConfig(entities: [ServedEntity(entityName: "m", entityVersion: "1", workloadSize: nil)])
    let error = await #expect(throws: ServingError.self) { try await provider.updateConfig("e", to: config) }
    #expect(error?.kind == .refusedLocally)
    #expect(network.requests.isEmpty)
  }

  @Test func `an empty tag patch sends nothing`() async throws {
    let (provider, network) = provider(.json([:]))
    try await provider.patchTags("e", set: [:], remove: [])
    #expect(network.requests.isEmpty)
  }

  @Test func `an environment value that the server repeats is not in the message`() async throws {
    let (provider, _) = provider(
      .error(400, "INVALID_PARAMETER_VALUE", "bad value hunter2-hunter2 for PASSWORD, dapi-secret-token"))
    let config = EndpointConfig(entities: [
      ServedEntity(entityName: "m", entityVersion: "1", environment: ["PASSWORD": "hunter2-hunter2"])
    ])
    let error = await #expect(throws: ServingError.self) { try await provider.updateConfig("e", to: config) }
    #expect(error?.serverMessage == "bad value [redacted] for PASSWORD, [redacted]")
  }

  @Test func `a value of a variable whose name has another Unicode form is redacted, and the loss is reported`()
    async throws
  {
    let variables = JSONValue.object(
      ["HF_TOKEN": "first-value-1"], alike: [JSONMember(key: "HF_TO\u{212A}EN", value: "second-value-2")])
    let (provider, _) = provider(
      .json([
        "name": "e", "id": "1",
        "config": [
          "config_version": 1,
          "served_entities": [
            [
              "name": "m", "entity_name": "c.s.m", "entity_version": "1", "environment_vars": variables,
              "state": [
                "deployment": "DEPLOYMENT_FAILED",
                "deployment_state_message": "neither first-value-1 nor second-value-2 is valid",
              ],
            ]
          ],
        ],
      ]))
    let details = try await provider.details("e")
    #expect(
      details.config?.entities.first?.state?.message == "neither [redacted] nor [redacted] is valid")
    #expect(details.config?.unrepresentedMembers.count == 1)
  }

  // MARK: - Queries

  @Test func `an error response of the model is a result and is never retried`() async throws {
    let (provider, network) = provider(.error(429, "REQUEST_LIMIT_EXCEEDED", "slow down"))
    let answer = try await provider.ask("e", entity: "main", prompt: "hi", timeout: .seconds(5))
    #expect(answer.status == 429)
    #expect(answer.text == "slow down")
    #expect(network.requests.count == 1)
    #expect(
      network.requests.first?.url
        == "https://workspace.example.com/serving-endpoints/e/served-models/main/invocations")
    #expect(network.requests.first?.timeouts?.total == .seconds(5))
  }

  @Test func `an HTML page is not mistaken for the model's answer`() async throws {
    let (provider, _) = provider(.answer(status: 200, body: "<html><title>Sign in</title></html>"))
    let error = await #expect(throws: ServingError.self) {
      try await provider.ask("e", entity: nil, prompt: "hi", timeout: .seconds(5))
    }
    #expect(error?.kind == .unexpectedAnswer)
  }

  @Test(arguments: [
    (#"{"choices":[{"message":{"role":"assistant","content":"chat"}}]}"#, "chat"),
    (#"{"choices":[{"message":{"role":"assistant","content":null}}]}"#, ""),
    (#"{"choices":[{"text":"completion"}]}"#, "completion"), (#"{"predictions":[1,2]}"#, "[1,2]"),
    (#"{"data":[]}"#, #"{"data":[]}"#),
  ])
  func `the text of an answer is found for every task`(body: String, text: String) async throws {
    let (provider, _) = provider(.answer(status: 200, headers: [HTTPField("served-model-name", "m-1")], body: body))
    let answer = try await provider.ask("e", entity: nil, prompt: "hi", timeout: .seconds(5))
    #expect(answer.text == text)
    #expect(answer.servedEntity == "m-1")
  }

  @Test func `a timeout of the model is thrown as a timeout`() async throws {
    let (provider, _) = provider(
      .failure(
        HTTPClientError(
          code: .timeout(.total), message: "nothing for 5 s", method: "POST", url: "", requestMayHaveBeenSent: true)))
    let error = await #expect(throws: ServingError.self) {
      try await provider.ask("e", entity: nil, prompt: "hi", timeout: .seconds(5))
    }
    #expect(error?.kind == .timeout)
    #expect(error?.advice == nil, "the address is not the problem")
  }

  @Test func `a stream is reassembled however its bytes are split`() async throws {
    let (provider, _) = provider(
      .pieces([
        ": beat\n\nda", "ta: {\"choices\":[{\"delta\":{\"role\":\"assistant\"}}]}\r", "\n\r\n",
        "data:{\"choices\":[{\"delta\":{\"content\":\"H",
        "é\"}}]}\n\ndata: {\"choices\":[{\"delta\":{\"content\":\"!\"}}]}",
        "\n\nevent: x\ndata: [DONE]\n\n",
      ]))
    var pieces: [String] = []
    for try await piece in try await provider.streamChat("e", entity: nil, prompt: "hi") { pieces.append(piece) }
    #expect(pieces == ["Hé", "!"])
  }

  @Test(arguments: [
    (
      ["data: {\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\n\n"],
      "the connection closed before the response was complete"
    ),
    (["data: {\"error\":{\"message\":\"engine died\",\"type\":\"InternalError\"}}\n\n"], "engine died"),
    (["data: what\n\n"], "what"),
  ])
  func `a stream that does not end properly says so`(pieces: [String], message: String) async throws {
    let (provider, _) = provider(.pieces(pieces))
    let error = await #expect(throws: ServingError.self) {
      for try await _ in try await provider.streamChat("e", entity: nil, prompt: "hi") {}
    }
    #expect(error?.serverMessage == message)
  }

  @Test func `a stream that breaks off reports the connection failure`() async throws {
    let (provider, _) = provider(
      .pieces(
        ["data: {\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\n\n"],
        then: HTTPClientError(code: .connectionLost, message: "reset by peer", method: "POST", url: "")))
    var text = ""
    let error = await #expect(throws: ServingError.self) {
      for try await piece in try await provider.streamChat("e", entity: nil, prompt: "hi") { text += piece }
    }
    #expect(text == "a")
    #expect(error?.kind == .network)
  }

  @Test func `a refused stream throws the server's words`() async throws {
    let (provider, _) = provider(.error(404, "RESOURCE_DOES_NOT_EXIST", "no entity main"))
    let error = await #expect(throws: ServingError.self) {
      _ = try await provider.streamChat("e", entity: "main", prompt: "hi")
    }
    #expect(error?.serverMessage == "no entity main")
  }
}
