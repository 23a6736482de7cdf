import LibYAML
import Testing

/// The root of a text's only document, rendered as `kind@line:column` lines, to compare whole trees at a glance.
private func render(_ node: YAMLNode, indent: String = "") -> String {
  let place = "@\(node.mark.line):\(node.mark.column)"
  switch node.value {
  case .scalar(let scalar): return "\(indent)\(scalar.text) \(place)\n"
  case .sequence(let items):
    return "\(indent)list \(place)\n" + items.map { render($0, indent: indent + "  ") }.joined()
  case .mapping(let mapping):
    return "\(indent)map \(place)\n"
      + mapping.entries.map { entry in
        "\(indent)  \(entry.key.text) @\(entry.key.mark.line):\(entry.key.mark.column)\n"
          + render(entry.value, indent: indent + "    ")
      }.joined()
  }
}

private func documents(_ text: String) throws -> [YAMLDocument] {
  try YAMLParser.documents(in: Array(text.utf8), file: "f.yaml")
}

private func root(_ text: String) throws -> YAMLNode {
  try #require(try documents(text).first?.root)
}

private func fault(_ bytes: [UInt8]) -> String {
  do {
    _ = try YAMLParser.documents(in: bytes, file: "f.yaml")
    return "no error"
  } catch {
    return error.description
  }
}

private func fault(_ text: String) -> String { fault(Array(text.utf8)) }

@Suite struct `Reading YAML` {
  @Test func `every scalar, key and collection has its line and column`() throws {
    let tree = try root("a: 1\nlist:\n  - x\n  - {k: \"v\", é: w}\n")
    #expect(
      render(tree) == """
        map @1:1
          a @1:1
            1 @1:4
          list @2:1
            list @3:3
              x @3:5
              map @4:5
                k @4:6
                  v @4:9
                é @4:14
                  w @4:17

        """)
  }

  @Test func `a document has its file and the position where it begins`() throws {
    let documents = try YAMLParser.documents(in: Array("# none\n\na: 1\n".utf8), file: "f.yaml")
    #expect(documents.first?.location.description == "f.yaml:3:1")
  }

  @Test func `a file contains several documents, empty ones included`() throws {
    let all = try documents("# only a comment\n---\na: 1\n---\n---\n~\n...\n--- two\n")
    #expect(all.map { $0.root?.mark.line } == [3, nil, 6, 8])
    #expect(try documents("").isEmpty)
    #expect(try documents("# nothing\n").isEmpty)
  }

  @Test func `Windows line breaks and a byte order mark do not change positions`() throws {
    #expect(try render(root("a: 1\r\nb:\r\n  c: 2\r\n")) == render(root("a: 1\nb:\n  c: 2\n")))
    let marked = try YAMLParser.documents(in: [0xEF, 0xBB, 0xBF] + Array("a: 1".utf8), file: "f")
    #expect(try render(#require(marked.first?.root)) == render(root("a: 1")))
  }

  @Test func `a scalar keeps its text, style and tag`() throws {
    let text =
      "- plain text\n- 'single'\n- \"dou\\tble\"\n- |\n  lit\n  eral\n- >-\n  fol\n  ded\n- !!str 7\n- !mine x\n"
    let scalars = try #require(try root(text).sequence).compactMap(\.scalar)
    #expect(scalars.map(\.text) == ["plain text", "single", "dou\tble", "lit\neral\n", "fol ded", "7", "x"])
    #expect(
      scalars.map(\.style) == [.plain, .singleQuoted, .doubleQuoted, .literal, .folded, .plain, .plain])
    #expect(scalars.map(\.tag) == [nil, nil, nil, nil, nil, "tag:yaml.org,2002:str", "!mine"])
  }

  @Test func `a key is found by its name`() throws {
    let mapping = try #require(try root("a: 1\nb: {c: 2}\n").mapping)
    #expect(mapping["b"]?.mapping?["c"]?.text == "2")
    #expect(mapping["c"] == nil)
  }
}

