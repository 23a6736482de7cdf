import Scheduling

/// The throughput of an endpoint's admission queue while ten thousand requests of a hundred principals wait. Each request
/// takes three operations: it arrives, is dispatched when a place becomes free, and finishes.
enum AdmissionBench {
  private static let waiting = 10_000
  private static let rounds = 1_000_000
  private static let repetitions = 3
  /// The least number of operations per second.
  private static let bound = 500_000.0

  /// - Returns: whether the bound is met.
  /// - Throws: if the queue does not dispatch a request for each place that becomes free.
  static func run() throws -> Bool {
    let principals = (0..<100).map { "principal-\($0)" }
    var rates: [Double] = []
    for _ in 0..<repetitions {
      var queue = AdmissionQueue(policy: AdmissionPolicy(maxWaiting: 2 * waiting), now: .zero)
      _ = queue.setTraffic([("v1", 1)], now: .zero)
      for name in ["r1", "r2"] { _ = queue.replicaReady(name, entity: "v1", capacity: 64, now: .zero) }
      var next: UInt64 = 1
      var running: UInt64 = 1
      func arrive() {
        _ = queue.arrive(next, principal: principals[Int(next % 100)], draw: 0.5, bytes: 1024, now: .zero)
        next += 1
      }
      while queue.waiting < waiting { arrive() }
      let seconds = try Process.seconds {
        for _ in 0..<rounds {
          guard case .dispatch(let id, _)? = queue.finished(running, now: .zero).first else {
            throw Wrong("a place became free, and no request was dispatched")
          }
          running = id
          arrive()
        }
      }
      guard queue.waiting == waiting else { throw Wrong("\(queue.waiting) requests wait, not \(waiting)") }
      rates.append(Double(3 * rounds) / seconds)
    }
    let rate = median(rates)
    print(
      "admission: \(Int(rate)) arrivals, dispatches and finishes per second while \(waiting) requests wait (median of "
        + "\(repetitions), processor time; at least \(Int(bound)))")
    return rate >= bound
  }
}
