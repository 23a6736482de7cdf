import Endpoints
import Testing

@Suite struct `A set of manifests` {
  private let good = manifest("model: m\nentityVersion: 7")

  private func set(_ files: (String, String)...) -> ManifestSet {
    ManifestSet.read(files.map { (file: $0.0, bytes: Array($0.1.utf8)) })
  }

  @Test func `a set contains several documents of a file and skips empty ones`() {
    let text = "---\n# none\n---\n" + good + "---\n~\n---\n" + manifest(name: "other", "model: m\nentityVersion: 8")
    let set = set(("f.yaml", text))
    #expect(set.manifests.map(\.name) == ["chat", "other"])
    #expect(set.findings.isEmpty && set.isComplete && set.brokenNames.isEmpty)
  }

  @Test func `every error in every file is reported at once, and valid manifests are kept`() {
    let set = set(
      ("a.yaml", good),
      ("b.yaml", manifest(name: "broken", "model: m\nentityVersion: 7.0\nscaleToZer: true")),
      ("c.yaml", "a: [1\n---\n" + manifest(name: "c", "model: m\nentityVersion: 1")),
      ("d.yaml", "x: \"\u{7}\"\n"),
      ("e.yaml", "kind: ConfigMap\nmetadata: {name: other}\ndata: {a: b}\n")
    )
    #expect(set.manifests.map(\.name) == ["chat", "c"])
    #expect(set.brokenNames == ["broken"])
    #expect(!set.isComplete)
    #expect(
      set.findings.map(\.description) == [
        "b.yaml:7:18: error: spec.entityVersion: 7.0 is a number with a fraction or an exponent; a version is text "
          + "or an integer; write \"7\"",
        "b.yaml:8:3: error: spec.scaleToZer: unknown field; did you mean \"scaleToZero\"?",
        "c.yaml:2:1: error: did not find expected ',' or ']' while parsing a flow sequence (which began at line 1, "
          + "column 4)",
        "d.yaml:1:5: error: control characters are not allowed: U+0007; in a double-quoted string, write it as "
          + "\"\\u0007\"",
        "e.yaml:1:7: error: kind: \"ConfigMap\" is not a ServingEndpoint; move other objects elsewhere, or exclude "
          + "them with --exclude GLOB or a .setpointignore file",
      ])
  }

  @Test func `a name that is used twice is refused with both locations, and neither manifest is used`() {
    let twice = set(("a.yaml", good), ("b.yaml", manifest(name: "z", "model: m\nentityVersion: 1") + "---\n" + good))
    #expect(twice.manifests.map(\.name) == ["z"])
    #expect(twice.brokenNames == ["chat"])
    #expect(
      twice.findings.map(\.description) == [
        "b.yaml:12:9: error: metadata.name: the endpoint \"chat\" is already defined at a.yaml:4:9; keep one of them"
      ])
    let brokenFirst = set(("a.yaml", manifest("model: m")), ("b.yaml", good))
    #expect(brokenFirst.manifests.isEmpty && brokenFirst.brokenNames == ["chat"])
    #expect(brokenFirst.findings.count == 2)
  }

  @Test func `a file without a character counts as truncated`() {
    let set = set(("a.yaml", good), ("b.yaml", " \n"), ("c.yaml", "# nothing yet\n"))
    #expect(!set.isComplete)
    #expect(set.manifests.count == 1)
    #expect(
      set.findings.map(\.description) == [
        "b.yaml: error: the file is empty; to remove its endpoint, remove the file"
      ])
  }

  @Test func `empty standard input is not called a file`() {
    #expect(
      set(("-", "\n")).findings.map(\.description) == [
        "-: error: standard input is empty; pipe manifests into the command"
      ])
  }

  @Test func `warnings leave a set complete`() {
    let set = set(("a.yaml", manifest("model: m\nentityVersion: 7\nsize: Gigantic")))
    #expect(set.isComplete && set.manifests.count == 1)
    #expect(set.findings.map(\.severity) == [.warning])
  }

  @Test func `an unreadable file is recorded`() {
    var reader = ManifestReader()
    reader.read(Array(good.utf8), file: "a.yaml")
    reader.fail(file: "b.yaml", "permission denied")
    let set = reader.finish()
    #expect(!set.isComplete && set.manifests.count == 1)
    #expect(set.findings.map(\.description) == ["b.yaml: error: permission denied"])
  }

  @Test(arguments: 0..<8 as Range<UInt64>)
  func `any bytes are read without a crash, and an invalid set is never called complete`(seed: UInt64) {
    var random = Random(seed: seed)
    let whole = Array(
      (manifest(
        """
        environment: {A: b, HF_TOKEN: "{{secrets/a/b}}"}
        engine: {dtype: float16, extraArgs: [--x]}
        servedEntities:
          - &a {name: x, model: a.b.c, entityVersion: "@y", workloadType: T4, traffic: 40}
          - {<<: *a, name: y, entityVersion: 7, traffic: 60}
        rollout: {deadline: 5m, verify: [{chat: hi, expect: {status: 200}}]}
        """) + "---\n" + good).utf8)
    for _ in 0..<150 {
      var bytes = whole
      for _ in 0..<Int.random(in: 1...5, using: &random) {
        let place = Int.random(in: 0..<bytes.count, using: &random)
        switch Int.random(in: 0..<4, using: &random) {
        case 0: bytes[place] = UInt8.random(in: 0...255, using: &random)
        case 1: bytes.remove(at: place)
        case 2: bytes.insert(whole[Int.random(in: 0..<whole.count, using: &random)], at: place)
        default: bytes.removeSubrange(place..<min(bytes.count, place + 9))
        }
      }
      let set = ManifestSet.read([(file: "f", bytes: bytes)])
      #expect(set.isComplete == !set.findings.contains { $0.severity == .error })
      for manifest in set.manifests { _ = try? manifest.desired { _ in "3" } }
    }
  }
}