@Suite struct `Anchors and merge keys` {
  @Test func `an alias stands for its anchor's node, at the anchor's position`() throws {
    #expect(
      try render(root("a: &x {k: v}\nb: *x\n")) == """
        map @1:1
          a @1:1
            map @1:4
              k @1:8
                v @1:11
          b @2:1
            map @1:4
              k @1:8
                v @1:11

        """)
    #expect(try root("- &k name\n- {*k : 1}\n").sequence?[1].mapping?["name"]?.text == "1")
  }

  @Test func `an anchor set twice means its latest node`() throws {
    #expect(try root("[&a 1, *a, &a 2, *a]").sequence?.compactMap(\.text) == ["1", "1", "2", "2"])
  }

  @Test(arguments: [
    ("b: {<<: *d, y: 9}", ["y=9", "x=1"]),
    ("b: {y: 9, <<: *d}", ["y=9", "x=1"]),
    ("b: {<<: [*e, *d]}", ["y=7", "z=8", "x=1"]),
    ("b: {<<: {q: 0}}", ["q=0"]),
    ("b: {\"<<\": 5}", ["<<=5"]),
  ])
  func `merged entries follow the written ones, which win, as does an earlier source`(
    text: String, expected: [String]
  ) throws {
    let tree = try root("d: &d {x: 1, y: 2}\ne: &e {y: 7, z: 8}\n" + text)
    let entries = try #require(tree.mapping?["b"]?.mapping).entries
    #expect(entries.map { "\($0.key.text)=\($0.value.text ?? "?")" } == expected)
  }

  @Test func `an anchor does not apply to the next document`() {
    #expect(
      fault("a: &x 1\n---\nb: *x\n") == "f.yaml:3:4: no anchor &x is defined before this alias in the document")
  }
}

@Suite struct `Refusing YAML` {
  private static let faults: [(text: String, fault: String)] = [
    ("a: 1\nb: 2\na: 3\n", "f.yaml:3:1: duplicate key \"a\"; it is already set at line 1, column 1"),
    ("x: {k: 1, 'k': 2}\n", "f.yaml:1:11: duplicate key \"k\"; it is already set at line 1, column 5"),
    ("? [a]\n: 1\n", "f.yaml:1:3: a key must be a single value, not a list or a mapping"),
    ("{a: 1}: 2\n", "f.yaml:1:1: a key must be a single value, not a list or a mapping"),
    ("?\n: 1\n", "f.yaml:1:2: a key is missing before the colon"),
    (": 1\n", "f.yaml:1:1: a key is missing before the colon (did not find expected key)"),
    ("a: *x\n", "f.yaml:1:4: no anchor &x is defined before this alias in the document"),
    ("a: &x [*x]\n", "f.yaml:1:8: the alias *x is inside the node it refers to (line 1)"),
    ("<<: 5\n", "f.yaml:1:5: \"<<\" merges a mapping or a list of mappings, not this"),
    ("a: &a [1]\n<<: [*a]\n", "f.yaml:1:4: \"<<\" merges a mapping or a list of mappings, not this"),
    (
      "<<: {a: 1}\n<<: {b: 1}\n",
      "f.yaml:2:1: a second \"<<\" in one mapping; merge a list: <<: [*a, *b]"
    ),
    ("a: !Ref [x]\n", "f.yaml:1:4: the tag !Ref is not supported on a list; remove it"),
    (
      "a:\n\tb: 1\n",
      "f.yaml:2:1: found character that cannot start any token while scanning for the next token"
        + "; this is a tab: indent with spaces"
    ),
    (
      "é: 1\na: @b\n",
      "f.yaml:2:4: found character that cannot start any token while scanning for the next token"
        + "; write the text in quotes"
    ),
    (
      "a: [1,\n  2\nb: 3\n",
      "f.yaml:3:2: did not find expected ',' or ']' while parsing a flow sequence (which began at line 1, column 4)"
    ),
    (
      "a: say: hello\n",
      "f.yaml:1:7: text that contains a colon and a space must be in quotes"
        + " (mapping values are not allowed in this context)"
    ),
    (
      "a: 1\nb: x\u{7}y\n",
      "f.yaml:2:5: control characters are not allowed: U+0007; in a double-quoted string, write it as \"\\u0007\""
    ),
    (
      "a: x\0y\n",
      "f.yaml:1:5: control characters are not allowed: U+0000; in a double-quoted string, write it as \"\\u0000\""
    ),
    ("%YAML 3.0\n---\na: 1\n", "f.yaml:1:1: found incompatible YAML document"),
  ]

