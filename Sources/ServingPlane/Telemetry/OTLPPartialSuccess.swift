import CanonicalJSON

/// What a receiver says of a request that it took only in part.
struct OTLPPartialSuccess: Hashable, Sendable {
  /// The number of rejected items.
  let rejected: Int
  /// Empty if there is nothing to say. Cut, since it is for the log.
  let message: String

  /// - Parameter body: a response's; anything else than JSON says that everything was taken.
  init(_ body: [UInt8]) {
    let partial = (try? JSONValue(parsing: body))?["partialSuccess"]
    let counts = ["rejectedLogRecords", "rejectedDataPoints", "rejectedSpans"].compactMap { name -> Int? in
      guard let value = partial?[name] else { return nil }
      // A 64-bit integer: usually as text.
      return value.stringValue.flatMap { Int($0) } ?? value.intValue.flatMap { Int(exactly: $0) }
    }
    rejected = max(0, counts.first ?? 0)
    message = String((partial?["errorMessage"]?.stringValue ?? "").prefix(200))
  }
}
