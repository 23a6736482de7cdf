import CanonicalJSON
import LibCurl
import ModelRegistry
import ServingAPI
import TestKit
import Testing

@Suite struct MLflowServerTests {
  private func resolver(
    _ network: ScriptedTransport, _ credentials: MLflowCredentials = .none, timing: TestTiming = TestTiming()
  ) -> VersionResolver {
    VersionResolver(
      MLflowServer(
        url: "http://mlflow:5000/prefix", source: "--registry", credentials: credentials, version: "test",
        transport: network.transport, timing: timing.timing))
  }

  private static let ready: JSONValue = ["model_version": ["name": "chat", "version": "7", "status": "READY"]]
  private static let aliasMissing = ScriptedTransport.ScriptedResponse.error(
    400, "INVALID_PARAMETER_VALUE", "Registered model alias next not found.")
  private static let model: JSONValue = [
    "registered_model": ["name": "chat", "aliases": [["alias": "champion", "version": "7"]]]
  ]

  @Test func `its calls go below the address, with names encoded`() async throws {
    let network = ScriptedTransport([.json(Self.ready)])
    _ = try await resolver(network).resolve(model: "a b&c", alias: "champion")
    try await resolver(network).requireServable(model: "chat", version: "7")
    #expect(
      network.requests.map(\.url) == [
        "http://mlflow:5000/prefix/api/2.0/mlflow/registered-models/alias?name=a%20b%26c&alias=champion",
        "http://mlflow:5000/prefix/api/2.0/mlflow/model-versions/get?name=chat&version=7",
      ])
  }

  @Test func `a version is a string or a number, and READY if it has no status`() async throws {
    for version: JSONValue in ["7", 7] {
      let network = ScriptedTransport([.json(["model_version": ["version": version]])])
      #expect(try await resolver(network).resolve(model: "chat", alias: "champion") == ResolvedVersion("7"))
    }
  }

  @Test func `its message about a version's status is kept`() async {
    let version: JSONValue = ["version": "7", "status": "FAILED_REGISTRATION", "status_message": "the disk is full"]
    let network = ScriptedTransport([.json(["model_version": version])])
    let error = await #expect(throws: ModelRegistryError.self) {
      try await resolver(network).resolve(model: "chat", alias: "champion")
    }
    #expect(error?.message.hasSuffix("its registration failed: the disk is full") == true)
  }

  @Test(arguments: [
    aliasMissing, .error(404, "RESOURCE_DOES_NOT_EXIST", "Registered model alias next not found."),
  ])
  func `a missing alias may be answered with 400 or 404`(answer: ScriptedTransport.ScriptedResponse) async {
    // A bad request is followed by a read of the model, and the advice by another.
    let network = ScriptedTransport([answer, .json(Self.model)])
    let error = await #expect(throws: ModelRegistryError.self) {
      try await resolver(network).resolve(model: "chat", alias: "next")
    }
    #expect(error?.kind == .noSuchAlias)
    #expect(error?.message == "chat has no alias @next")
    #expect(error?.advice == "use @champion")
  }

  @Test func `another 400 about an existing alias is not a missing alias`() async {
    let network = ScriptedTransport([
      .error(400, "INVALID_PARAMETER_VALUE", "Invalid alias name."), .json(Self.model),
    ])
    let error = await #expect(throws: ServingError.self) {
      try await resolver(network).resolve(model: "chat", alias: "champion")
    }
    #expect(error?.serverMessage == "Invalid alias name.")
  }

  @Test func `all pages of versions are read, empty ones too`() async throws {
    let network = ScriptedTransport([
      .json(["model_versions": [["version": "9"]], "next_page_token": "a"]), .json(["next_page_token": "b"]),
      .json(["model_versions": [["version": "10"]]]),
    ])
    #expect(try await resolver(network).resolve(model: "it's", alias: "latest") == ResolvedVersion("10"))
    let address = "http://mlflow:5000/prefix/api/2.0/mlflow/model-versions/search?filter=name%3D%22it%27s%22"
    #expect(network.requests.map(\.url) == [address, address + "&page_token=a", address + "&page_token=b"])
  }

  // MARK: - Credentials

  private static let proofs: [(environment: [String: String], header: String?)] = [
    ([:], nil), (["MLFLOW_TRACKING_TOKEN": ""], nil),
    (["MLFLOW_TRACKING_TOKEN": "t0ken-of-a-test"], "Bearer t0ken-of-a-test"),
    (["MLFLOW_TRACKING_USERNAME": "ada", "MLFLOW_TRACKING_PASSWORD": "pässword"], "Basic YWRhOnDDpHNzd29yZA=="),
    (
      [
        "MLFLOW_TRACKING_USERNAME": "ada", "MLFLOW_TRACKING_PASSWORD": "pässword",
        "MLFLOW_TRACKING_TOKEN": "t0ken-of-a-test",
      ], "Basic YWRhOnDDpHNzd29yZA=="
    ),
    (
      ["MLFLOW_TRACKING_USERNAME": "ada", "MLFLOW_TRACKING_TOKEN": "t0ken-of-a-test"], "Bearer t0ken-of-a-test"
    ),
  ]

  @Test(arguments: proofs)
  func `it receives the credentials that MLflow's own client would send`(
    environment: [String: String], header: String?
  ) async throws {
    let network = ScriptedTransport([.json(Self.ready)])
    let credentials = try MLflowCredentials(environment: environment)
    _ = try await resolver(network, credentials).resolve(model: "chat", alias: "champion")
    let sent = network.requests.flatMap { $0.headers.filter { $0.name.lowercased() == "authorization" }.map(\.value) }
    #expect(sent == [header].compactMap(\.self))
  }

  @Test(arguments: [
    ("MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_USERNAME is set, but MLFLOW_TRACKING_PASSWORD is not"),
    ("MLFLOW_TRACKING_PASSWORD", "MLFLOW_TRACKING_PASSWORD is set, but MLFLOW_TRACKING_USERNAME is not"),
  ])
  func `a user name without a password, or the reverse, is an error`(variable: String, message: String) {
    let error = #expect(throws: TargetError.self) { try MLflowCredentials(environment: [variable: "s3cret-words"]) }
    #expect(error?.message == message)
  }

  @Test(arguments: [
    (MLflowCredentials.token(Secret("s3cret-words")), "s3cret-words, or s3cret-words"),
    (.password(user: "ada", Secret("s3cret-words")), "s3cret-words, or YWRhOnMzY3JldC13b3Jkcw=="),
  ])
  func `no message contains the credentials`(credentials: MLflowCredentials, sent: String) async {
    let network = ScriptedTransport([.error(400, "BAD_REQUEST", "you said \(sent)")])
    let error = await #expect(throws: ServingError.self) {
      try await resolver(network, credentials).resolve(model: "chat", alias: "champion")
    }
    let words = "\(error.map { "\($0)" } ?? "") \(credentials)"
    #expect(words.contains("you said [redacted], or [redacted]"))
    #expect(!words.contains("s3cret") && !words.contains("YWRhOnMz"), "\(words)")
  }

  private static let troubles:
    [(answer: ScriptedTransport.ScriptedResponse, credentials: MLflowCredentials, advice: String)] = [
      (
        .error(401, "UNAUTHENTICATED", "You are not authenticated."), .none,
        "set MLFLOW_TRACKING_TOKEN, or MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD"
      ),
      (
        .answer(status: 403, body: "Permission denied"), .password(user: "ada", Secret("s3cret-words")),
        "check the credentials in MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD"
      ),
      (
        .answer(status: 200, body: "<html><title>Welcome</title></html>"), .none,
        "check that http://mlflow:5000/prefix is an MLflow server (from --registry)"
      ),
      (
        .answer(status: 404, body: "<html><title>Not Found</title></html>"), .none,
        "check that http://mlflow:5000/prefix is an MLflow server (from --registry)"
      ),
      (
        .failure(
          HTTPClientError(
            code: .connect, message: "connection refused", method: "", url: "", requestMayHaveBeenSent: false)), .none,
        "http://mlflow:5000/prefix does not respond; check the address (from --registry), the network and the proxy"
      ),
    ]

  @Test(arguments: troubles)
  func `the advice fits an MLflow server`(
    trouble: (answer: ScriptedTransport.ScriptedResponse, credentials: MLflowCredentials, advice: String)
  ) async {
    let error = await #expect(throws: ServingError.self) {
      try await resolver(ScriptedTransport([trouble.answer]), trouble.credentials)
        .resolve(model: "chat", alias: "champion")
    }
    #expect(error?.advice == trouble.advice)
  }
}

