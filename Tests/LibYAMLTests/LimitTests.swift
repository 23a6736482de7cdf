import LibYAML
import Testing

private func fault(_ text: String, limits: YAMLLimits = .standard) -> String {
  do {
    _ = try YAMLParser.documents(in: Array(text.utf8), file: "f.yaml", limits: limits)
    return "no error"
  } catch {
    return error.description
  }
}

/// The shortest of several measured times: during the others, the machine may have been busy.
private func quickest(_ action: () -> Void) -> Duration {
  let clock = ContinuousClock()
  return (0..<5).map { _ in clock.measure(action) }.min() ?? .zero
}

@Suite struct `Limits` {
  /// Nine levels of nine aliases: three hundred million nodes if followed.
  private static let billionLaughs: String =
    "a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol]\n"
    + (1...9).map { level in
      "a\(level): &a\(level) [\((0..<9).map { _ in "*a\(level - 1)" }.joined(separator: ", "))]\n"
    }.joined()

  @Test func `a billion laughs attack is refused in under a tenth of a second`() {
    var message = ""
    let taken = quickest { message = fault(Self.billionLaughs) }
    #expect(message == "f.yaml:6:10: the document has more than 100000 nodes, including aliases")
    #expect(taken < .milliseconds(100))
  }

  @Test func `merging does not get around the limit`() {
    let text =
      "a: &a {\((0..<1000).map { "k\($0): 1" }.joined(separator: ", "))}\nb:\n"
      + String(repeating: "  - {<<: [*a, *a, *a, *a, *a, *a, *a, *a, *a, *a]}\n", count: 100)
    #expect(fault(text).contains("the document has more than 100000 nodes"))
  }

  @Test func `aliases are limited over all documents of a file`() {
    let document = "---\na: &a [\((0..<100).map { _ in "x" }.joined(separator: ", "))]\nb: [*a, *a, *a]\n"
    var limits = YAMLLimits.standard
    limits.aliasedNodesPerFile = 1000
    #expect(fault(document, limits: limits) == "no error")
    #expect(
      fault(String(repeating: document, count: 5), limits: limits)
        == "f.yaml:12:5: the aliases of this file expand to more than 1000 nodes")
  }

  @Test func `depth is limited, with aliases followed`() {
    #expect(fault(String(repeating: "[", count: 64) + String(repeating: "]", count: 64)) == "no error")
    #expect(fault(String(repeating: "[", count: 100_000)) == "f.yaml:1:65: nested more than 64 levels deep")
    let chain = "a0: &a0 [x]\n" + (1...70).map { "a\($0): &a\($0) [*a\($0 - 1)]\n" }.joined()
    #expect(fault(chain) == "f.yaml:63:12: nested more than 64 levels deep")
  }

  @Test func `size is limited`() {
    var limits = YAMLLimits.standard
    limits.bytes = 10
    #expect(fault("a: 1234567", limits: limits) == "no error")
    #expect(fault("a: 12345678", limits: limits) == "f.yaml:1:1: the file has 11 bytes; at most 10 are read")
  }

  @Test func `a mapping of many keys is read quickly, and a duplicate is still refused`() {
    let keys = (0..<20_000).map { "key\($0): 1\n" }.joined()
    var message = ""
    let taken = quickest { message = fault(keys + "key19000: 2\n") }
    #expect(message == "f.yaml:20001:1: duplicate key \"key19000\"; it is already set at line 19001, column 1")
    #expect(taken < .seconds(5))
  }
}
