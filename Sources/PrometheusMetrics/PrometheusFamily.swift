/// A metric as a scraped program reports it: its type and its series.
package struct PrometheusFamily: Hashable, Sendable {
  package enum Kind: String, Hashable, Sendable {
    case counter, gauge, histogram
    /// Everything else: summaries, and series without a type.
    case untyped
  }

  /// One series.
  package struct Sample: Hashable, Sendable {
    /// Without `le`.
    package var labels: [String: String]
    package var value: Value
    /// When the series began, in seconds since 1970; nil if the program does not report it.
    package var start: Double?

    package init(labels: [String: String] = [:], value: Value, start: Double? = nil) {
      self.labels = labels
      self.value = value
      self.start = start
    }
  }

  package enum Value: Hashable, Sendable {
    case number(Double)
    case histogram(ScrapedHistogram)

    /// The number; nil for a histogram.
    package var number: Double? {
      if case .number(let number) = self { number } else { nil }
    }
  }

  /// The name of its series: that of a counter ends in `_total` if the program writes it so. That of a histogram is
  /// without `_bucket`, `_sum` and `_count`.
  package let name: String
  package let kind: Kind
  /// Empty if the program describes none.
  package let help: String
  package internal(set) var samples: [Sample]

  package init(name: String, kind: Kind, help: String = "", samples: [Sample] = []) {
    self.name = name
    self.kind = kind
    self.help = help
    self.samples = samples
  }
}

/// The values of a histogram since its series began.
package struct ScrapedHistogram: Hashable, Sendable {
  /// The upper bounds of the buckets, ascending, without infinity.
  package let bounds: [Double]
  /// The number of values above the previous bound and up to this one; one more element than ``bounds``, the last one
  /// for the values above all of them.
  package let counts: [UInt64]
  package let sum: Double
  package let count: UInt64

  package init(bounds: [Double], counts: [UInt64], sum: Double, count: UInt64) {
    self.bounds = bounds
    self.counts = counts
    self.sum = sum
    self.count = count
  }
}
