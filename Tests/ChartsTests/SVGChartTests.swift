import Charts
import Testing

@Suite struct SVGChartTests {
  private static let span: Range<Int64> = 1_767_225_600_000..<1_767_229_200_000

  private func chart(_ values: [Double?], name: String = "p95", title: String = "latency") -> Chart {
    let points = values.enumerated().map { index, value in
      Chart.Point(time: Self.span.lowerBound + Int64(index) * 60_000, value: value)
    }
    return Chart(title: title, unit: "ms", series: [Chart.Series(name: name, points: points)], span: Self.span)
  }

  @Test(
    arguments: [
      [], [nil], [1, 2, 3], [0, 0], [-3, 4], [.nan, 5], [.infinity], [1e14, 1e-9], [7, nil, nil, 8],
    ] as [[Double?]])
  func `every chart is well-formed XML, and its lines are within the area`(values: [Double?]) throws {
    let svg = SVGChart(chart(values)).text
    #expect(TinyXML.problem(in: svg) == nil, "\(svg)")
    for path in svg.components(between: "d=\"", and: "\"") {
      let numbers = path.split { "ML ".contains($0) }.compactMap { Double($0) }
      #expect(numbers.count % 2 == 0)
      for (index, number) in numbers.enumerated() {
        #expect(index % 2 == 0 ? (72...624).contains(number) : (36...236).contains(number), "\(path)")
      }
    }
  }

  @Test func `text from outside cannot leave its element`() {
    let evil = "</text><script>alert(1)</script> & \"quoted\" 'x' \u{0} \u{1B}[2J"
    let svg = SVGChart(chart([1, 2], name: evil, title: evil)).text
    #expect(TinyXML.problem(in: svg) == nil)
    #expect(!svg.contains("<script"))
    #expect(!svg.unicodeScalars.contains { $0.value < 0x20 && $0 != "\n" })
  }

  @Test func `nothing is loaded from outside`() {
    let svg = SVGChart(chart([1, 2])).text
    let rest = svg.split(separator: "http://www.w3.org/2000/svg").joined()
    for word in ["http", "url(", "@import", "<image", "href", "<script"] { #expect(!rest.contains(word), "\(word)") }
    #expect(svg.contains("viewBox=\"0 0 640 "))
    #expect(svg.contains("prefers-color-scheme: dark"))
  }

  @Test func `times are round and in UTC, values are round`() {
    let svg = SVGChart(chart([0, 87])).text
    for word in [">00:10<", ">00:50<", ">01-01<", ">UTC<", ">0<", ">50<", ">100<"] {
      #expect(svg.contains(word), "\(word): \(svg)")
    }
  }

  @Test func `a gap begins a new line`() {
    let paths = SVGChart(chart([1, 2, nil, 3])).text.components(between: "d=\"", and: "\"")
    #expect(paths.map { $0.count { $0 == "M" } } == [2])
  }

  @Test func `a chart without values says so, to readers of the screen as well`() {
    let svg = SVGChart(chart([nil])).text
    #expect(svg.contains(">no data</text>"))
    #expect(svg.contains("<desc>p95: no data</desc>"))
    #expect(SVGChart(chart([1, 250])).text.contains("<desc>p95: from 1 to 250, last 250</desc>"))
  }

  @Test func `lines differ in dashes, not only in color`() {
    var many = chart([1, 2])
    many.series = (0..<3).map { Chart.Series(name: "s\($0)", points: many.series[0].points) }
    let svg = SVGChart(many).text
    for name in ["s0", "s1", "s2"] { #expect(svg.contains("class=\"series \(name)\"")) }
    let dashes = Set(svg.components(between: "stroke-dasharray:", and: "}"))
    #expect(dashes.count == 8)
  }

  @Test func `a sheet has all charts, one below the other`() {
    let sheet = ChartSheet(title: "Endpoint <x>", charts: [chart([1]), chart([2]), chart([])]).text
    #expect(TinyXML.problem(in: sheet) == nil)
    let offsets = sheet.components(between: "translate(0 ", and: ")").compactMap { Double($0) }
    #expect(offsets.count == 3 && offsets.first == 0 && offsets == offsets.sorted() && Set(offsets).count == 3)
    #expect(TinyXML.problem(in: ChartSheet(title: "none", charts: []).text) == nil)
  }
}

/// Checks as much of XML as is needed to find a broken drawing.
private enum TinyXML {
  /// What is wrong; nil for a well-formed document.
  static func problem(in text: String) -> String? {
    var open: [Substring] = []
    var rest = text[...]
    while let start = rest.firstIndex(of: "<") {
      if rest[..<start].contains(">") { return "a stray > in \(rest[..<start])" }
      guard let end = rest[start...].firstIndex(of: ">") else { return "a tag that does not end" }
      let tag = rest[rest.index(after: start)..<end]
      if tag.contains("<") { return "a tag in a tag: \(tag)" }
      if tag.count(where: { $0 == "\"" }) % 2 != 0 { return "an attribute that does not end: \(tag)" }
      if tag.hasPrefix("/") {
        guard open.popLast() == tag.dropFirst() else { return "\(tag) does not match" }
      } else if !tag.hasSuffix("/") {
        open.append(tag.prefix { $0 != " " })
      }
      rest = rest[rest.index(after: end)...]
    }
    for part in text.split(separator: "&").dropFirst() {
      let name = part.prefix { $0 != ";" }
      if !["amp", "lt", "gt", "quot", "#39"].contains(String(name)) { return "a stray & before \(name)" }
    }
    return open.isEmpty ? nil : "\(open) does not end"
  }
}

extension String {
  /// The texts between each pair of marks.
  fileprivate func components(between start: String, and end: String) -> [String] {
    var found: [String] = []
    var rest = self[...]
    while let opening = rest.firstRange(of: start) {
      rest = rest[opening.upperBound...]
      guard let closing = rest.firstRange(of: end) else { break }
      found.append(String(rest[..<closing.lowerBound]))
      rest = rest[closing.upperBound...]
    }
    return found
  }
}
