import CanonicalJSON
import HTTPSupport
import ServingAPI
import Testing

@testable import ServingPlane

/// What of an endpoint is shown to those who may not change it.
@Suite(.timeLimit(.minutes(5))) struct EndpointViewTests {
  private static let base = "/api/2.0/serving-endpoints"

  @Test func `an engine's output is in messages for managers, and other endpoints' names for those who see them all`() {
    let failed = "the last replica failed: out of memory" + MessageView.outputMark + "a caller's text; and more"
    let lacks = "Scaled to zero; no replica can start"
    let asleep = lacks + MessageView.holdersMark + "\"wiki\"; the last start failed: it exited"
    let stopped = "replica r1 stopped: " + MessageView.successorMark + "wiki\""
    let all = MessageView(seesOutput: true, seesEveryEndpoint: true)
    for text in [failed, asleep, stopped] { #expect(all.shown(text) == text) }
    let few = MessageView(seesOutput: false, seesEveryEndpoint: false)
    #expect(few.shown(failed) == "the last replica failed: out of memory")
    #expect(few.shown(asleep) == "\(lacks); the last start failed: it exited")
    #expect(few.shown(lacks + MessageView.holdersMark + "\"wiki\"") == lacks)
    #expect(few.shown(stopped) == "replica r1 stopped: gave its place to another endpoint")
    let manager = MessageView(seesOutput: true, seesEveryEndpoint: false)
    #expect(manager.shown(failed) == failed && manager.shown(stopped) == few.shown(stopped))
  }

  @Test func `values that may be credentials and an engine's output are for those who may change the endpoint`() {
    let endpoint = WireEndpoint(members: [
      "name": "chat",
      "config": [
        "served_entities": [
          [
            "name": "m",
            "environment_vars": ["HF_TOKEN": "hf_abcdefgh12345678", "LEVEL": "debug", "KEY": "{{secrets/a/b}}"],
            "state": ["deployment": "DEPLOYMENT_READY", "deployment_state_message": "failed; the log: text"],
          ]
        ]
      ],
    ])
    let caller = HTTPSupport.Principal(name: "ci", rights: TokenRights(.query))
    let shown = endpoint.shown(to: caller, .query).config?.servedEntities?.first
    #expect(
      shown?.environmentVars == ["HF_TOKEN": "(hidden)", "LEVEL": "debug", "KEY": "{{secrets/a/b}}"])
    #expect(shown?.state?.message == "failed" && shown?.state?.deployment == "DEPLOYMENT_READY")
    #expect(endpoint.shown(to: caller, .manage).json == endpoint.json)
  }

  @Test func `who may only see an endpoint sees the hosts of its webhooks, and no limits of others`() async throws {
    let data = TestData()
    func limit(_ key: String, _ principal: String) -> JSONValue {
      ["key": .string(key), "principal": .string(principal), "calls": 5, "renewal_period": "minute"]
    }
    let everyone: JSONValue = ["key": "endpoint", "calls": 9, "renewal_period": "minute"]
    let (own, ofTeam) = (limit("user", "viewer"), limit("user_group", "team"))
    let body: JSONValue = [
      "name": "chat",
      "ai_gateway": [
        "rate_limits": [everyone, own, ofTeam, limit("user", "somebody"), limit("user_group", "others")]
      ],
      "email_notifications": [
        "on_update_success": [],
        "on_update_failure": ["https://hooks.example.com:8443/services/T0/hushhush?key=word", "oncall@example.com"],
      ],
    ]
    try await withPlane(data) { admin in
      let created = try await admin.call("POST", Self.base, body)
      #expect(created.status == 200, "\(created.text)")
      let viewer = try await admin.tokenHolder("Viewer", can: "view", groups: ["team"])
      let seen = try await viewer.get("chat")
      #expect(
        seen.json["email_notifications"]?["on_update_failure"]
          == ["https://hooks.example.com:8443", "oncall@example.com"])
      #expect(seen.json["ai_gateway"]?["rate_limits"] == [everyone, own, ofTeam])
      let listed = try await viewer.call("GET", Self.base)
      #expect(!listed.text.contains("somebody"), "\(listed.text)")
      #expect(listed.json["endpoints"]?.arrayValue?.first?["ai_gateway"]?["rate_limits"] == [everyone, own, ofTeam])
      let manager = try await admin.tokenHolder("manager", can: "manage")
      let whole = try await manager.get("chat")
      #expect(whole.text.contains("hushhush") && whole.text.contains("somebody"))
    }
  }
}