  @Test(arguments: faults)
  func `an error has its position, in libyaml's words if libyaml found it`(text: String, expected: String) {
    #expect(fault(text) == expected)
  }

  private static let misplaced: [(text: String, fault: String)] = [
    (
      "spec:\n  model: a\n   size: b\n",
      "f.yaml:3:8: this line begins in column 4, but the key of line 2, which already has a value, begins in column 3; "
        + "align them, or put multi-line text in quotes (mapping values are not allowed in this context)"
    ),
    (
      "- a: 1\r\n   b: 2\r\n",
      "f.yaml:2:5: this line begins in column 4, but the key of line 1, which already has a value, begins in column 3; "
        + "align them, or put multi-line text in quotes (mapping values are not allowed in this context)"
    ),
    (
      "a: 1\n---\n# comment: x\nhello\nworld: 1\n",
      "f.yaml:5:6: line 4 is not \"key: value\", so this line cannot follow it "
        + "(mapping values are not allowed in this context)"
    ),
    (
      "é: 1\nb:2\nc: 3\n",
      "f.yaml:3:1: line 2 is not \"key: value\": add a colon and a space after its key (could not find expected ':')"
    ),
    (
      "é:\n  b: 1\n c: 2\n",
      "f.yaml:3:2: this line begins in column 2, where no mapping or list above it begins; correct its "
        + "indentation (did not find expected key)"
    ),
    (
      "x:\n  - a: 1\n   b: 2\n",
      "f.yaml:3:4: this line begins in column 4, where no mapping or list above it begins; correct its "
        + "indentation (did not find expected '-' indicator)"
    ),
    (
      "- a\nb: 1\n",
      "f.yaml:2:1: this line is not an item of the list that begins in line 1; begin it with \"- \", or correct its "
        + "indentation (did not find expected '-' indicator)"
    ),
    (
      "a: 1\n- b\n",
      "f.yaml:2:1: a list item cannot follow a key of the same mapping; indent the list below its key "
        + "(did not find expected key)"
    ),
    (
      "a: \"x\" y\n",
      "f.yaml:1:8: unexpected text after a complete value; write the whole value in quotes (did not find expected key)"
    ),
    (
      "  a: 1\nb: 2\n",
      "f.yaml:2:1: this line begins in column 1, but line 1 begins in column 3; align them "
        + "(did not find expected <document start>)"
    ),
    (
      "a: 1\nb: \"x\nc: 2\n",
      "f.yaml:4:1: the quotation mark at line 2, column 4 is not closed (found unexpected end of stream)"
    ),
  ]

  @Test(arguments: misplaced)
  func `a wrong indentation, colon or quotation mark is explained, with libyaml's words at the end`(
    text: String, expected: String
  ) {
    #expect(fault(text) == expected)
  }

