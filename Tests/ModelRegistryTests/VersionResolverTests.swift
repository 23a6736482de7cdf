import ModelRegistry
import ServingAPI
import TestKit
import Testing

@Suite struct VersionResolverTests {
  private let workspace = WorkspaceDouble()
  private var resolver: VersionResolver { VersionResolver(workspace.client) }

  private init() {
    workspace.setModel(
      "main.support.qwen3",
      versions: [
        6: .failedRegistration, 7: .ready, 8: .pendingRegistration, 9: .unknown("MODEL_VERSION_STATUS_UNKNOWN"),
      ], aliases: ["champion": 7, "broken": 6, "next": 8, "odd": 9])
    workspace.setModel("bare", versions: [1: .ready])
  }

  @Test(arguments: ["champion", "@champion"])
  func `an alias means a version number`(alias: String) async throws {
    #expect(try await resolver.resolve(model: "main.support.qwen3", alias: alias) == "7")
    #expect(workspace.calls.map(\.path) == ["/api/2.1/unity-catalog/models/main.support.qwen3/aliases/champion"])
  }

  @Test(arguments: [
    ("main.support.qwen3", "next", ModelRegistryError.Kind.notYetRegistered, "wait until it is READY"),
    ("main.support.qwen3", "broken", .notServable, "its registration failed"),
    ("main.support.qwen3", "odd", .notServable, "MODEL_VERSION_STATUS_UNKNOWN"),
    ("main.support.qwen3", "chapion", .noSuchAlias, "it has @broken, @champion, @next, @odd"),
    ("bare", "champion", .noSuchAlias, "it has no aliases"),
    ("main.support.missing", "champion", .noSuchModel, "no registered model main.support.missing"),
    ("main.support.qwen3", "latest", .reservedAlias, "reserved"),
  ])
  func `an alias that means no servable version is told from the others`(
    model: String, alias: String, kind: ModelRegistryError.Kind, text: String
  ) async {
    let error = await #expect(throws: ModelRegistryError.self) {
      try await resolver.resolve(model: model, alias: alias)
    }
    #expect(error?.kind == kind)
    #expect(error?.description.contains(text) == true, "\(error?.description ?? "")")
  }

  @Test(arguments: [
    ("7", ModelRegistryError.Kind?.none), ("8", .notYetRegistered), ("6", .notServable), ("10", .noSuchVersion),
  ])
  func `a version is servable when it is READY`(version: String, kind: ModelRegistryError.Kind?) async throws {
    do {
      try await resolver.requireServable(model: "main.support.qwen3", version: version)
      #expect(kind == nil)
    } catch let error as ModelRegistryError {
      #expect(error.kind == kind)
    }
  }

  @Test(arguments: [
    WorkspaceDouble.Fault.answer(status: 403, errorCode: "PERMISSION_DENIED", message: "EXECUTE is missing"),
    .answer(status: 404, errorCode: "ENDPOINT_NOT_FOUND", message: "No API found"), .refuseConnection,
  ])
  func `a registry that cannot be asked says nothing about the alias`(fault: WorkspaceDouble.Fault) async {
    workspace.fail("GET", times: 100, with: fault)
    await #expect(throws: ServingError.self) {
      try await resolver.resolve(model: "main.support.qwen3", alias: "champion")
    }
  }
}
