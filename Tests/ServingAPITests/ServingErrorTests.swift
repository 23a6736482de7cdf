import CanonicalJSON
import LibCurl
import ServingAPI
import TestKit
import Testing

@Suite struct ServingErrorTests {
  private func error(_ answer: ScriptedTransport.ScriptedResponse, _ call: APICall = APICall("GET", "/x")) async
    -> ServingError?
  {
    let client = ScriptedTransport([answer]).client(retryPolicy: RetryPolicy(budget: .zero, unreachableBudget: .zero))
    return await #expect(throws: ServingError.self) { try await client.json(call) }
  }

  @Test(arguments: [
    (
      400, #"{"error_code":"INVALID_PARAMETER_VALUE","message":"bad size","details":[]}"#,
      ServingError.Kind.invalid, "INVALID_PARAMETER_VALUE" as String?, "bad size", "the normal shape"
    ),
    (404, #"{"message":"gone"}"#, .notFound, nil, "gone", "a message alone"),
    (400, #"{"error":"old words"}"#, .invalid, nil, "old words", "API 1.2"),
    (
      403, #"{"detail":"no group","status":"403","scimType":"noTarget"}"#, .permissionDenied, nil, "noTarget: no group",
      "SCIM"
    ),
    (400, "BAD_REQUEST: the text says", .invalid, "BAD_REQUEST", "the text says", "plain text with a code"),
    (502, "upstream went away", .internalError, nil, "upstream went away", "plain text"),
    (
      500, "<!DOCTYPE html><html><head><title>Oops</title></head><body><pre> a stack\n trace </pre></body></html>",
      .internalError, nil, "a stack\n trace", "HTML with its message in <pre>"
    ),
    (
      503, "<html><head><TITLE>503 Service Unavailable</TITLE></head></html>", .unavailable, nil,
      "503 Service Unavailable", "HTML with a title"
    ),
    (500, "<html><body>x</body></html>", .internalError, nil, "an HTML page without a title", "bare HTML"),
    (500, "", .internalError, nil, "the server gave no reason (empty response)", "nothing at all"),
    (500, "{}", .internalError, nil, "the server gave no reason (empty response)", "an empty object"),
    (404, #"{"error_code":404,"message":"numeric"}"#, .notFound, "404", "numeric", "a numeric code"),
    (
      401, #"{"error":{"message":"bad key","type":"AuthenticationError","code":401}}"#, .unauthenticated, "401",
      "bad key", "OpenAI's shape"
    ),
    (400, #"{"errorCode":"E1","errorSummary":"sign in"}"#, .invalid, "E1", "sign in", "an identity provider's shape"),
    (
      401, #"{"error":"invalid_client","error_description":"who are you"}"#, .unauthenticated, nil, "who are you",
      "OAuth's shape"
    ),
    (418, #"["a list"]"#, .invalid, nil, #"["a list"]"#, "JSON that is no object"),
  ])
  func `every form of an error response is read`(
    status: Int, body: String, kind: ServingError.Kind, code: String?, message: String, what: String
  ) async {
    let error = await error(.answer(status: status, body: body))
    #expect(error?.kind == kind)
    #expect(error?.status == status)
    #expect(error?.errorCode == code)
    #expect(error?.serverMessage == message)
    #expect(error?.call == "GET /x")
  }

  @Test(arguments: [
    (400, "RESOURCE_DOES_NOT_EXIST", ServingError.Kind.notFound), (500, "RESOURCE_CONFLICT", .conflict),
    (400, "ABORTED", .conflict), (500, "ALREADY_EXISTS", .conflict), (400, "RESOURCE_EXHAUSTED", .throttled),
    (403, "REQUEST_LIMIT_EXCEEDED", .throttled), (400, "UNAUTHENTICATED", .unauthenticated),
    (400, "TEMPORARILY_UNAVAILABLE", .unavailable), (400, "DATA_LOSS", .internalError), (409, "UNHEARD_OF", .conflict),
    (408, "", .timeout), (409, "", .conflict), (425, "", .unavailable), (429, "", .throttled),
    (499, "", .cancelledByServer), (501, "", .unimplemented), (503, "", .unavailable), (504, "", .timeout),
    (599, "", .internalError),
  ])
  func `a known error code takes precedence over the status`(status: Int, code: String, kind: ServingError.Kind) async {
    #expect(await error(.error(status, code, "words"))?.kind == kind)
  }

  @Test(arguments: [
    "<html><title>Sign in</title></html>", "  <!DOCTYPE html><form><input type=\"password\"></form>",
    "<!doctype html>\n<html><head><title>Login - Databricks</title></head></html>",
  ])
  func `a login page with status 200 is a denied permission`(page: String) async {
    for method in ["GET", "PUT"] {
      let page = await error(.answer(status: 200, body: page), APICall(method, "/x"))
      #expect(page?.kind == .permissionDenied)
      #expect(page?.outcomeUnknown == false)
      #expect(page?.serverMessage == "the server returned its login page")
      #expect(page?.advice?.contains("https://workspace.example.com is the workspace's own address") == true)
    }
  }

  @Test(arguments: ["<html><title>Welcome</title>Hello</html>", "<p>", "OK"])
  func `another page with status 200 is not an API response`(body: String) async {
    let error = await error(.answer(status: 200, body: body))
    #expect(error?.kind == .unexpectedAnswer)
    #expect(error?.advice?.contains("https://workspace.example.com is a workspace") == true)
  }

  @Test func `a response that ends too early says so, and does not put the server in doubt`() async throws {
    let error = await error(.answer(status: 200, body: "{\"endpoints\": [{\"name\": \"ch"))
    #expect(error?.kind == .unexpectedAnswer)
    #expect(
      error?.serverMessage.contains("JSON truncated after 27 bytes: expected the end of a quoted") == true)
    #expect(error?.advice?.contains("run the command again") == true)
    let network = ScriptedTransport([.answer(status: 200, body: "{\"choices\": [")])
    let asked = await #expect(throws: ServingError.self) {
      try await APIProvider(network.client()).ask("chat", entity: nil, prompt: "hi", timeout: .seconds(9))
    }
    #expect(asked?.serverMessage == "the response is JSON truncated after 13 bytes: expected a value")
    #expect(asked?.advice == error?.advice)
  }

  @Test(arguments: ["ma in.x.y", "a/b", "é?#", "100%", ".."])
  func `a call is described with the names as they were given`(name: String) async {
    let call = APICall("GET", "/api/2.1/unity-catalog/models/\(name)/versions")
    #expect(
      await error(.error(400, "INVALID_PARAMETER_VALUE", "no"), call)?.call.hasSuffix("/models/\(name)/versions")
        == true)
  }

  @Test(arguments: [
    ScriptedTransport.ScriptedResponse.answer(
      status: 200, body: "<html></html>",
      effectiveURL: "https://w.example.com/login.html?error=private-link-validation-error:123"),
    .answer(
      status: 303, headers: [HTTPField("location", "/login.html?error=private-link-validation-error:123")]),
  ])
  func `a private link's login page is a denied permission`(answer: ScriptedTransport.ScriptedResponse) async {
    let error = await error(answer)
    #expect(error?.kind == .permissionDenied)
    #expect(error?.advice?.contains("private link reaches") == true)
  }

  @Test(arguments: ["/login.html?next=/x", "https://h/oidc/oauth2/v2.0/authorize?a=b", "https://h/aad/auth", "/login"])
  func `a redirect to a login page is a denied permission`(place: String) async {
    let error = await error(.answer(status: 302, headers: [HTTPField("Location", place)]))
    #expect(error?.kind == .permissionDenied)
    #expect(error?.serverMessage.contains("login page") == true)
    #expect(error?.serverMessage.contains("?") == false)
    let network = ScriptedTransport([.answer(status: 302, headers: [HTTPField("Location", place)])])
    let asked = await #expect(throws: ServingError.self) {
      try await APIProvider(network.client()).streamChat("chat", entity: nil, prompt: "hi")
    }
    #expect(asked?.kind == .permissionDenied)
  }

  @Test func `a redirect shows its target without the query, and is not followed`() async {
    let error = await error(
      .answer(status: 302, headers: [HTTPField("Location", "https://sso.example.com/in?session=secret")]))
    #expect(error?.kind == .unexpectedAnswer)
    #expect(error?.serverMessage == "the server redirected the request to https://sso.example.com/in")
  }

  @Test func `a token that the server repeats is not in a message`() async {
    let error = await error(.answer(status: 401, body: "token dapi-secret-token is no good"))
    #expect(error?.serverMessage == "token [redacted] is no good")
    #expect(error.map { "\($0)" }?.contains("dapi-secret-token") == false)
    #expect(error?.advice == "the token was rejected; it came from environment DATABRICKS_TOKEN")
  }

  @Test func `a token that is truncated with a long text is not shown in part`() async {
    for (status, length) in [(500, 1990), (200, 190)] {
      let error = await error(
        .answer(status: status, body: String(repeating: "x", count: length) + "dapi-secret-token and more"))
      #expect(error?.serverMessage.contains("xxx") == true)
      #expect(error?.serverMessage.contains("dapi") == false)
    }
  }

  @Test(arguments: [
    "Invalid access token. [ReqId: 1]", "Token is expiring within 30 seconds. (token expired)", "Token is expired",
  ])
  func `a 403 about the token itself is a token error`(words: String) async {
    let error = await error(.error(403, "403", words))
    #expect(error?.kind == .unauthenticated)
    #expect(error?.advice == "the token was rejected; it came from environment DATABRICKS_TOKEN")
    #expect(await self.error(.error(403, "PERMISSION_DENIED", "No grant on it"))?.kind == .permissionDenied)
  }

  @Test func `provider access never shows its token`() {
    var dumped = ""
    dump(ProviderAccess.test, to: &dumped)
    for text in ["\(ProviderAccess.test)", String(reflecting: ProviderAccess.test), dumped] {
      #expect(!text.contains("dapi"))
    }
  }

  @Test func `an error shows the request, the response, and what to do, on one line`() async {
    let error = await error(
      .error(409, "RESOURCE_CONFLICT", "Endpoint is currently updating."),
      APICall("PUT", "/api/2.0/serving-endpoints/\("x")/config"))
    #expect(
      error?.description == """
        PUT /api/2.0/serving-endpoints/x/config: RESOURCE_CONFLICT, HTTP 409: Endpoint is currently updating; \
        the endpoint is being updated and accepts one change at a time; wait until the update finishes, then retry
        """)
  }