@Suite struct RegistryChoiceTests {
  @Test(arguments: [
    ("workspace", RegistryChoice.workspace),
    ("mlflow:http://mlflow:5000", .mlflow(url: "http://mlflow:5000", source: "a test")),
    ("mlflow:https://mlflow.example.com/base/", .mlflow(url: "https://mlflow.example.com/base", source: "a test")),
    ("mlflow:127.0.0.1:5000", .mlflow(url: "http://127.0.0.1:5000", source: "a test")),
  ])
  func `a valid registry is accepted`(text: String, choice: RegistryChoice) throws {
    #expect(try RegistryChoice(text, source: "a test") == choice)
  }

  @Test(arguments: [
    ("", "write workspace, or mlflow:"), ("mlflow", "write workspace, or mlflow:"),
    ("http://mlflow:5000", "write workspace, or mlflow:"), ("mlflow:", "it is empty"),
    ("mlflow:ftp://x", "neither http nor https"), ("mlflow:http://ada:s3cret@mlflow:5000", "it contains a user name"),
  ])
  func `an invalid registry is refused with the expected form`(text: String, words: String) {
    let error = #expect(throws: TargetError.self) { try RegistryChoice(text, source: "a test") }
    #expect(error?.description.contains(words) == true, "\(error?.description ?? "")")
    #expect(error?.description.contains("s3cret") == false)
  }
}
