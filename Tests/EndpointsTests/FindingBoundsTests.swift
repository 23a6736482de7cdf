import Endpoints
import Testing

@Suite struct `A flood of findings` {
  private let good = manifest(name: "good", "model: m\nentityVersion: 7")

  /// The approximate size of a set's findings.
  private func bytes(_ set: ManifestSet) -> Int { set.findings.reduce(0) { $0 + $1.description.utf8.count } }

  @Test(arguments: [4 << 20, 31 << 20])
  func `a flood of a: b documents is one finding, and a valid file beside it is read`(size: Int) {
    var flood: [UInt8] = []
    flood.reserveCapacity(size)
    while flood.count < size { flood += "a: b\n---\n".utf8 }
    let set = ManifestSet.read([(file: "flood.yaml", bytes: flood), (file: "good.yaml", bytes: Array(good.utf8))])
    #expect(set.manifests.map(\.name) == ["good"] && !set.isComplete)
    #expect(set.findings.count == 2 && bytes(set) < 2000, "\(set.findings.count)")
    #expect(set.findings.first?.message.contains("(the first of 1000 such documents in this file)") == true)
    #expect(set.findings.last?.message.hasPrefix("the rest of this file was not read: 1000 documents") == true)
  }

  @Test(arguments: [
    "kind: ServingEndpoint\n", "kind: ServingEndpoint\nspec: {a: 1, b: 2, c: 3, d: 4}\n",
    "kind: ServingEndpoint\nx: [\n",
    "- a\n", "apiVersion: serving.setpoint.dev/v2\n", "metadata: {name: \"-\"}\n",
  ]) func `findings are limited in number and bytes for any documents`(document: String) {
    func flood(_ count: Int) -> [UInt8] { Array(String(repeating: document + "---\n", count: count).utf8) }
    // One very long file, and many that are too long together.
    let files = [flood(20_000)] + Array(repeating: flood(500), count: 29)
    let set = ManifestSet.read(files.enumerated().map { (file: "f\($0.offset).yaml", bytes: $0.element) })
    #expect(!set.isComplete && set.findings.count <= 1001 && bytes(set) < 600 << 10)
    if set.omittedFindings > 0 {
      #expect(set.findings.last?.message == "\(set.omittedFindings) more findings are not listed")
    }
  }

  @Test func `findings in one document are limited, and the document is not used`() {
    let fields = (0..<20_000).map { "  field\($0): 1\n" }.joined()
    let set = ManifestSet.read([(file: "f.yaml", bytes: Array((good + fields).utf8))])
    #expect(set.manifests.isEmpty && set.brokenNames == ["good"] && !set.isComplete)
    #expect(set.findings.count == 101 && set.omittedFindings == 19_900)
  }

  @Test func `warnings are limited, and the set stays complete`() {
    let texts = (0..<400).map { manifest(name: "e\($0)", "model: m\nentityVersion: 7\nsize: Gigantic") }
    let set = ManifestSet.read([(file: "f.yaml", bytes: Array(texts.joined(separator: "---\n").utf8))])
    #expect(set.isComplete && set.manifests.count == 400)
    #expect(set.findings.count == 101 && set.findings.allSatisfy { $0.severity == .warning })
  }

  @Test func `an extremely long name is truncated in findings`() {
    let name = String(repeating: "n", count: 1 << 20)
    let set = ManifestSet.read([
      (file: "a.yaml", bytes: Array("spec: {\(name): {\(name): 1}}".utf8)),
      (file: "b.yaml", bytes: Array("spec: {}\n? \"\(name)\"\n: 1\n? \"\(name)\"\n: 2\n".utf8)),
    ])
    #expect(!set.isComplete && bytes(set) < 20_000, "\(bytes(set))")
  }
}
