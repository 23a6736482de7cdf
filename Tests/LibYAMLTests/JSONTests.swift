import LibYAML
import Testing

private func documents(_ text: String, file: String = "f.json") throws -> [YAMLDocument] {
  try YAMLParser.documents(in: Array(text.utf8), file: file)
}

private func fault(_ text: String, file: String = "f.json") -> String {
  do {
    _ = try documents(text, file: file)
    return "no error"
  } catch {
    return "\(error)"
  }
}

/// A tree in one line, to compare at a glance: keys and scalars with their positions.
private func render(_ node: YAMLNode) -> String {
  let place = "@\(node.mark.line):\(node.mark.column)"
  switch node.value {
  case .scalar(let scalar): return "\(scalar.text)\(place)"
  case .sequence(let items): return "[\(items.map(render).joined(separator: " "))]\(place)"
  case .mapping(let mapping):
    let entries = mapping.entries.map { "\($0.key.text)@\($0.key.mark.line):\($0.key.mark.column)=\(render($0.value))" }
    return "{\(entries.joined(separator: " "))}\(place)"
  }
}

@Suite struct `Reading JSON` {
  @Test(arguments: [
    ("{\n  // mine\n  \"a\": 1\n}", "2:3"), ("{\n  \"a\": 1, /* mine */\n  // mine\n \"b\": 2\n}", "2:11"),
    ("[1 // one\n, \"b\": 2]", "1:4"),
  ])
  func `a comment is reported as one, whatever the file's name`(text: String, place: String) {
    for file in ["f.json", "f.yaml"] {
      #expect(
        fault(text, file: file)
          == "\(file):\(place): JSON does not allow comments; remove this one")
    }
    #expect(fault("{\n  # mine\n  \"a\": 1\n}") == "no error")
  }

  @Test(arguments: ["f.json", "F.JSON", "f.yaml", "-"])
  func `surrogate pairs are joined, whatever the file's name`(file: String) throws {
    let root = try #require(try documents(#"{"a": "\ud83d\ude00 \u00e9\/\b\f\n\r\t\"\\"}"#, file: file).first?.root)
    #expect(root.mapping?["a"]?.text == "😀 é/\u{8}\u{c}\n\r\t\"\\")
    #expect(root.mapping?["a"]?.scalar?.kind == .string)
  }

  @Test func `every key and value has its position, in columns of characters`() throws {
    let text = "{\n\t\"é\": [1, \"x\"],\r\n  \"b\":{\"c\":null}\n}\n"
    #expect(
      try render(#require(documents(text).first?.root))
        == "{é@2:2=[1@2:8 x@2:11]@2:7 b@3:3={c@3:8=null@3:12}@3:7}@1:1")
    let marked = try YAMLParser.documents(in: [0xEF, 0xBB, 0xBF] + Array(text.utf8), file: "f.json")
    #expect(try render(#require(marked.first?.root)) == render(#require(documents(text).first?.root)))
  }

  @Test func `scalars keep their kinds, and numbers their digits`() throws {
    let text = #"["7", 7, -0.5e3, true, false, null, 12345678901234567890, 1E5, "null"]"#
    let scalars = try #require(documents(text).first?.root?.sequence).compactMap(\.scalar)
    #expect(
      scalars.map(\.text) == ["7", "7", "-0.5e3", "true", "false", "null", "12345678901234567890", "1E5", "null"])
    #expect(
      scalars.map(\.kind) == [
        .string, .integer(7), .float(-500), .bool(true), .bool(false), .null, .ambiguous(.tooLarge), .float(100_000),
        .string,
      ])
  }

  @Test func `long keys, tabs and deep nesting within the limit are accepted`() throws {
    let key = String(repeating: "k", count: 5000)
    #expect(try documents("{\t\"\(key)\"\t:\t1}").first?.root?.mapping?[key]?.text == "1")
    #expect(fault(String(repeating: "[", count: 64) + String(repeating: "]", count: 64)) == "no error")
    #expect(fault(String(repeating: "[", count: 100_000)) == "f.json:1:65: nested more than 64 levels deep")
  }

  @Test func `several documents may follow one another`() throws {
    #expect(try documents("{\"a\": 1}\n{\"b\": 2} [3]").count == 3)
    #expect(try documents("---\n{\"a\": \"\\ud83d\\ude00\"}\n---\n{\"b\": 2}\n", file: "-").count == 2)
    #expect(try documents(" \n").isEmpty)
  }

  @Test(arguments: [
    ("{\"a\": 1,\n \"a\": 2}", "f.json:2:2: duplicate key \"a\"; it is already set at line 1, column 2"),
    ("{\"a\": \"\\ud83d\"}", "f.json:1:8: an unpaired surrogate; a character beyond U+FFFF takes two \\u escapes"),
    (
      "{\"a\": \"\\ude00\\ud83d\"}",
      "f.json:1:8: an unpaired surrogate; a character beyond U+FFFF takes two \\u escapes"
    ),
    ("{\"a\": \"\\x\"}", "f.json:1:8: invalid escape sequence"),
    ("{\"a\": \"\\u00g0\"}", "f.json:1:8: expected four hex digits after \\u"),
    ("{\"a\": \"\t\"}", "no error"),
    ("{\"a\" 1}", "f.json:1:6: expected \":\" after the key"),
    ("{\"a\": 1 \"b\": 2}", "f.json:1:9: expected \",\" or \"}\""),
    ("{\"a\": ", "f.json:1:7: unexpected end of file: expected a value"),
    ("{\"a\": \"x", "f.json:1:9: unexpected end of file: expected the end of a quoted string"),
    ("{\"a\": \"x\\", "f.json:1:10: unexpected end of file: expected the end of a quoted string"),
    ("{\"a\": \"\\u00", "f.json:1:12: unexpected end of file: expected four hex digits after \\u"),
    ("{\"a\": [1, 2\n", "f.json:2:1: unexpected end of file: expected \",\" or \"]\""),
    ("{\"a\": 1", "f.json:1:8: unexpected end of file: expected \",\" or \"}\""),
    ("{\"a\": 1, ", "f.json:1:10: unexpected end of file: expected a quoted key"),
    ("{\"a\"", "f.json:1:5: unexpected end of file: expected \":\" after the key"),
    ("{\"a\": [1 {}]}", "f.json:1:10: expected \",\" or \"]\""),
  ])
  func `an error is described in terms of JSON, unless the text is valid YAML`(text: String, expected: String) {
    #expect(fault(text) == expected)
  }

  @Test func `YAML in flow style is not JSON and is read as YAML`() throws {
    #expect(try documents("{a: 1, 'b': [x, y,],}", file: "f.yaml").first?.root?.mapping?["a"]?.text == "1")
    #expect(try documents("{a: 1}", file: "f.json").first?.root?.mapping?["a"]?.text == "1")
    #expect(fault("{\"a\": \"\\ud83d\\ude00\", b: 1}", file: "f.yaml").contains("\"\\U0001F600\""))
  }

  @Test func `text that is not UTF-8 is refused`() {
    let bytes = Array("{\"a\": \"".utf8) + [0xFF] + Array("\"}".utf8)
    #expect(throws: YAMLError.self) { try YAMLParser.documents(in: bytes, file: "f.json") }
  }

  @Test func `one long line is read in linear time`() throws {
    let items = (0..<90_000).map { _ in "1" }.joined(separator: ",")
    let clock = ContinuousClock()
    var count = 0
    let taken = try clock.measure { count = try documents("[\(items)]").first?.root?.sequence?.count ?? 0 }
    #expect(count == 90_000)
    #expect(taken < .seconds(20))
  }
}
