/// With this many decimal places.
func fixed(_ value: Double, _ places: Int) -> String {
  guard value.isFinite else { return "?" }
  let scale = (0..<places).reduce(1) { scale, _ in scale * 10 }
  let units = Int((value.magnitude * Double(scale)).rounded())
  let digits = String(units % scale + scale).dropFirst()
  return (value < 0 && units > 0 ? "-" : "") + "\(units / scale)" + (places > 0 ? ".\(digits)" : "")
}

func median(_ values: [Double]) -> Double {
  values.isEmpty ? .nan : values.sorted()[values.count / 2]
}

/// The smallest value that this fraction of all values does not exceed.
func percentile(_ values: [Double], _ part: Double) -> Double {
  guard !values.isEmpty else { return .nan }
  let rank = Int((part * Double(values.count)).rounded(.up))
  return values.sorted()[min(max(rank, 1), values.count) - 1]
}
