import CanonicalJSON
import Controller
import ControllerKit
import Endpoints
import History
import Planning
import ServingAPI
import TestKit
import Testing

@Suite struct SavedPlanTests {
  typealias Environment = ControllerEnvironment

  private func endpoint(_ version: String, secret: String = "s3cret") -> DesiredEndpoint {
    let entity = ServedEntity(
      entityName: Environment.model, entityVersion: version,
      environment: ["PASSWORD": secret, "HF_TOKEN": "{{secrets/llm/hf}}"])
    return DesiredEndpoint(
      name: "chat", config: EndpointConfig(entities: [entity]), sideSettings: SideSettings(tags: ["team": "a"]),
      rollout: RolloutPolicy(
        deadline: .seconds(90), onFailure: .hold,
        checks: [VerificationCheck(prompt: "hi", contains: "Hello", withinSeconds: 2.5)],
        steps: [RolloutStep(traffic: 0), RolloutStep(traffic: 10, hold: .seconds(600))], keepPrevious: true),
      deletionPolicy: .retain)
  }

  private func saved(_ endpoint: DesiredEndpoint, _ environment: Environment) async throws -> SavedPlan {
    environment.workspace.setModel(Environment.model, versions: [1: .ready, 9: .ready])
    let reconciler = environment.reconciler()
    let fleet = Environment.fleet(endpoint)
    let items = try await reconciler.survey(fleet)
    let plan = try await reconciler.plan(fleet)
    return SavedPlan(plan, of: items, options: reconciler.options, key: environment.history.key)
  }

  @Test func `a saved plan reads back as itself and holds no secret`() async throws {
    let plan = try await saved(endpoint("1"), try Environment())
    let text = plan.json.text(.pretty)
    #expect(!text.contains("s3cret"))
    #expect(text.contains("{{secrets/llm/hf}}"))
    #expect(try SavedPlan(json: JSONValue(parsing: text)) == plan)
  }

  @Test func `the value of a plaintext variable comes from the manifest or the live config, or the plan is refused`()
    async throws
  {
    let environment = try Environment()
    let plan = try await saved(endpoint("1"), environment)
    let fleet = try plan.desiredFleet(values: ["chat": [endpoint("1").config]], key: environment.history.key)
    #expect(fleet.desired("chat") == .present(endpoint("1")))
    #expect {
      _ = try plan.desiredFleet(values: ["chat": [endpoint("1", secret: "other").config]], key: environment.history.key)
    } throws: { "\($0)".contains("PASSWORD") }
  }

  @Test func `a plan is refused if live state has changed since, and says what changed`() async throws {
    let environment = try Environment()
    let plan = try await saved(Environment.endpoint("1"), environment)
    func movements() async throws -> [String] {
      let fleet = try plan.desiredFleet(values: [:], key: environment.history.key)
      let reconciler = environment.reconciler()
      return plan.movements(now: try await reconciler.survey(fleet), replanned: try await reconciler.plan(fleet))
    }
    #expect(try await movements().isEmpty)
    environment.workspace.foreignEdit("chat", config: Environment.config("9"))
    #expect(try await movements() == ["chat now exists"])
  }

  @Test(arguments: ["{}", #"{"kind": "SavedPlan"}"#, #"{"kind": "SavedPlan", "form": 2}"#, "[]"])
  func `a file that is not a plan is refused with an explanation`(text: String) throws {
    let json = try JSONValue(parsing: text)
    #expect(throws: SavedPlanError.self) { try SavedPlan(json: json) }
  }
}
