import FoundationEssentials
import Testing

/// The pages that compare Setpoint with its peers and describe its security claim nothing without a test.
@Suite struct ComparisonTests {
  private static let root = URL(filePath: #filePath).resolvingSymlinksInPath()
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

  private func text(_ path: String) throws -> String {
    try String(contentsOf: Self.root.appending(path: path), encoding: .utf8)
  }

  /// `` `File` *name* (Q1, Q2) ``
  private func claims(in text: String) -> [(file: String, name: String, quirks: [Int])] {
    text.matches(of: /`([A-Za-z]+Tests\/[A-Za-z+\/]+)` \*([^*]+)\*(?: \(([Q0-9, ]+)\))?/).map { match in
      let quirks = (match.3 ?? "").split(separator: ", ").compactMap { Int($0.dropFirst()) }
      return (String(match.1), String(match.2), quirks)
    }
  }

  @Test(arguments: [("docs/comparison.md", 60), ("docs/security.md", 50), ("docs/compatibility.md", 50)])
  func `every test that a page cites exists`(page: String, atLeast: Int) throws {
    let claims = claims(in: try text(page))
    #expect(claims.count > atLeast)
    for claim in claims {
      let source = try text("Tests/\(claim.file).swift")
      #expect(source.contains("func `\(claim.name)`"), "\(claim.file) has no test \"\(claim.name)\"")
    }
  }

  @Test func `every check of a script that the compatibility page cites exists`() throws {
    let checks = try text("docs/compatibility.md").matches(of: /`(\w+\.py)`: \*([^*]+)\*/)
    #expect(checks.count > 20)
    for check in checks {
      let script = try text("Tests/e2e/\(check.1)")
      #expect(script.contains(String(check.2)), "\(check.1) has no check \"\(check.2)\"")
    }
  }

  @Test func `the compatibility page lists every call about endpoints`() throws {
    let calls = Set(try text("docs/serving-api.md").matches(of: /\n\| (E\d+) \|/).map { String($0.1) })
    let listed = Set(try text("docs/compatibility.md").matches(of: /\n\| (E\d+) \|/).map { String($0.1) })
    #expect(calls.count >= 17)
    #expect(listed == calls)
  }

  @Test func `every attack has a test`() throws {
    let page = try text("docs/security.md")
    let attacks = try #require(page.split(separator: "\n## Attacks\n").last).split(separator: "\n## ").first ?? ""
    let rows = attacks.split(separator: "\n").filter { $0.hasPrefix("| ") && !$0.hasPrefix("| tried ") }
    #expect(rows.count > 40)
    for row in rows { #expect(!claims(in: String(row)).isEmpty, "\(row.prefix(60))") }
  }

  @Test func `every row of a table has a test`() throws {
    let rows = try text("docs/comparison.md").split(separator: "\n").filter { $0.hasPrefix("| ") }
      .filter { !$0.hasPrefix("| Area ") }
    #expect(rows.count > 40)
    for row in rows {
      #expect(!claims(in: String(row)).isEmpty, "\(row.prefix(60))")
      #expect(row.split(separator: "|").count == 4, "\(row.prefix(60))")
    }
  }

  @Test func `every quirk that the comparison names is checked`() throws {
    let folder = Self.root.appending(path: "Tests/WorkspaceTests")
    let sources = try FileManager.default.contentsOfDirectory(atPath: folder.path).filter { $0.hasPrefix("Quirks+") }
      .map { try text("Tests/WorkspaceTests/\($0)") }.joined()
    for quirk in claims(in: try text("docs/comparison.md")).flatMap(\.quirks) {
      let row = try Regex("\\(\\s*\(quirk),")
      let unconcerned = try Regex("noConcern\\(\\s*\(quirk),")
      let isChecked = sources.contains(row) && !sources.contains(unconcerned)
      #expect(isChecked, "Q\(quirk) is not checked by any row")
    }
  }
}
