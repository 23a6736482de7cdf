import LibYAML
import Testing

@Suite struct `Writing YAML` {
  @Test func `a manifest is formatted as kubectl would write it`() {
    let value = YAMLValue.mapping([
      ("apiVersion", .string("serving.setpoint.dev/v1alpha1")),
      ("metadata", .mapping([("name", .string("support-chat")), ("labels", .mapping([]))])),
      (
        "spec",
        .mapping([
          ("entityVersion", .string("7")), ("alias", .string("@champion")), ("scaleToZero", .bool(true)),
          (
            "servedEntities",
            .sequence([
              .mapping([("name", .string("a b")), ("traffic", .integer(90))]),
              .sequence([.integer(1), .sequence([]), .null]),
            ])
          ),
          ("gpuMemoryUtilization", .float(0.85)),
          ("prompt", .string("Say hello.\nTwice.\n")),
          ("prompt2", .string("one\n\n  two")),
          ("no", .string("no")),
        ])
      ),
    ])
    #expect(
      YAMLEmitter.emit(value) == """
        apiVersion: serving.setpoint.dev/v1alpha1
        metadata:
          name: support-chat
          labels: {}
        spec:
          entityVersion: "7"
          alias: "@champion"
          scaleToZero: true
          servedEntities:
          - name: a b
            traffic: 90
          - - 1
            - []
            - null
          gpuMemoryUtilization: 0.85
          prompt: |
            Say hello.
            Twice.
          prompt2: |-
            one

              two
          "no": "no"

        """)
  }

  private static let texts: [(text: String, written: String)] = [
    ("plain words", "plain words"), ("a:b", "a:b"), ("10.0.0.1:80/x", "10.0.0.1:80/x"), ("/models/x", "/models/x"),
    ("", "\"\""), ("7", "\"7\""), ("07", "\"07\""), ("1e3", "\"1e3\""), ("1.2.3", "\"1.2.3\""), ("0o7", "\"0o7\""),
    ("yes", "\"yes\""), ("Off", "\"Off\""), ("n", "\"n\""), ("null", "\"null\""), ("~", "\"~\""), ("=", "\"=\""),
    ("<<", "\"<<\""), ("2026-01-31", "\"2026-01-31\""), ("1:30", "\"1:30\""), ("-x", "\"-x\""), ("?", "\"?\""),
    ("a: b", "\"a: b\""), ("a #b", "\"a #b\""), ("a:", "\"a:\""), (" a", "\" a\""), ("a ", "\"a \""),
    ("{{secrets/llm/hf}}", "\"{{secrets/llm/hf}}\""), ("*a", "\"*a\""), ("&a", "\"&a\""), ("!a", "\"!a\""),
    ("say \"hi\" \\ there", "\"say \\\"hi\\\" \\\\ there\""), ("tab\there", "\"tab\\there\""),
    ("é", "\"é\""), ("\u{0}\u{85}\u{2028}\u{FEFF}\u{1F600}", "\"\\x00\\x85\\u2028\\uFEFF😀\""), ("---", "\"---\""),
    ("line\r\nline", "\"line\\r\\nline\""), ("\n", "\"\\n\""), ("a\n b \nc", "\"a\\n b \\nc\""),
  ]

  @Test(arguments: texts)
  func `text is quoted if any reader could read it as something else`(text: String, written: String) {
    #expect(YAMLEmitter.emit(.string(text)) == written + "\n")
  }

  private static let floats: [(value: Double, written: String)] = [
    (0.85, "0.85"), (1, "1.0"), (1e21, "1.0e+21"), (1.5e-7, "1.5e-07"), (-.infinity, "-.inf"), (.nan, ".nan"),
  ]

  @Test(arguments: floats)
  func `a float is a float in both versions of YAML`(value: Double, written: String) {
    #expect(YAMLEmitter.emit(.float(value)) == written + "\n")
  }

  @Test(arguments: 0..<20 as Range<UInt64>) func `written values are read back unchanged`(seed: UInt64) throws {
    var random = Random(seed: seed)
    for _ in 0..<40 {
      let value = anyValue(depth: 4, &random)
      let text = YAMLEmitter.emit(value)
      let documents = try YAMLParser.documents(in: Array(text.utf8), file: "f")
      let root = try #require(documents.first?.root)
      #expect(documents.count == 1)
      #expect(read(root) == value, "\(text)")
      #expect(YAMLEmitter.emit(read(root)) == text)
    }
  }

  @Test func `comments stand above a document, a key and an item of a list`() {
    let entity = YAMLValue.mapping([("name", .commented(["a name"], .string("main"))), ("traffic", .integer(90))])
    let value = YAMLValue.commented(
      ["one", "", "two"],
      .mapping([
        ("model", .string("x")),
        ("entities", .commented(["all of them"], .sequence([.commented(["the first"], entity), entity]))),
        ("deep", .mapping([("tags", .commented(["none"], .mapping([])))])),
      ]))
    #expect(
      YAMLEmitter.emit(value) == """
        # one
        #
        # two
        model: x
        # all of them
        entities:
        # the first
        - # a name
          name: main
          traffic: 90
        - # a name
          name: main
          traffic: 90
        deep:
          # none
          tags: {}

        """)
  }

  @Test(arguments: 0..<20 as Range<UInt64>)
  func `comments do not change what is read back, whatever they contain`(seed: UInt64) throws {
    var random = Random(seed: seed)
    for _ in 0..<40 {
      let value = anyValue(depth: 4, &random)
      let text = YAMLEmitter.emit(commented(value, &random))
      let root = try #require(try YAMLParser.documents(in: Array(text.utf8), file: "f").first?.root)
      #expect(read(root) == value, "\(text)")
    }
  }

  private func commented(_ value: YAMLValue, _ random: inout Random) -> YAMLValue {
    let inner: YAMLValue =
      switch value {
      case .sequence(let items): .sequence(items.map { commented($0, &random) })
      case .mapping(let entries): .mapping(entries.map { ($0.key, commented($0.value, &random)) })
      default: value
      }
    return Bool.random(using: &random) ? .commented([anyText(&random), anyText(&random)], inner) : inner
  }

  @Test func `a very long key is still a key`() throws {
    let value = YAMLValue.mapping([
      (String(repeating: "k", count: 2000), .mapping([("a", .integer(1))])),
      (String(repeating: "l", count: 2000), .string("x")),
    ])
    let root = try #require(try YAMLParser.documents(in: Array(YAMLEmitter.emit(value).utf8), file: "f").first?.root)
    #expect(read(root) == value)
  }

  private func anyValue(depth: Int, _ random: inout Random) -> YAMLValue {
    switch Int.random(in: 0..<(depth == 0 ? 5 : 9), using: &random) {
    case 0: .null
    case 1: .bool(Bool.random(using: &random))
    case 2: .integer(Int.random(in: -1000...1000, using: &random))
    case 3: .float(Double(Int.random(in: -1_000_000...1_000_000, using: &random)) / 1024 * 1e12)
    case 4, 5: .string(anyText(&random))
    case 6: .sequence((0..<Int.random(in: 0...4, using: &random)).map { _ in anyValue(depth: depth - 1, &random) })
    default:
      .mapping(
        Set((0..<Int.random(in: 0...4, using: &random)).map { _ in anyText(&random) }).sorted()
          .map { ($0, anyValue(depth: depth - 1, &random)) })
    }
  }

  private func anyText(_ random: inout Random) -> String {
    let pieces = [
      "a", "7", "no", ":", ": ", " ", "#", " #", "\n", "\n", "-", "- ", "?", "'", "\"", "\\", "\t", "é", "😀", "\u{85}",
      "\r", "{", "}", "[", "]", ",", "&", "*", "!", "|", ">", "%", "@", "~", ".", "_", "e", "0x", "---", "...",
      "\u{2029}", "\u{0}", "\u{7F}", "word", "\u{FEFF}", "null", "=", "<<", "x: y",
    ]
    return (0..<Int.random(in: 0...6, using: &random)).map { _ in pieces.randomElement(using: &random) ?? "" }.joined()
  }

  /// A node as a value, by the kinds of YAML 1.2; an ambiguous scalar would show as a failure.
  private func read(_ node: YAMLNode) -> YAMLValue {
    switch node.value {
    case .sequence(let items): return .sequence(items.map(read))
    case .mapping(let mapping):
      return .mapping(
        mapping.entries.map { ($0.key.kind == .string ? $0.key.text : "not text: \($0.key.text)", read($0.value)) })
    case .scalar(let scalar):
      switch scalar.kind {
      case .null: return .null
      case .bool(let value): return .bool(value)
      case .integer(let value): return .integer(value)
      case .float(let value): return .float(value)
      case .string: return .string(scalar.text)
      case .ambiguous(let why): return .string("ambiguous: \(why)")
      }
    }
  }
}
