import CanonicalJSON
import LibCurl
import ModelRegistry
import ServingAPI
import TestKit
import Testing

/// The registries that one workspace double simulates.
enum TestedRegistry: CaseIterable, Sendable, CustomTestStringConvertible {
  case unityCatalog
  case mlflow

  var testDescription: String { self == .mlflow ? "MLflow" : "Unity Catalog" }

  func resolver(_ workspace: WorkspaceDouble) -> VersionResolver {
    switch self {
    case .unityCatalog: VersionResolver(workspace.client)
    case .mlflow:
      VersionResolver(
        MLflowServer(
          url: "http://mlflow.example.com:5000", source: "--registry", credentials: .token(Secret("dapi-secret-token")),
          version: "test", transport: workspace.transport, timing: workspace.timing.timing))
    }
  }
}

@Suite struct VersionResolverTests {
  private let workspace = WorkspaceDouble()
  private static let model = "main.support.qwen3"

  private init() {
    workspace.setModel(
      Self.model,
      versions: [
        6: .failedRegistration, 7: .ready, 8: .pendingRegistration, 9: .unknown("MODEL_VERSION_STATUS_UNKNOWN"),
      ], aliases: ["champion": 7, "broken": 6, "next": 8, "odd": 9])
    workspace.setModel("main.support.plain", versions: [1: .ready])
    workspace.setModel("main.support.empty", versions: [:])
  }

