import Endpoints
import Foundation
import Testing

@Suite struct `The example manifests` {
  private static let directory = URL(filePath: #filePath).resolvingSymlinksInPath()
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent().appending(path: "examples")

  private func set(_ file: String) throws -> ManifestSet {
    let bytes = [UInt8](try Data(contentsOf: Self.directory.appending(path: file)))
    return ManifestSet.read([(file: file, bytes: bytes)])
  }

  @Test func `every example validates without findings and means something`() throws {
    let files = try FileManager.default.contentsOfDirectory(atPath: Self.directory.path).filter {
      // Price files are not manifests.
      $0.hasSuffix(".yaml") && $0 != "prices.yaml"
    }
    #expect(files.count >= 4)
    for file in files {
      let set = try set(file)
      #expect(set.findings.isEmpty, "\(set.findings)")
      #expect(!set.manifests.isEmpty)
      for manifest in set.manifests { _ = try manifest.desired { _ in "3" } }
    }
  }

  @Test func `the examples have prices for hardware that is known`() throws {
    let bytes = [UInt8](try Data(contentsOf: Self.directory.appending(path: "prices.yaml")))
    let outcome = PriceFile.read(bytes, file: "prices.yaml")
    #expect(outcome.findings.isEmpty, "\(outcome.findings)")
    let prices = try #require(outcome.prices)
    #expect(prices.isApproximate)
    for rate in prices.rates where rate.apiWord != "CPU" {
      #expect(HardwareOffer.all.contains { $0.apiWord == rate.apiWord && (rate.cloud ?? $0.cloud) == $0.cloud })
    }
  }

  @Test func `the examples show several endpoints and a traffic split`() throws {
    #expect(try set("fleet.yaml").manifests.map(\.name) == ["support-chat", "support-summaries", "search-embeddings"])
    let split = try #require(try set("traffic-split.yaml").manifests.first).desired()
    #expect(split.config.entities.map(\.traffic) == [90, 10])
  }

  @Test func `the full example and the workspace example cover every field`() throws {
    let text = try ["full.yaml", "workspace.yaml"].map {
      try String(contentsOf: Self.directory.appending(path: $0), encoding: .utf8)
    }.joined()
    let spec = try #require(ManifestSchema.document.fields.first { $0.name == "spec" })
    for name in spec.supportedNames { #expect(text.contains(name + ":"), "\(name)") }
    #expect(spec.supportedNames.count > 60)
    #expect(try set("full.yaml").manifests.flatMap(\.findingsForPlane).isEmpty, "a plane accepts the full example")
  }
}

extension Field {
  /// The names of the supported fields below this one.
  fileprivate var supportedNames: [String] {
    guard support == .supported else { return [] }
    return [name] + type.supportedNames
  }
}

extension FieldType {
  fileprivate var supportedNames: [String] {
    switch self {
    case .object(let type), .objectOrList(let type, _): type.fields.flatMap(\.supportedNames)
    case .list(let item, _): item.supportedNames
    default: []
    }
  }
}
