import CanonicalJSON
import Controller
import Foundation
import Planning
import Testing

@Suite struct NotificationTemplateTests {
  static let notification = FleetNotification(
    kind: .rollback, endpoint: "chat", what: "is being rolled back",
    why: "out of memory: \"8 GiB\"\n<!channel> {{why}} \\",
    commit: nil, at: Timestamp(milliseconds: 1_700_000_000_000), fleet: "prod", target: "http://127.0.0.1:7387")

  private func template(_ text: String) throws -> NotificationTemplate {
    try NotificationTemplate(parsing: Array(text.utf8), file: "notify.json")
  }

  @Test func `the standard body has every member`() {
    #expect(
      NotificationTemplate.standard.body(for: Self.notification) == [
        "kind": "rollback", "endpoint": "chat", "what": "is being rolled back",
        "why": "out of memory: \"8 GiB\"\n<!channel> {{why}} \\", "commit": nil, "at": "2023-11-14T22:13:20Z",
        "fleet": "prod", "target": "http://127.0.0.1:7387",
      ])
  }

  @Test func `placeholders are filled in inside text at any depth, and everything else stays`() throws {
    let body = try template(
      #"{"text": "{{endpoint}}: {{ what }}, {{kind}}", "n": "#
        + #"[1, true, null, {"c": "<{{commit}}>", "w": "{{why}}"}], "b": "}}{"}"#
    ).body(for: Self.notification)
    #expect(
      body == [
        "text": "chat: is being rolled back, rollback",
        "n": [1, true, nil, ["c": "<>", "w": "out of memory: \"8 GiB\"\n<!channel> {{why}} \\"]], "b": "}}{",
      ])
  }

  @Test func `the body is valid JSON, whatever a member holds`() throws {
    let body = try template(#"{"a": "{{why}}{{why}}"}"#).body(for: Self.notification)
    #expect(try JSONValue(parsing: body.bytes()) == body)
  }

  @Test func `all errors are reported at once, with their locations and the expected form`() throws {
    let text = #"{"a": [{"t": "{{endpiont}} {{kind"}], "{{fleet}}": "{{}}", "ok": "{{endpoint}}"}"#
    let error = try #require(throws: NotificationTemplateError.self) { try template(text) }
    #expect(
      error.problems == [
        "notify.json: {{endpiont}} at a[0].t is not a known placeholder",
        "notify.json: a placeholder at a[0].t is not closed with \"}}\"",
        "notify.json: the member \"{{fleet}}\" has a placeholder in its name",
        "notify.json: {{}} at {{fleet}} is not a known placeholder",
      ])
    #expect(error.description.contains("{{endpoint}}, {{what}}, {{why}}, {{commit}}, {{at}}, {{fleet}}, {{target}}"))
  }

  @Test func `a long reason is truncated so that the receiver accepts the notice`() throws {
    let long = FleetNotification(
      kind: .failure, endpoint: nil, what: "w", why: String(repeating: "x", count: 9000), commit: nil,
      at: Timestamp(milliseconds: 0), fleet: "f", target: "t")
    let body = NotificationTemplate.standard.body(for: long)
    #expect(body["why"]?.stringValue == String(repeating: "x", count: 1999) + "…")
    #expect(body["endpoint"] == .null)
  }

  @Test(arguments: ["", "{\"a\": }", "{\"a\": \"{{kind}}\"} x", "{{kind}}"])
  func `a template that is not JSON is refused with its file name`(text: String) throws {
    let error = try #require(throws: NotificationTemplateError.self) { try template(text) }
    #expect(error.problems.count == 1)
    #expect(error.problems.first?.hasPrefix("notify.json is not valid JSON at byte ") == true)
  }

  @Test func `the Slack template is among the examples, and no server's text in it can mention anybody`() throws {
    let root = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../../..")
    let file = root.appending(path: "examples/notifications/slack.json")
    let template = try NotificationTemplate(parsing: Array(Data(contentsOf: file)), file: "slack.json")
    let body = template.body(for: Self.notification)
    var markup: [String] = []
    var plain: [String] = []
    func visit(_ value: JSONValue) {
      if let text = value["text"]?.stringValue {
        if value["type"] == "plain_text" { plain.append(text) } else { markup.append(text) }
      }
      for item in value.arrayValue ?? [] { visit(item) }
      for (_, member) in value.objectValue ?? [:] { visit(member) }
    }
    visit(body)
    #expect(markup.contains { $0.contains("chat") && $0.contains("rollback") })
    #expect(!markup.contains { $0.contains("<!channel>") })
    #expect(plain.contains { $0.contains("<!channel>") })
  }
}
