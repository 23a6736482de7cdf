import CanonicalJSON
import Endpoints
import Logging
import Synchronization
import Testing

@testable import Commands

@Suite struct LogTests {
  private final class Lines: Sendable {
    private let text = Mutex("")
    var all: String { text.withLock { $0 } }
    var console: Console { Console(writeOutput: { _ in }, writeNotes: { piece in self.text.withLock { $0 += piece } }) }
  }

  private let lines = Lines()
  private static let now: @Sendable () -> Int64 = { 1_767_225_600_042 }

  private func json() -> Logger {
    Logger(label: "test") { _ in JSONLog(console: lines.console, now: Self.now, logLevel: .info) }
  }

  private func text() -> Logger {
    Logger(label: "test") { _ in ConsoleLog(console: lines.console, now: Self.now, logLevel: .info) }
  }

  @Test func `a line of the JSON log is one object, with time, level and message first`() throws {
    var log = json()
    log[metadataKey: "reconcile"] = "a1-7"
    log.warning("the call failed", metadata: ["endpoint": "chat", "commit": "4f1c2d9"])
    #expect(
      lines.all
        == #"{"ts":"2026-01-01T00:00:00.042Z","level":"warning","msg":"the call failed","#
        + #""commit":"4f1c2d9","endpoint":"chat","reconcile":"a1-7"}"#
        + "\n")
  }

  @Test func `fields keep their types, and nested fields get dotted names`() throws {
    json().info(
      "done",
      metadata: [
        "calls": .stringConvertible(3), "seconds": .stringConvertible(1.5), "isFirst": .stringConvertible(true),
        "budget": ["left": "7", "of": ["writes": "50"]], "names": ["a", "b"], "endpoint": "chat",
      ])
    let line = try JSONValue(parsing: lines.all)
    #expect(line["calls"] == 3)
    #expect(line["seconds"] == 1.5)
    #expect(line["isFirst"] == true)
    #expect(line["budget.left"] == "7")
    #expect(line["budget.of.writes"] == "50")
    #expect(line["names"] == ["a", "b"])
  }

  @Test(arguments: [
    "two\nlines\r\n", "\"quoted\" \\ back", "\u{1B}[31mred\u{0}", "naïve 🙂 \u{2028}",
    "right\u{202E}left\u{200B}\u{7F}\u{E0041}",
  ])
  func `a line of the JSON log is one valid object, whatever the message contains`(words: String) throws {
    json().error("\(words)", metadata: ["why": "\(words)"])
    #expect(lines.all.split(separator: "\n", omittingEmptySubsequences: false).count == 2)
    let printed = lines.all.dropLast()
    #expect(Printable.line(String(printed)) == printed, "and it is safe to print")
    let line = try JSONValue(parsing: lines.all)
    #expect(line["msg"]?.stringValue == words)
    #expect(line["why"]?.stringValue == words)
  }

  @Test func `a field does not replace the time, level or message, and no field replaces another`() throws {
    struct Trouble: Error {}
    json().info(
      "real", error: Trouble(),
      metadata: ["msg": "other", "ts": "never", "error": "first", "a.b": "1", "a": ["b": "2"]])
    let line = try JSONValue(parsing: lines.all)
    #expect(line["msg"] == "real")
    #expect(line["msg_"] == "other")
    #expect(line["ts_"] == "never")
    #expect(Set([line["error"]?.stringValue, line["error_"]?.stringValue]) == ["first", "Trouble()"])
    #expect(Set([line["a.b"]?.stringValue, line["a.b_"]?.stringValue]) == ["1", "2"])
  }

  @Test func `messages below the level are not logged`() {
    json().debug("quiet")
    text().debug("quiet")
    #expect(lines.all.isEmpty)
  }

  @Test func `a line of the text log has the endpoint first and the reconcile id last`() {
    var log = text()
    log[metadataKey: "reconcile"] = "a1-7"
    log.info("updating", metadata: ["why": "spec changed", "endpoint": "chat", "commit": "4f1c2d9", "calls": "3"])
    #expect(
      lines.all
        == "2026-01-01T00:00:00Z updating endpoint=chat calls=3 why=\"spec changed\" commit=4f1c2d9 reconcile=a1-7\n")
  }

  @Test func `lists and nested fields are readable, and quotes and empty fields can be told apart`() {
    text().warning(
      "odd", metadata: ["names": ["a", "b"], "budget": ["of": "50", "left": "7"], "why": "say \"hi\"", "none": ""])
    #expect(
      lines.all
        == "2026-01-01T00:00:00Z warning: odd budget=left=7,of=50 names=a,b none=\"\" why=\"say \\\"hi\\\"\"\n")
  }

  @Test func `a server's text stays on one line and does not control the terminal`() {
    text().error("failed", metadata: ["why": "one\r\ntwo\u{1B}[2J\u{9B}x"])
    #expect(lines.all == "2026-01-01T00:00:00Z error: failed why=one\\r\\ntwo\\u{1b}[2J\\u{9b}x\n")
  }
}
