import CanonicalJSON
import Controller
import ControllerKit
import Endpoints
import LibCurl
import Planning
import ServingAPI
import Synchronization
import TestKit

/// 4.4: names and identities.
extension Quirk {
  static let names: [Quirk] = [
    .removable(41, "the default name of an entity contains its version, and routes must follow") { handling in
      let lag = CallInterceptor.body("PUT", "/config") { body in
        body.set("traffic_config", ["routes": [["served_entity_name": "qwen3-1", "traffic_percentage": 100]]])
      }
      try await createsAndUpdates(handling, lag)
    },
    .removable(42, "permissions use an id that a recreated endpoint does not keep") { handling in
      let first = Mutex("")
      let stale = CallInterceptor(request: { request in
        guard let range = request.url.firstRange(of: "/permissions/serving-endpoints/") else { return }
        let id = String(request.url[range.upperBound...])
        let kept = first.withLock { kept in
          if kept.isEmpty { kept = id }
          return kept
        }
        request.url = request.url[..<range.upperBound] + kept
      })
      let harness = try WorkspaceHarness(handling == .takenOut ? stale : CallInterceptor())
      let endpoint = DesiredEndpoint.chat(
        "1", settings: SideSettings(access: AccessSettings(grants: [Grant(.group("support"), .canQuery)])))
      try await harness.apply(endpoint)
      harness.workspace.foreignDelete("chat")
      _ = try await harness.apply(endpoint)
      try require(harness.workspace.grants(on: "chat")["support"] == "CAN_QUERY", "the new endpoint has no such grant")
      try await harness.requireNoDrift(endpoint, "recreated")
    },
    .checked(43, "the creator is the runtime's identity, whoever updates") {
      // The live creator is part of the observation, for the preflight rule and for users.
      let harness = try WorkspaceHarness()
      harness.workspace.foreign("POST", "/api/2.0/serving-endpoints", ["name": "chat"], by: "somebody@example.com")
      let live = try await APIProvider(harness.client).details("chat").creator
      try require(live == "somebody@example.com", "the creator is \(live ?? "not reported")")
      try require(WorkspaceRule.creatorIsDeployer.severity != .off, "no rule compares the creator")
    },
    .noConcern(
      44, "endpoints of a service principal are hidden in the web UI's default list",
      "only a person's view of the web page; our list asks the API, which shows all"),
    .checked(45, "renaming a file does not rename the endpoint") {
      let text = Array(manifest(flat("size: Small")).utf8)
      let names = ["a.yaml", "b.yaml"].map { ManifestSet.read([(file: $0, bytes: text)]).manifests.map(\.name) }
      try require(names == [["chat"], ["chat"]], "\(names)")
    },
    .removable(46, "replacing an ACL removes the grants of others") { handling in
      let replace = CallInterceptor(request: { request in
        if request.method == "PATCH", request.url.contains("/permissions/") { request.method = "PUT" }
      })
      let harness = try WorkspaceHarness(handling == .takenOut ? replace : CallInterceptor())
      try await harness.apply(.chat("1", settings: SideSettings(tags: ["team": "nlp"])))
      let id = harness.workspace.endpoint("chat")?.id ?? ""
      harness.workspace.foreign(
        "PATCH", "/api/2.0/permissions/serving-endpoints/\(id)",
        ["access_control_list": [["service_principal_name": "an-app", "permission_level": "CAN_QUERY"]]])
      let additive = DesiredEndpoint.chat(
        "1",
        settings: SideSettings(
          tags: ["team": "nlp"], access: AccessSettings(grants: [Grant(.group("support"), .canQuery)])))
      _ = try await harness.apply(additive)
      let grants = harness.workspace.grants(on: "chat")
      try require(grants["an-app"] == "CAN_QUERY" && grants["support"] == "CAN_QUERY", "the grants are \(grants)")
    },
  ]
}
