import Endpoints
import LibYAML
import Testing

@Suite struct `The version latest` {
  private func manifests(_ version: String) throws -> Manifest {
    let set = read(manifest("model: a.b.m\nentityVersion: \(version)"))
    #expect(set.findings.isEmpty, "\(set.findings)")
    return try #require(set.manifests.first)
  }

  @Test(arguments: ["latest", "\"latest\""])
  func `latest is looked up like an alias and pinned to the number`(version: String) throws {
    let manifest = try manifests(version)
    #expect(manifest.aliases == [ModelAlias(model: "a.b.m", name: "latest")])
    let endpoint = try manifest.desired { _ in "12" }
    #expect(endpoint.config.entities.map(\.entityVersion) == ["12"])
    #expect(endpoint.resolvedAliases == ["m-12": "latest"])
  }

  @Test func `latest without a version is reported with its location`() throws {
    let error = #expect(throws: InvalidManifest.self) { try manifests("latest").desired() }
    #expect(
      error?.findings.map(\.description) == [
        "f.yaml:7:18: error: spec.entityVersion: no version found for latest of model \"a.b.m\"; register one, "
          + "or specify a version"
      ])
  }
}
