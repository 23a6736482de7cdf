internal import Controller
internal import ControllerKit
internal import Endpoints
internal import History
internal import Planning
internal import ServingAPI
internal import TestKit

/// Something that happens to a fleet at rest, and the required result, whatever fails meanwhile.
struct FaultScenario: Sendable, CustomStringConvertible {
  let description: String
  var options = ControllerOptions(fleet: "test", interval: .seconds(600), writeBudget: nil)
  /// The manifests at the start, and their later states in order.
  var before = [[Self.rest, Self.chat("1")]]
  /// Applied to the workspace before the controller first reads it.
  var prepare: @Sendable (WorkspaceDouble) -> Void = { _ in }
  /// The manifests afterwards; nil: unchanged.
  var after: [Manifest]?
  /// What else happens.
  var change: @Sendable (WorkspaceDouble) -> Void = { _ in }
  /// What is live at the end, as the version of "chat"; nil: nothing.
  let version: String?
  /// What the controller reports about "chat" at the end.
  let phase: Phase?
  /// What is sent for all of it, in order.
  let writes: [String]
  /// Whether a failure keeps the following calls from being sent: side settings overtake one another.
  var keepsOrder = true

  /// A file of the source, with its name.
  typealias Manifest = (file: String, text: String)

  static let rest: Manifest = ("rest.yaml", TestSource.manifest("rest", version: "1"))

  static func chat(_ version: String, extra: String = "") -> Manifest {
    ("chat.yaml", TestSource.manifest(version: version, extra: extra))
  }

  /// What a manifest of that version requests.
  private static func asManifest(_ version: String) -> EndpointConfig {
    EndpointConfig(entities: [
      ServedEntity(entityName: ControllerEnvironment.model, entityVersion: version, workloadType: "GPU_SMALL")
    ])
  }

  private static let endpoints = "/api/2.0/serving-endpoints"
  private static let post = "POST \(endpoints)"
  private static let put = "PUT \(endpoints)/chat/config"
  private static let patch = "PATCH \(endpoints)/chat/tags"
  private static let delete = "DELETE \(endpoints)/chat"

  private static let gateway = "PUT \(endpoints)/chat/ai-gateway"
  private static let notifications = "PATCH \(endpoints)/chat/notifications"

  private static func settings(schema: String) -> String {
    """
      gateway:
        rateLimits: [{key: user, calls: 60, renewalPeriod: minute}]
        inferenceTable: {catalog: main, schema: \(schema), tableNamePrefix: chat}
      notifications: {onUpdateFailure: [oncall@example.com]}
    """
  }

  private static let check = """
      rollout:
        verify:
          - chat: "hi"
            expect: {contains: "Hello"}
    """

  static let all: [FaultScenario] = [
    FaultScenario(
      description: "create", before: [[rest]], after: [rest, chat("1")], version: "1", phase: .inSync, writes: [post]),
    FaultScenario(
      description: "create that fails", before: [[rest]], after: [rest, chat("3")], version: nil, phase: .held,
      writes: [post, patch]),
    FaultScenario(
      description: "update", after: [rest, chat("2")], version: "2", phase: .inSync, writes: [put]),
    FaultScenario(
      description: "update with verification", after: [rest, chat("2", extra: check)], version: "2", phase: .inSync,
      writes: [put]),
    FaultScenario(
      description: "failed update", after: [rest, chat("3")], version: "1", phase: .held, writes: [put, patch]),
    FaultScenario(
      description: "refused update", after: [rest, chat("5")], version: "1", phase: .held, writes: [put, patch]),
    FaultScenario(
      description: "failed verification, rolled back", after: [rest, chat("4", extra: check)], version: "1",
      phase: .held, writes: [put, patch, put]),
    FaultScenario(
      description: "revert of a held version", before: [[rest, chat("1")], [rest, chat("3")]],
      after: [rest, chat("1")], version: "1", phase: .inSync, writes: [patch]),
    FaultScenario(
      description: "deletion by pruning",
      options: ControllerOptions(fleet: "test", prune: true, interval: .seconds(600), writeBudget: nil), after: [rest],
      version: nil, phase: nil, writes: [delete]),
    FaultScenario(
      description: "moved alias", before: [[rest, chat("@champion")]],
      change: { ControllerEnvironment.setVersions($0, champion: 2) }, version: "2",
      phase: .inSync, writes: [put]),
    FaultScenario(
      description: "settings", after: [rest, chat("1", extra: "  tags: {team: support}")], version: "1",
      phase: .inSync, writes: [patch]),
    FaultScenario(
      description: "gateway and notifications", after: [rest, chat("1", extra: settings(schema: "logs"))], version: "1",
      phase: .inSync, writes: [patch, gateway, notifications], keepsOrder: false),
    FaultScenario(
      description: "an inference table renamed",
      before: [[rest, chat("1", extra: settings(schema: "logs"))]],
      after: [rest, chat("2", extra: settings(schema: "other"))], version: "2", phase: .inSync,
      writes: [put, gateway, gateway]),
    FaultScenario(
      description: "gateway and notifications no longer managed",
      before: [[rest, chat("1", extra: settings(schema: "logs"))]], after: [rest, chat("1")], version: "1",
      phase: .inSync, writes: [gateway, notifications, patch], keepsOrder: false),
    FaultScenario(
      description: "access", before: [[rest]],
      prepare: { $0.foreignEdit("chat", config: asManifest("1"), tags: [FleetTags.fleet: "test"]) },
      after: [
        rest, chat("1", extra: "  access: {mode: exact, grants: [{group: support, level: CanQuery}]}"),
      ], version: "1", phase: .inSync,
      // The third endpoint of this workspace.
      writes: [patch, "PUT /api/2.0/permissions/serving-endpoints/\(String(repeating: "0", count: 24))10000003"]),
    FaultScenario(
      description: "adoption",
      options: ControllerOptions(fleet: "test", adopt: true, interval: .seconds(600), writeBudget: nil),
      before: [[rest]],
      prepare: { $0.foreignEdit("chat", config: asManifest("1"), tags: ["owner": "somebody"]) },
      after: [rest, chat("1")], version: "1", phase: .inSync, writes: [patch]),
    FaultScenario(
      description: "adoption with another config",
      options: ControllerOptions(fleet: "test", adopt: true, interval: .seconds(600), writeBudget: nil),
      before: [[rest]],
      prepare: { $0.foreignEdit("chat", config: asManifest("1"), tags: ["owner": "somebody"]) },
      after: [rest, chat("2")], version: "2", phase: .inSync, writes: [patch, put]),
    FaultScenario(
      description: "drift reverted", change: { $0.foreignEdit("chat", config: ControllerEnvironment.config("2")) },
      version: "1", phase: .inSync, writes: [put]),
    FaultScenario(
      description: "tags reverted",
      before: [[rest, chat("1", extra: "  tags: {team: support}")]],
      change: { $0.foreignTags("chat", set: ["team": "sales"]) }, version: "1", phase: .inSync, writes: [patch]),
    FaultScenario(
      description: "deleted by hand", change: { $0.foreignDelete("chat") }, version: "1", phase: .inSync,
      writes: [post]),
  ]
}