  @Test(arguments: [
    ("The entrypoint is not supported for your workspace.", "Previews"),
    ("Workload type GPU_XLARGE with workload size Small is not supported. Supported: []", "enrollment"),
    ("served_entities cannot contain more than 15 elements", "at most 15"),
    ("Cannot create 2+ served entities with the same entity", "same model and version"),
    ("Model is not eligible for Provisioned Throughput", "model units"),
  ])
  func `known messages of a workspace come with advice`(message: String, advice: String) async {
    let error = await error(.error(400, "BAD_REQUEST", message))
    #expect(error?.serverMessage == message)
    #expect(error?.advice?.contains(advice) == true)
  }

  @Test func `only advice on a change of an endpoint promises a retry`() async {
    let missing = ScriptedTransport.ScriptedResponse.error(
      404, "RESOURCE_DOES_NOT_EXIST", "Model 'chat' does not exist")
    let advice = "register it, or use one that exists"
    #expect(await error(missing)?.advice == advice)
    #expect(
      await error(missing, APICall("PUT", "/api/2.1/unity-catalog/models/\("chat")/aliases/\("a")"))?.advice == advice)
    let change = await error(missing, APICall("PUT", "/api/2.0/serving-endpoints/\("x")/config"))
    #expect(change?.advice == advice + "; the change is retried automatically")
  }

  @Test func `a plane's message that says how to register a model comes without further advice`() async {
    let words =
      "model \"m\" has no version 1: the plane has no model with that name; register it with "
      + "\"setpoint models register m DIR\""
    let missing = ScriptedTransport.ScriptedResponse.error(404, "RESOURCE_DOES_NOT_EXIST", words)
    let change = await error(missing, APICall("PUT", "/api/2.0/serving-endpoints/\("x")/config"))
    #expect(change?.serverMessage == words && change?.advice == nil, "\(change?.advice ?? "")")
  }

  @Test(arguments: [
    (HTTPClientError.Code.connect, ServingError.Kind.network), (.resolve, .network), (.connectionLost, .network),
    (.timeout(.idle), .timeout), (.timeout(.connect), .timeout), (.tls, .untrustedServer),
    (.invalidRequest, .refusedLocally), (.bodyTooLarge, .unexpectedAnswer), (.proxy, .network), (.other, .network),
  ])
  func `a network failure is reported by its kind, with curl's words`(
    code: HTTPClientError.Code, kind: ServingError.Kind
  ) async {
    let error = await error(.failure(HTTPClientError(code: code, message: "curl says", method: "GET", url: "")))
    #expect(error?.kind == kind)
    #expect(error?.status == nil)
    #expect(error?.serverMessage == "curl says")
  }

  @Test func `a canceled call is a cancellation`() async {
    let failure = HTTPClientError(code: .cancelled, message: "", method: "GET", url: "")
    let client = ScriptedTransport([.failure(failure)]).client()
    await #expect(throws: CancellationError.self) { try await client.json(APICall("GET", "/x")) }
  }

  @Test func `a token that a plane on this machine rejects is reported with the place of the right one`() async {
    let network = ScriptedTransport([.error(401, "UNAUTHENTICATED", "the token is not valid")])
    let access = ProviderAccess(
      target: ProviderTarget(
        url: "http://127.0.0.1:7387", source: "environment DATABRICKS_HOST",
        tokenSource: "environment DATABRICKS_TOKEN"), token: "t")
    let client = ServingClient(access, version: "1", transport: network.transport, timing: TestTiming().timing)
    let error = await #expect(throws: ServingError.self) { try await client.json(APICall("GET", "/x")) }
    #expect(error?.advice?.contains("the plane's token file (DIR/token), or unset DATABRICKS_HOST") == true)
  }

  @Test(arguments: ["the token is not valid for this serving plane", "send \"Authorization: Bearer TOKEN\""])
  func `a token that a plane elsewhere rejects is reported with who issues another one`(words: String) async {
    let error = await error(.error(401, "UNAUTHENTICATED", words))
    #expect(
      error?.advice
        == "the token was rejected; it came from environment DATABRICKS_TOKEN; if it has expired or was revoked, ask an "
        + "administrator of the plane for another one: \"setpoint tokens create NAME --can query\"")
  }

  @Test func `a permission that a plane denies is reported without repeating the plane's advice`() async {
    let words =
      "principal \"ci\" may query endpoint \"chat\" but not change it: CAN_MANAGE is required; an administrator can "
      + "grant it with setpoint tokens create --can manage, or with access in the manifest"
    let error = await error(.error(403, "PERMISSION_DENIED", words))
    #expect(error?.kind == .permissionDenied && error?.serverMessage == words)
    #expect(
      error?.advice
        == "use another token, or ask an administrator of the plane; the token came from environment DATABRICKS_TOKEN")
    let other = await self.error(.error(403, "PERMISSION_DENIED", "No grant on it"))
    #expect(other?.advice?.hasPrefix("the token's owner lacks permission for this") == true)
  }

  @Test func `a plane that is not running is reported with the command that starts it`() async {
    let network = ScriptedTransport([
      .failure(HTTPClientError(code: .connect, message: "refused", method: "GET", url: ""))
    ])
    let access = ProviderAccess(
      target: ProviderTarget(
        url: "http://127.0.0.1:7387", source: "the plane on this machine", tokenSource: "/x/token", isLocalPlane: true,
        startCommand: "setpoint serve --data /x --port 7400"),
      token: "t")
    let client = ServingClient(access, version: "1", transport: network.transport, timing: TestTiming().timing)
    let error = await #expect(throws: ServingError.self) { try await client.json(APICall("GET", "/x")) }
    #expect(error?.advice?.contains("start it with \"setpoint serve --data /x --port 7400\"") == true)
  }
}
