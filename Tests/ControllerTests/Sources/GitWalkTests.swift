import Controller
import Endpoints
import Foundation
import LibYAML
import Testing

/// Which files of a commit are read, and what replaces manifests that are no longer there.
@Suite(.timeLimit(.minutes(2))) struct `A commit's manifests` {
  private let fixture: GitFixture

  init() async throws { fixture = try await GitFixture() }

  /// Endpoints in `fleet/`, one of them in `fleet/team/`.
  private func begin() async throws -> GitSource {
    try await fixture.commit([
      "fleet/a.yaml": manifestText("a"), "fleet/b.yaml": manifestText("b"), "fleet/team/c.yaml": manifestText("c"),
    ])
    let source = try fixture.source()
    #expect(try await source.read().names == ["a", "b", "c"])
    return source
  }

  @Test func `manifests are found through a link to another folder of the repository`() async throws {
    let source = try await begin()
    try fixture.folder.move("work/fleet/team", to: "work/common")
    try fixture.folder.link("work/fleet/team", to: "../common")
    try await fixture.commit([:])
    let reading = try await source.read()
    #expect(reading.names == ["a", "b", "c"] && reading.set.isComplete, "\(reading.set.findings)")
    #expect(reading.set.manifests.last?.location.file == "fleet/team/c.yaml")
    #expect(source.filesParsed == 3)
  }

  @Test(arguments: [
    ("fleet/team", "../gone"), ("fleet/team", "/etc"), ("fleet/team", "team"), ("fleet/team", "../../outside"),
    ("fleet/team.d", "nowhere"), ("fleet/team/c.yaml", "../../gone.yaml"), ("fleet/team/c.yaml", "/etc/hostname"),
  ]) func `manifests replaced by a cycle of links do not count as deleted`(link: String, target: String) async throws {
    let source = try await begin()
    try fixture.folder.remove("work/fleet/team")
    try FileManager.default.createDirectory(
      atPath: fixture.folder("work/fleet/team_"), withIntermediateDirectories: true)
    try FileManager.default.createDirectory(
      atPath: (fixture.folder("work/" + link) as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
    try fixture.folder.link("work/" + link, to: target)
    let commit = try await fixture.commit([:])
    let reading = try await source.read()
    #expect(reading.commit == commit && reading.names == ["a", "b"] && !reading.set.isComplete)
    #expect(reading.set.findings.map(\.location.file) == [link])
    #expect(reading.set.findings.first?.message.contains("link") == true)
  }

  @Test func `manifests replaced by a submodule do not count as deleted`() async throws {
    let source = try await begin()
    try await fixture.git("init", "--quiet", "--initial-branch=main", fixture.folder("part"), in: ".")
    try fixture.folder.write(manifestText("c"), "part/c.yaml")
    try await fixture.git("add", "--all", in: "part")
    try await fixture.git("commit", "--quiet", "-m", "part", in: "part")
    try await fixture.git("rm", "-r", "--quiet", "fleet/team")
    try await fixture.git(
      "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", fixture.folder("part"), "fleet/team")
    let commit = try await fixture.commit([:])
    let reading = try await source.read()
    #expect(reading.commit == commit && reading.names == ["a", "b"] && !reading.set.isComplete)
    #expect(reading.set.findings.first?.description.contains("fleet/team: error") == true)
    #expect(reading.set.findings.first?.message.contains("submodule") == true)
    // With an ignore pattern, it is not a manifest.
    try await fixture.commit(["fleet/.setpointignore": "team/\n"])
    let without = try await source.read()
    #expect(without.names == ["a", "b"] && without.set.isComplete)
  }

  @Test func `manifests are found if the path itself became a link, and stay in force if it became a submodule`()
    async throws
  {
    let source = try await begin()
    let last = try await fixture.git("rev-parse", "HEAD")
    try fixture.folder.move("work/fleet", to: "work/elsewhere")
    try fixture.folder.link("work/fleet", to: "elsewhere")
    let linked = try await fixture.commit([:])
    let followed = try await source.read()
    #expect(followed.commit == linked && followed.names == ["a", "b", "c"] && followed.set.isComplete)
    #expect(linked != last)
    try await fixture.git("init", "--quiet", "--initial-branch=main", fixture.folder("part"), in: ".")
    try await fixture.git("commit", "--quiet", "--allow-empty", "-m", "part", in: "part")
    try await fixture.git("rm", "--quiet", "fleet")
    try await fixture.git(
      "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", fixture.folder("part"), "fleet")
    try await fixture.commit([:])
    let stays = try await source.read()
    #expect(stays.commit == linked && stays.names == ["a", "b", "c"])
    #expect(stays.problem?.contains("submodule") == true)
  }

  @Test func `links in a cycle are each read once`() async throws {
    _ = try await begin()
    try fixture.folder.link("work/fleet/again", to: "../fleet")
    try fixture.folder.link("work/fleet/team/up", to: "..")
    try fixture.folder.link("work/fleet/root", to: "../")
    try fixture.folder.link("work/copy.yaml", to: "fleet/a.yaml")
    try await fixture.commit([:])
    let reading = try await fixture.source(path: ".").read()
    #expect(reading.names.sorted() == ["a", "b", "c"] && reading.set.isComplete, "\(reading.set.findings)")
  }

  @Test func `manifests stored in Git LFS do not count as deleted`() async throws {
    let source = try await begin()
    try await fixture.commit([
      "fleet/a.yaml": "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n"
    ])
    let reading = try await source.read()
    #expect(reading.names == ["b", "c"] && !reading.set.isComplete)
    #expect(reading.set.findings.first?.message.contains("Git LFS") == true)
  }

  @Test
  func `manifests are read as they are, whatever the attributes for encodings, line ends and filters`() async throws {
    let text = manifestText("raw") + "# ü $Id$\r\n"
    try await fixture.commit(["README.md": "# Fleet"])
    try fixture.folder.write(text, "raw.yaml")
    let object = try await fixture.git("hash-object", "-w", "--no-filters", fixture.folder("raw.yaml"))
    try await fixture.git("update-index", "--add", "--cacheinfo", "100644,\(object),fleet/a.yaml")
    try fixture.folder.write("*.yaml working-tree-encoding=UTF-16 eol=crlf ident filter=lfs\n", "raw.attributes")
    let attributes = try await fixture.git("hash-object", "-w", "--no-filters", fixture.folder("raw.attributes"))
    try await fixture.git("update-index", "--add", "--cacheinfo", "100644,\(attributes),.gitattributes")
    try await fixture.git("commit", "--quiet", "-m", "raw")
    let reading = try await fixture.source().read()
    #expect(reading.names == ["raw"] && reading.set.isComplete, "\(reading.set.findings)")
  }

  @Test func `in a large repository, only manifest files are read`() async throws {
    var files: [String: String?] = ["fleet/a.yaml": manifestText("a")]
    for number in 0..<2000 { files["fleet/data/\(number % 20)/file\(number).txt"] = "\(number)" }
    try await fixture.commit(files)
    let source = try fixture.source()
    let reading = try await source.read()
    #expect(reading.names == ["a"] && reading.set.isComplete && source.filesParsed == 1)
    #expect(try !fixture.kept().contains { $0.hasSuffix(".txt") || $0.hasSuffix(".yaml") })
  }

  @Test func `manifests that match a pattern of the command line or the source are skipped`() async throws {
    try await fixture.commit([
      "fleet/a.yaml": manifestText("a"), "fleet/values.yaml": "image: {tag: 1}\n", "fleet/config.json": "{}",
      "fleet/kustomization.yaml": "resources: [a.yaml]\n", "fleet/charts/x/values.yaml": "a: b\n",
      "fleet/charts/.setpointignore": "*\n", "fleet/.setpointignore": "# not ours\nvalues.yaml\n",
    ])
    let source = try GitSource(
      url: fixture.address, path: "fleet", excluding: [IgnorePattern("*.json")].compactMap(\.self),
      stateDirectory: fixture.folder("state"), environment: ["PATH": fixture.path])
    let reading = try await source.read()
    #expect(reading.names == ["a"] && reading.set.isComplete, "\(reading.set.findings)")
    #expect(
      reading.set.findings.map(\.description) == [
        "fleet/kustomization.yaml:1:1: warning: a kustomization file; it is skipped"
      ])
    try fixture.folder.link("work/fleet/charts/.setpointignore", to: "../.setpointignore")
    try await fixture.commit([:])
    let unsure = try await source.read()
    #expect(!unsure.set.isComplete)
    #expect(
      unsure.set.findings.contains { $0.description.contains("fleet/charts/.setpointignore: error: not a regular") }
    )
  }

  @Test func `the patterns of the folders above apply in git and in a work tree alike`() async throws {
    try await fixture.commit([
      "env/fleet/a.yaml": manifestText("a"), "env/fleet/values.yaml": "a: b\n", "env/fleet/x.json": "{}",
      "env/fleet/fleet/b.yaml": "a: b\n", ".setpointignore": "values.yaml\nenv/fleet/*.json\n",
      "env/.setpointignore": "/fleet/fleet/\n",
    ])
    let git = try await fixture.source(path: "env/fleet").read()
    #expect(git.names == ["a"] && git.set.isComplete, "\(git.set.findings)")
    let directory = try await DirectorySource(paths: [fixture.folder("work/env/fleet")], warn: { _ in }).read()
    #expect(directory.names == ["a"] && directory.set.isComplete, "\(directory.set.findings)")
    let excluding = try [#require(IgnorePattern("/a.yaml"))]
    let other = try await DirectorySource(
      paths: [fixture.folder("work/env/fleet")], excluding: excluding, warn: { _ in }
    ).read()
    #expect(other.names.isEmpty)
  }
}
