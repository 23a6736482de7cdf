import Endpoints
import ServingAPI
import TestKit
import Testing

@Suite struct ProviderContractTests {
  private static func workspace(_ change: (inout WorkspaceBehaviors) -> Void = { _ in }) -> WorkspaceDouble {
    var behaviors = WorkspaceBehaviors()
    change(&behaviors)
    let workspace = WorkspaceDouble(behaviors: behaviors)
    workspace.setBehavior(.ready(polls: 2), model: "a.b.m", version: "1")
    workspace.setBehavior(.ready(polls: 3), model: "a.b.m", version: "2")
    workspace.setBehavior(.fails(polls: 2, message: "CUDA out of memory"), model: "a.b.m", version: "3")
    return workspace
  }

  private static func fixture(_ workspace: WorkspaceDouble) -> ContractFixture {
    ContractFixture(
      provider: workspace.provider, endpoint: "contract",
      good: ServedEntity(entityName: "a.b.m", entityVersion: "1", workloadType: "GPU_MEDIUM"),
      better: ServedEntity(name: "main", entityName: "a.b.m", entityVersion: "2", environment: ["LEVEL": "INFO"]),
      failing: ServedEntity(entityName: "a.b.m", entityVersion: "3"))
  }

  @Test(arguments: ProviderContract.clauses)
  func `the workspace double keeps the contract`(clause: ProviderContract) async throws {
    try await clause.check(Self.fixture(Self.workspace()))
  }

  @Test(arguments: ProviderContract.clauses)
  func `the contract holds for a future server that shows a failed config`(clause: ProviderContract) async throws {
    let workspace = Self.workspace {
      $0.speaksOfTheFuture = true
      $0.keepsPendingAfterFailure = true
      $0.order = .asSent
      $0.mirrors = false
    }
    try await clause.check(Self.fixture(workspace))
  }

  @Test func `a provider that breaks the contract is detected`() async throws {
    let workspace = Self.workspace()
    workspace.setAnswer("no", status: 400, model: "a.b.m", version: "1")
    let clause = try #require(ProviderContract.clauses.first { $0.name.hasPrefix("an endpoint answers") })
    await #expect(throws: ContractViolation.self) { try await clause.check(Self.fixture(workspace)) }
  }
}
