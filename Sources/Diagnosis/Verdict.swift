extension Diagnosis {
  /// The conclusion in one line.
  package static func headline(of evidence: Evidence, _ causes: [Cause]) -> String {
    let name = evidence.endpoint
    guard let first = causes.first else { return "nothing is wrong with \(name)" }
    switch first.severity {
    case .failing:
      return evidence.isReady && evidence.serves
        ? "requests to \(name) fail: \(first.summary)" : "\(name) is not ready: \(first.summary)"
    case .slow: return "\(name) is impaired: \(first.summary)"
    case .note: return "nothing is wrong with \(name)"
    }
  }

  /// The figures that say how the endpoint is, one line each: what a user sees if nothing is wrong.
  package static func figures(of evidence: Evidence) -> [String] {
    var lines = evidence.serving.map { entity -> String in
      let replicas = "\(entity.ready) of \(Words.count(entity.wanted, "replica")) ready"
      let state = entity.sleep == .asleep ? "scaled to zero" : replicas
      return "\(entity.label): \(state), \(entity.share)% of the traffic"
    }
    if let requests = evidence.requests {
      let failed = requests.count { $0.status >= 400 }
      lines.append(
        "\(Words.count(requests.total, "request")) in the last \(Words.time(evidence.window))"
          + (requests.total == 0 ? "" : ", \(failed) failed"))
      let times: [(String, Percentiles?)] = [
        ("latency", requests.latency), ("the first token", requests.firstToken),
        ("the wait for a replica", requests.queue),
      ]
      for (what, values) in times { if let values { lines.append("\(what): \(Words.percentiles(values))") } }
    }
    if let load = evidence.load { lines.append("now \(load.waiting) waiting and \(load.inFlight) at replicas") }
    if let most = evidence.engines.compactMap(\.cacheMost).max() {
      lines.append("KV cache: \(Words.percent(most)) at most")
    }
    return lines
  }
}
