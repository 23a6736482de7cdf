import Foundation
import Subprocess
import Testing

@testable import Controller

@Suite struct `An ignore pattern` {
  private static let files = [
    "a.yaml", "values.yaml", "values-prod.yaml", "kept.json", "charts/a.yaml", "charts/deep/values.yaml",
    "team/charts/b.yaml", "team/a.yaml", "team/x/y/z.yaml", "team/x/a1.json", "team/x/a2.json", "team/x/a-.json",
    "docs/[x].yaml", "docs/x.yaml", "docs/a b .yaml", "#a.yaml", "!a.yaml", "deep/deeper/deepest/a.yaml", "a/b.yaml",
    "A.yaml", "a*.yaml", "foo/bar/baz.yaml", "bar/foo/baz.yaml", "foo/baz.yaml", "trailing ", "1.yaml",
  ]

  private static let patterns = [
    "values.yaml", "values*.yaml", "/values.yaml", "charts/", "/charts/", "charts", "charts/**", "**/charts",
    "team/**/z.yaml",
    "team/*/a?.json", "team/x/a[0-9].json", "team/x/a[!0-9].json", "team/x/a[^0-9].json", "docs/\\[x].yaml",
    "docs/[[]x].yaml",
    "docs/[x].yaml", "\\#a.yaml", "#a.yaml", "\\!a.yaml", "*.json", "*\n!kept.json", "team/\n!team/a.yaml",
    "*.yaml\n!team/",
    "team/*\n!team/a.yaml", "**", "/**", "/*", "**/a.yaml", "deep/**/a.yaml", "deep/**/deeper/**/a.yaml", "a/**/b.yaml",
    "foo/*",
    "foo/**/baz.yaml", "**/foo/**", "a\\*.yaml", "a*.yaml", "[", "[a", "a\\", "trailing\\ ", "trailing ",
    "[[:upper:]].yaml",
    "[[:digit:]].yaml", "[a-c].yaml", "?.yaml", "*.yaml\r\n!a.yaml\r", " ", "", "team/x/", "x/y/", "x", "!", "//",
    "a.yaml/",
    "[]x].yaml", "*/*/*.yaml", "/team/x/y/../y/z.yaml", "./a.yaml",
  ]

  /// What git itself ignores, for each set of patterns: git check-ignore is asked about the same names.
  @Test(arguments: patterns) func `a pattern matches what git ignores`(text: String) async throws {
    let fixture = try await GitFixture()
    for file in Self.files { try fixture.folder.write("", "work/" + file) }
    try fixture.folder.write(text + "\n", "work/.gitignore")
    let result = try await Subprocess.run(
      .name("git"), arguments: ["-C", fixture.folder("work"), "ls-files", "-z", "--others", "--exclude-standard"],
      environment: .custom(["PATH": fixture.path, "HOME": fixture.folder("home"), "GIT_CONFIG_NOSYSTEM": "1"]),
      output: .string(limit: 1 << 20), error: .string(limit: 1 << 20))
    let kept = Set(result.standardOutput.split(separator: "\0").map(String.init))
    let rules = IgnoreRules([]).adding(text + "\n", depth: 0)
    for file in Self.files {
      let segments = file.split(separator: "/").map(String.init)
      let isLeftOut = segments.indices.contains { index in
        rules.leavesOut(Array(segments[...index]), isDirectory: index < segments.count - 1)
      }
      #expect(isLeftOut == !kept.contains(file), "\(text.debugDescription): \(file)")
    }
  }

  @Test func `matching takes linear time, whatever the pattern and name`() throws {
    let name = String(repeating: "a", count: 5000)
    let pattern = try #require(IgnorePattern(String(repeating: "a*", count: 200) + "b"))
    #expect(!pattern.matches([name], isDirectory: false))
    let deep = try #require(IgnorePattern(String(repeating: "**/a/", count: 100) + "b"))
    #expect(!deep.matches(ArraySlice(Array(repeating: "a", count: 2000)), isDirectory: false))
  }

  @Test func `a pattern of a deeper file overrides one above, and the command line overrides both`() {
    let rules = IgnoreRules([]).adding("*.yaml", depth: 0).adding("!a.yaml", depth: 1)
    #expect(!rules.leavesOut(["team", "a.yaml"], isDirectory: false))
    #expect(rules.leavesOut(["team", "b.yaml"], isDirectory: false))
    let strict = IgnoreRules([IgnorePattern("a.yaml")].compactMap(\.self)).adding("!a.yaml", depth: 0)
    #expect(strict.leavesOut(["a.yaml"], isDirectory: false))
  }
}
