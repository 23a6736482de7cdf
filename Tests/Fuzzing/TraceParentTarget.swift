internal import Gateway

extension FuzzTarget {
  private static let traces = Mutator(
    examples: [
      "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
      "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00",
      "cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-03-more",
    ],
    tokens: ["-", "0", "f", "F", "00", "ff", "0000000000000000", "é", " ", "\u{0}"])

  /// What is read of a `traceparent` header can be sent as one, and reads back as itself.
  static let traceParent = FuzzTarget("traceparent", traces) { bytes throws(BrokenProperty) in
    guard let parent = TraceParent(parsing: String(decoding: bytes, as: UTF8.self)) else { return false }
    let digits = Set("0123456789abcdef")
    guard parent.traceID.count == 32, parent.spanID.count == 16,
      (parent.traceID + parent.spanID).allSatisfy({ digits.contains($0) })
    else { throw BrokenProperty("the IDs are hex digits; they are \(parent)") }
    let text = "00-\(parent.traceID)-\(parent.spanID)-\(parent.isSampled ? "01" : "00")"
    guard TraceParent(parsing: text) == parent else { throw BrokenProperty("\(text) reads back as itself") }
    return true
  }
}