  private static let strangers: [(text: String, file: String, fault: String)] = [
    ("# Chat\n\nUse it:\n\n```sh\nrun: a: b\n```\n", "f.yaml", "5:1: the file looks like Markdown, not YAML (found"),
    ("# Chat\n\nSay *hello*: it: answers\n", "f.yaml", "3:16: the file looks like Markdown, not YAML (mapping values"),
    ("a: b: c\n", "README.md", "1:5: the file looks like Markdown, not YAML (mapping values"),
    ("[package]\nname = \"x\"\n", "f.yaml", "2:1: the file looks like TOML or INI, not YAML (did not find"),
    ("terraform {\n  a = { b: c: d }\n}\n", "f.yaml", "2:10: the file looks like HCL (Terraform), not YAML (mapping"),
    ("\u{7F}ELF\u{1}\u{1}", "f.yaml", "1:1: the file looks like a binary file, not YAML (control characters"),
    ("PK\u{3}\u{4}\u{14}\0\0\0", "f.yaml", "1:3: the file looks like a binary file, not YAML (control characters"),
  ]

  @Test(arguments: strangers)
  func `a file that is not YAML is reported as what it looks like`(text: String, file: String, expected: String) {
    let error = #expect(throws: YAMLError.self) { try YAMLParser.documents(in: Array(text.utf8), file: file) }
    #expect(error?.description.hasPrefix("\(file):\(expected)") == true, "\(error?.description ?? "")")
  }

  @Test func `comments, sections and fences within YAML do not make it something else`() {
    for text in [
      "# Settings of chat\n# for everybody\nname: chat\nnote: a: b\n", "[a]: 1\nb = c: d: e\n",
      "text: |\n  # Title\n  ```\nnote: a: b\n", "# one two\nmodel qwen\nname: a\n",
    ] {
      #expect(!fault(text).contains("looks like"), "\(text): \(fault(text))")
    }
  }

  private static let notUTF8: [(text: String, bytes: [UInt8], fault: String)] = [
    ("a: 1\nb: é", [0xFF], "f.yaml:2:5: not readable as UTF-8: invalid leading UTF-8 octet (byte 0xFF)"),
    ("a: ", [0xC3, 0x28], "f.yaml:1:5: not readable as UTF-8: invalid trailing UTF-8 octet (byte 0x28)"),
    ("a: ", [0xC3], "f.yaml:1:4: not readable as UTF-8: incomplete UTF-8 octet sequence"),
    ("", [0xFF, 0xFE, 0x61, 0x00], "f.yaml:1:1: the file is UTF-16"),
    ("", [0xFE, 0xFF, 0x00, 0x61], "f.yaml:1:1: the file is UTF-16"),
  ]

  @Test(arguments: notUTF8)
  func `bytes that are not UTF-8 are reported with their position`(text: String, bytes: [UInt8], expected: String) {
    #expect(fault(Array(text.utf8) + bytes).hasPrefix(expected))
    #expect(fault(Array(text.utf8) + bytes).contains("save"))
  }

  @Test func `an error in one document does not hide the next documents`() {
    let text = """
      a: 1
      ---
      b: [1
      ---
      c: 1
      ---
      d: {x: @}
      text: |
        ---
      --- @
      ---
      e: 5
      """
    var seen: [String] = []
    YAMLParser.read(Array(text.utf8), file: SourceFile("f")) { result in
      switch result {
      case .success(let document):
        seen.append("\(document.location.line) \(document.root?.mapping?.entries.count ?? 0)")
      case .failure(let error): seen.append("fault in line \(error.location.line)")
      }
      return true
    }
    #expect(seen == ["1 1", "fault in line 4", "5 1", "fault in line 7", "fault in line 10", "12 1"])
  }

  @Test func `reading stops when told to, and after a hundred errors`() {
    var faults = 0
    let text = Array(String(repeating: "---\n@\n", count: 1000).utf8)
    YAMLParser.read(text, file: SourceFile("f")) { _ in
      faults += 1
      return true
    }
    #expect(faults == 100)
    YAMLParser.read(text, file: SourceFile("f")) { _ in
      faults += 1
      return false
    }
    #expect(faults == 101)
  }
}