  @Test(arguments: TestedRegistry.allCases, ["champion", "@champion"])
  func `an alias resolves to a version number in one call`(registry: TestedRegistry, alias: String) async throws {
    #expect(
      try await registry.resolver(workspace).resolve(model: Self.model, alias: alias) == ResolvedVersion("7"))
    #expect(workspace.calls.count == 1)
  }

  private static let refusals: [(model: String, alias: String, kind: ModelRegistryError.Kind, text: String)] = [
    (model, "next", .notYetRegistered, "(version 8) is still being registered; wait until it is READY"),
    (model, "broken", .notServable, "its registration failed"),
    (model, "odd", .notServable, "MODEL_VERSION_STATUS_UNKNOWN"),
    (model, "chapion", .noSuchAlias, "use one of @broken, @champion, @next, @odd"),
    ("main.support.plain", "champion", .noSuchAlias, "it has no aliases"),
    ("main.support.missing", "champion", .noSuchModel, "no registered model main.support.missing; "),
    ("main.support.missing", "latest", .noSuchModel, "no registered model main.support.missing; "),
    ("main.support.empty", "latest", .noSuchVersion, "has no versions"),
  ]

  // A missing alias is a 404 in Unity Catalog and a 400 in MLflow (serving-api.md 1.5).
  @Test(arguments: TestedRegistry.allCases, refusals)
  func `an alias of a version that cannot be served is distinguished from the others`(
    registry: TestedRegistry, refusal: (model: String, alias: String, kind: ModelRegistryError.Kind, text: String)
  ) async {
    let error = await #expect(throws: ModelRegistryError.self) {
      try await registry.resolver(workspace).resolve(model: refusal.model, alias: refusal.alias)
    }
    #expect(error?.kind == refusal.kind)
    #expect(error?.description.contains(refusal.text) == true, "\(error?.description ?? "")")
  }

  @Test(arguments: TestedRegistry.allCases)
  func `a missing item is reported once, and not again in the server's words`(registry: TestedRegistry) async {
    let error = await #expect(throws: ModelRegistryError.self) {
      try await registry.resolver(workspace).resolve(model: Self.model, alias: "chapion")
    }
    #expect(error?.message == "main.support.qwen3 has no alias @chapion")
  }

  private static let newest: [(versions: [Int64: ModelVersionStatus], newest: ResolvedVersion)] = [
    ([1: .ready], ResolvedVersion("1")),
    // By number and not as text, in whatever order the registry returns them.
    ([1: .ready, 2: .ready, 9: .ready, 10: .ready], ResolvedVersion("10")),
    ([7: .ready, 8: .pendingRegistration, 9: .pendingRegistration], ResolvedVersion("7", registering: ["9", "8"])),
    ([5: .pendingRegistration, 7: .ready], ResolvedVersion("7")),
    ([7: .ready, 8: .failedRegistration, 9: .unknown("X")], ResolvedVersion("7")),
  ]

  @Test(arguments: TestedRegistry.allCases, newest)
  func `latest is the highest number among the versions that can be served`(
    registry: TestedRegistry, item: (versions: [Int64: ModelVersionStatus], newest: ResolvedVersion)
  ) async throws {
    workspace.setModel("main.support.moving", versions: item.versions)
    #expect(
      try await registry.resolver(workspace).resolve(model: "main.support.moving", alias: "latest") == item.newest)
  }

  @Test func `a newer version that is still being registered is reported`() {
    #expect(ResolvedVersion("7").remark(on: "m") == nil)
    #expect(
      ResolvedVersion("7", registering: ["8"]).remark(on: "m")
        == "version 8 is still being registered; latest of m resolves to 7 until then")
    #expect(
      ResolvedVersion("7", registering: ["9", "8"]).remark(on: "m")
        == "versions 9 and 8 are still being registered; latest of m resolves to 7 until then")
  }

  @Test(
    arguments: TestedRegistry.allCases,
    [
      ([8: ModelVersionStatus.pendingRegistration], ModelRegistryError.Kind.notYetRegistered, "(version 8)"),
      ([6: .failedRegistration, 8: .pendingRegistration], .notYetRegistered, "(version 8)"),
      ([6: .failedRegistration, 5: .failedRegistration], .notServable, "(version 6) cannot be served"),
    ])
  func `if no version can be served, latest says which is the newest, and why`(
    registry: TestedRegistry, item: (versions: [Int64: ModelVersionStatus], kind: ModelRegistryError.Kind, text: String)
  ) async {
    workspace.setModel("main.support.moving", versions: item.versions)
    let error = await #expect(throws: ModelRegistryError.self) {
      try await registry.resolver(workspace).resolve(model: "main.support.moving", alias: "latest")
    }
    #expect(error?.kind == item.kind)
    #expect(error?.message.contains(item.text) == true, "\(error?.description ?? "")")
  }

  @Test(
    arguments: TestedRegistry.allCases,
    [
      ("7", ModelRegistryError.Kind?.none, ""), ("8", .notYetRegistered, "wait until it is READY, then retry"),
      ("6", .notServable, "register the model again"), ("10", .noSuchVersion, "use one of 9, 8, 7, 6"),
    ])
  func `a version can be served if it is READY`(
    registry: TestedRegistry, item: (version: String, kind: ModelRegistryError.Kind?, advice: String)
  ) async throws {
    do {
      try await registry.resolver(workspace).requireServable(model: Self.model, version: item.version)
      #expect(item.kind == nil)
    } catch let error as ModelRegistryError {
      #expect(error.kind == item.kind)
      #expect(error.advice == item.advice)
    }
  }

  @Test(arguments: TestedRegistry.allCases)
  func `a version of a missing model is reported as a missing model`(registry: TestedRegistry) async {
    let error = await #expect(throws: ModelRegistryError.self) {
      try await registry.resolver(workspace).requireServable(model: "main.support.missing", version: "1")
    }
    #expect(error?.kind == .noSuchModel)
  }

  @Test(
    arguments: TestedRegistry.allCases,
    [
      WorkspaceDouble.Fault.answer(status: 403, errorCode: "PERMISSION_DENIED", message: "EXECUTE is missing"),
      .answer(status: 404, errorCode: "ENDPOINT_NOT_FOUND", message: "No API found"), .refuseConnection,
    ])
  func `an unreachable registry says nothing about the alias`(
    registry: TestedRegistry, fault: WorkspaceDouble.Fault
  ) async {
    workspace.fail("GET", times: 100, with: fault)
    for alias in ["champion", "latest"] {
      await #expect(throws: ServingError.self) {
        try await registry.resolver(workspace).resolve(model: Self.model, alias: alias)
      }
    }
  }

  @Test func `a response that names no version is not a version`() async {
    let network = ScriptedTransport([.json(["model_name": "main.a.b", "status": "READY"])])
    let error = await #expect(throws: ServingError.self) {
      try await VersionResolver(network.client()).resolve(model: "main.a.b", alias: "champion")
    }
    #expect(error?.kind == .unexpectedAnswer)
  }
}

/// Names without dots: the workspace registry from before Unity Catalog, or the model directory of a plane.
@Suite struct `A bare model name` {
  private let workspace = WorkspaceDouble()
  private var resolver: VersionResolver { VersionResolver(workspace.client) }

  private init() {
    workspace.setModel(
      "chat", versions: [2: .ready, 10: .ready, 11: .pendingRegistration], aliases: ["champion": 2])
  }

