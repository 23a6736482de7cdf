import LibYAML
import Testing

@Suite struct `The meaning of a scalar` {
  private static let plain: [(text: String, kind: ScalarKind)] = [
    ("", .null), ("~", .null), ("null", .null), ("Null", .null), ("nULL", .string),
    ("true", .bool(true)), ("False", .bool(false)), ("tRUE", .string),
    ("yes", .ambiguous(.boolean(true))), ("no", .ambiguous(.boolean(false))), ("NO", .ambiguous(.boolean(false))),
    ("on", .ambiguous(.boolean(true))), ("Off", .ambiguous(.boolean(false))), ("y", .ambiguous(.boolean(true))),
    ("N", .ambiguous(.boolean(false))), ("nope", .string), ("None", .string), ("oN", .string),
    ("0", .integer(0)), ("7", .integer(7)), ("-12", .integer(-12)), ("+3", .integer(3)), ("0x1F", .integer(31)),
    ("-0x10", .integer(-16)),
    ("9223372036854775807", .integer(.max)), ("9223372036854775808", .ambiguous(.tooLarge)),
    ("0xFFFFFFFFFFFFFFFFFF", .ambiguous(.tooLarge)),
    ("07", .ambiguous(.leadingZero)), ("08", .ambiguous(.leadingZero)), ("-007", .ambiguous(.leadingZero)),
    ("0o7", .ambiguous(.octalPrefix)), ("0o9", .string), ("0b101", .ambiguous(.binary)), ("0b2", .string),
    ("1_000", .ambiguous(.underscores)), ("0x1_F", .ambiguous(.underscores)), ("_1", .string),
    ("1_000.5", .ambiguous(.underscores)),
    ("1:30", .ambiguous(.sexagesimal)), ("190:20:30.15", .ambiguous(.sexagesimal)), ("1:", .string), ("1:x", .string),
    ("7.0", .float(7)), ("1e3", .float(1000)), ("1.5E-3", .float(0.0015)), (".5", .float(0.5)), ("5.", .float(5)),
    ("1e", .string), ("1.2.3", .string), ("e3", .string), (".", .string), ("-", .string), ("--", .string),
    (".inf", .float(.infinity)), ("-.INF", .float(-.infinity)), (".infinity", .string),
    ("2026-01-31", .ambiguous(.timestamp)), ("2026-1-3T10:00:00Z", .ambiguous(.timestamp)), ("2026-01-31x", .string),
    ("2026-01", .string), ("=", .ambiguous(.specialWord)), ("<<", .ambiguous(.specialWord)),
    ("v7", .string), ("7b", .string), ("1h30m", .string), ("0x", .string), ("main.support.qwen3", .string),
    ("@champion", .string), ("１", .string),
  ]

  @Test(arguments: plain)
  func `plain text follows YAML 1.2, and text that 1.1 reads differently is marked`(text: String, kind: ScalarKind) {
    #expect(ScalarKind(plain: text) == kind)
  }

  @Test func `not a number is a float`() {
    guard case .float(let value) = ScalarKind(plain: ".nan") else {
      Issue.record("not a float")
      return
    }
    #expect(value.isNaN)
  }

  private static let marked: [(text: String, kind: ScalarKind)] = [
    ("'7'", .string), ("\"no\"", .string), ("|\n 7", .string), ("!!str 7", .string), ("! 7", .string),
    ("!!int 7", .integer(7)), ("!!int '7'", .integer(7)), ("!!float 7", .float(7)), ("!!bool 'true'", .bool(true)),
    ("!!null ''", .null), ("!!int x", .ambiguous(.tag("!!int"))), ("!!bool yes", .ambiguous(.tag("!!bool"))),
    ("!secret x", .ambiguous(.tag("!secret"))), ("!!binary aGk=", .ambiguous(.tag("!!binary"))),
  ]

  @Test(arguments: marked)
  func `quotes make a string, and a tag takes precedence over the form`(text: String, kind: ScalarKind) throws {
    let document = try #require(try YAMLParser.documents(in: Array(text.utf8), file: "f").first)
    #expect(document.root?.scalar?.kind == kind)
  }

  @Test func `a plain key can be as ambiguous as a value`() throws {
    let document = try #require(try YAMLParser.documents(in: Array("{no: 1, 'no ': 2, 'on': 3}".utf8), file: "f").first)
    let keys = try #require(document.root?.mapping).entries.map(\.key.kind)
    #expect(keys == [.ambiguous(.boolean(false)), .string, .string])
  }

  @Test func `every ambiguity is explained`() {
    let all: [YAMLAmbiguity] = [
      .boolean(true), .leadingZero, .octalPrefix, .binary, .underscores, .sexagesimal, .timestamp, .tooLarge,
      .specialWord, .tag("!x"),
    ]
    #expect(Set(all.map(\.explanation)).count == all.count)
    #expect(
      YAMLAmbiguity.boolean(false).explanation
        == "YAML 1.1 readers read it as false, YAML 1.2 readers as text")
  }
}
