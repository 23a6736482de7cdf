/// Several charts below each other, as one SVG document.
package struct ChartSheet: Sendable {
  private let title: String
  private let charts: [Chart]

  package init(title: String, charts: [Chart]) {
    self.title = title
    self.charts = charts
  }

  /// The document.
  package var text: String {
    var body = ""
    var y = 0.0
    for chart in charts.map({ SVGChart($0) }) {
      body += "<g role=\"img\" transform=\"translate(0 \(SVGText.number(y)))\">\(chart.body)</g>\n"
      y += chart.height
    }
    let (width, height) = (SVGText.number(SVGChart.width), SVGText.number(max(40, y)))
    return """
      <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 \(width) \(height)" width="100%">
      <title>\(SVGText.escaped(title))</title>
      \(SVGText.style)<rect class="ground" width="\(width)" height="\(height)"/>
      \(body)</svg>

      """
  }
}