  @Test func `a bare model name is looked up in the workspace's registry`() async throws {
    try await resolver.requireServable(model: "chat", version: "2")
    #expect(try await resolver.resolve(model: "chat", alias: "latest") == ResolvedVersion("10", registering: ["11"]))
    #expect(workspace.calls.allSatisfy { $0.path.hasPrefix("/api/2.0/mlflow/") }, "\(workspace.calls)")
  }

  @Test func `the workspace's registry has no aliases, and the error says so`() async {
    let error = await #expect(throws: ModelRegistryError.self) {
      try await resolver.resolve(model: "chat", alias: "champion")
    }
    #expect(error?.kind == .noAliases)
    #expect(error?.message == "chat@champion: the workspace's registry does not support aliases")
    #expect(error?.advice.hasPrefix("use a version number or latest") == true)
    let missing = await #expect(throws: ModelRegistryError.self) {
      try await resolver.resolve(model: "char", alias: "champion")
    }
    #expect(missing?.kind == .noSuchModel)
  }

  @Test func `a bare model name is looked up in a plane if the address does not have MLflow's API`() async throws {
    workspace.setPlan { _, call in
      call.path.hasPrefix("/api/2.0/mlflow/")
        ? .answer(status: 404, errorCode: "ENDPOINT_NOT_FOUND", message: "No API found") : nil
    }
    #expect(try await resolver.resolve(model: "chat", alias: "champion") == ResolvedVersion("2"))
    #expect(try await resolver.resolve(model: "chat", alias: "latest") == ResolvedVersion("10", registering: ["11"]))
    try await resolver.requireServable(model: "chat", version: "10")
  }

  @Test func `at the plane on this machine, a bare model name is looked up there directly`() async throws {
    let network = ScriptedTransport([.json(["model_name": "chat", "version": 3, "status": "READY"])])
    #expect(
      try await localPlane(network).resolve(model: "chat", alias: "champion") == ResolvedVersion("3"))
    #expect(network.requests.map(\.url) == ["http://127.0.0.1:7387/api/2.1/unity-catalog/models/chat/aliases/champion"])
  }

  @Test(arguments: [("chatt", "did you mean \"chat\"? "), ("other", "")])
  func `a model that the plane on this machine does not have is reported with the closest name`(
    model: String, question: String
  ) async {
    let missing = ScriptedTransport.ScriptedResponse.error(404, "RESOURCE_DOES_NOT_EXIST", "it does not exist")
    let page = WireRegisteredModelPage(models: [WireRegisteredModel(fullName: "chat")])
    let network = ScriptedTransport([missing, missing, .json(page.json)])
    let error = await #expect(throws: ModelRegistryError.self) {
      try await localPlane(network).resolve(model: model, alias: "champion")
    }
    #expect(error?.message == "no registered model \(model)")
    #expect(error?.advice.hasPrefix("\(question)\"setpoint models list\" shows") == true, "\(error?.advice ?? "")")
  }

  @Test(arguments: [true, false])
  func `a missing model is explained by grants at a workspace, and not at a plane that was given by its address`(
    isPlane: Bool
  ) async {
    let missing = ScriptedTransport([.error(404, "RESOURCE_DOES_NOT_EXIST", "it does not exist")])
    let identity = ScriptedTransport([.json(isPlane ? ["served_by": "setpoint"] : ["workspace_id": "1"])])
    let target = ProviderTarget(url: "https://models.example.com", source: "--host", tokenSource: "a variable")
    let client = ServingClient(
      ProviderAccess(target: target, token: "a-token-of-a-test"), version: "test",
      transport: { request in
        if request.url.contains("/.well-known/") { return try await identity.transport(request) }
        return try await missing.transport(request)
      })
    let error = await #expect(throws: ModelRegistryError.self) {
      try await VersionResolver(client).resolve(model: "main.support.missing", alias: "champion")
    }
    let advice = error?.advice ?? ""
    #expect(advice.contains("USE CATALOG") == !isPlane, "\(advice)")
    #expect(advice.hasPrefix("\"setpoint models list\" shows the models of this plane") == isPlane, "\(advice)")
  }

  private func localPlane(_ network: ScriptedTransport) -> VersionResolver {
    let target = ProviderTarget(
      url: "http://127.0.0.1:7387", source: "the plane on this machine", tokenSource: "a file", isLocalPlane: true)
    return VersionResolver(
      ServingClient(
        ProviderAccess(target: target, token: "a-token-of-a-test"), version: "test", transport: network.transport))
  }
}
