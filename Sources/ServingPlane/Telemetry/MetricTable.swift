import PrometheusMetrics

/// Families of metrics that all have one sample for each of the same items, such as the endpoints.
struct MetricTable<Item>: Sendable {
  enum Value {
    case count(Int)
    /// 1 for true, and 0 for false.
    case flag(Bool)
    case histogram(Histogram)
  }

  struct Family: Sendable {
    let name: String
    let kind: PrometheusText.Kind
    let help: String
    let value: @Sendable (Item) -> Value

    init(_ name: String, _ kind: PrometheusText.Kind, _ help: String, _ value: @escaping @Sendable (Item) -> Value) {
      self.name = name
      self.kind = kind
      self.help = help
      self.value = value
    }
  }

  /// In the order in which they are written.
  let families: [Family]

  func write(_ items: [(labels: PrometheusText.Labels, item: Item)], to text: inout PrometheusText) {
    for family in families {
      text.begin(family.name, family.kind, family.help)
      for (labels, item) in items {
        switch family.value(item) {
        case .count(let count): text.sample(labels, count)
        case .flag(let isSo): text.sample(labels, isSo)
        case .histogram(let histogram): text.sample(labels, histogram)
        }
      }
    }
  }
}
