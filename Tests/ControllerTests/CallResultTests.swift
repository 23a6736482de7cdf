import Controller
import Endpoints
import Planning
import ServingAPI
import TestKit
import Testing

@Suite struct CallResultTests {
  private let config = EndpointConfig(entities: [ServedEntity(entityName: "a.b.m", entityVersion: "2")])

  /// The result of an update with this response.
  private func result(_ response: ScriptedTransport.ScriptedResponse) async -> CallResult? {
    let provider = APIProvider(ScriptedTransport([response]).client(retryPolicy: RetryPolicy(budget: .zero)))
    do {
      _ = try await provider.updateConfig("chat", to: config)
    } catch let error as ServingError {
      return CallResult(error)
    } catch {
      Issue.record("\(error)")
    }
    return nil
  }

  @Test(arguments: [
    (400, "", "refused"), (403, "", "refused"), (404, "RESOURCE_DOES_NOT_EXIST", "refused"),
    (404, "ENDPOINT_NOT_FOUND", "refused"), (501, "NOT_IMPLEMENTED", "refused"),
    (500, "INVALID_PARAMETER_VALUE", "refused"), (409, "", "conflict"), (400, "RESOURCE_ALREADY_EXISTS", "conflict"),
    (409, "INVALID_STATE", "conflict"), (429, "BAD_REQUEST", "unavailable"),
    (503, "INVALID_PARAMETER_VALUE", "unavailable"),
    (401, "", "unavailable"), (408, "", "unavailable"), (425, "", "unavailable"), (429, "", "unavailable"),
    (499, "", "unavailable"), (500, "", "unavailable"), (503, "", "unavailable"),
    (400, "RESOURCE_EXHAUSTED", "unavailable"),
    (400, "INTERNAL", "unavailable"), (302, "", "unavailable"),
  ])
  func `an error response is a refusal, a conflict or the provider's failure`(
    status: Int, code: String, word: String
  ) async {
    switch await result(.error(status, code, "words")) {
    case .refused: #expect(word == "refused")
    case .conflict: #expect(word == "conflict")
    case .unavailable: #expect(word == "unavailable")
    case let other: Issue.record("\(String(describing: other))")
    }
  }

  @Test(arguments: [
    (500, "", true), (503, "TEMPORARILY_UNAVAILABLE", true), (504, "", true), (429, "", false), (401, "", false),
  ])
  func `a failure of the server may have accepted the call`(status: Int, code: String, expected: Bool) async {
    guard case .unavailable(_, _, let mayHaveArrived) = await result(.error(status, code, "words")) else {
      Issue.record("\(status) is another result")
      return
    }
    #expect(mayHaveArrived == expected)
  }

  @Test func `a missing version may still be registered, a path that the server does not know may not`() async {
    let message = "Model version 2 of a.b.m was not found in words of its own"
    guard case .missing = await result(.error(404, "RESOURCE_DOES_NOT_EXIST", message)) else {
      Issue.record("the version is not waited for")
      return
    }
    let path = "No API found for PUT /api/2.0/serving-endpoints/chat/served-models"
    guard case .refused = await result(.error(404, "ENDPOINT_NOT_FOUND", path)) else {
      Issue.record("the path is waited for")
      return
    }
  }

  @Test func `a login page says nothing about the call`() async {
    let page = "<html><title>Sign in</title><input type=\"password\"></html>"
    guard case .unavailable = await result(.answer(status: 200, body: page)) else {
      Issue.record("a login page is a result")
      return
    }
  }
}
