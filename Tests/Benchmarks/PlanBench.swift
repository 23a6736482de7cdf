import LibYAML
import Planning

/// The cost of a plan of 10,000 manifests against 10,000 endpoints in sync, compared with libyaml's bare parse of the
/// same bytes in the same run, and how much memory it takes.
enum PlanBench {
  private static let endpoints = 10_000
  private static let rounds = 9
  private static let ratioBound = 6.0
  private static let ratioGoal = 4.0
  private static let memoryBound = 60.0

  /// - Returns: whether both bounds are met.
  static func run() throws -> Bool {
    // Before anything else: a peak only ever rises.
    let bare = Process.peakMegabytes
    let isMemoryKept = try measureMemory(above: bare)
    let isTimeKept = try measureTime()
    return isMemoryKept && isTimeKept
  }

  /// The files are generated one at a time, as a command reads them one at a time.
  private static func measureMemory(above bare: Double?) throws -> Bool {
    let plan = FleetPlan(of: endpoints).plan(files: (0..<endpoints).lazy.map { GeneratedEndpoint($0).file })
    try check(plan)
    guard let bare, let peak = Process.peakMegabytes else {
      print("memory: not measured, there is no /proc here")
      return true
    }
    print(
      "memory: a plan of \(endpoints) manifests peaks \(fixed(peak - bare, 1)) MB above the bare process's "
        + "\(fixed(bare, 1)) MB (bound \(fixed(memoryBound, 0)) MB)")
    return peak - bare <= memoryBound
  }

  private static func measureTime() throws -> Bool {
    let files = (0..<endpoints).map { GeneratedEndpoint($0).file }
    let pass = FleetPlan(of: endpoints)
    var times = Times()
    // The first round warms up caches and the allocator and does not count.
    for round in 0...rounds {
      var taken = Times()
      // libyaml before and after, so that a slow moment of the machine affects both.
      let before = try Process.seconds { try parse(files) }
      taken.trees = [try Process.seconds { try readTrees(files) }]
      try measurePass(pass, files, &taken)
      taken.bare = [(before + (try Process.seconds { try parse(files) })) / 2]
      if round > 0 { times.add(taken) }
    }
    return report(times, bytes: files.reduce(0) { $0 + $1.bytes.count })
  }

  private static func parse(_ files: [ManifestFile]) throws {
    for (_, bytes) in files { _ = try YAMLParser.countEvents(in: bytes) }
  }

  private static func measurePass(_ pass: FleetPlan, _ files: [ManifestFile], _ taken: inout Times) throws {
    var last = Process.threadSeconds
    let start = last
    let plan = pass.plan(files: files) { stage in
      let now = Process.threadSeconds
      switch stage {
      case .read: taken.read = [now - last]
      case .digest: taken.digest = [now - last]
      case .plan: taken.plan = [now - last]
      }
      last = now
    }
    // Freeing what the stages left behind counts as well.
    taken.whole = [Process.threadSeconds - start]
    try check(plan)
  }

  private static func readTrees(_ files: [ManifestFile]) throws {
    var documents = 0
    for (file, bytes) in files {
      YAMLParser.read(bytes, file: SourceFile(file)) { result in
        if case .success = result { documents += 1 }
        return true
      }
    }
    guard documents == files.count else { throw Wrong("\(documents) of \(files.count) documents could be read") }
  }

  private static func check(_ plan: Plan) throws {
    guard plan.isInSync, plan.unchanged == endpoints else {
      let first = plan.changes.first.map { "; \($0.endpoint): \($0.action), \($0.reason), \($0.fields)" } ?? ""
      throw Wrong("\(plan.unchanged) of \(endpoints) endpoints are in sync\(first)")
    }
  }

  private static func report(_ times: Times, bytes: Int) -> Bool {
    let ratio = times.ratio(\.whole)
    print(
      "plan: parse, validate, digest and plan of \(endpoints) manifests (\(fixed(Double(bytes) / 1e6, 1)) MB) against "
        + "\(endpoints) endpoints in sync \(milliseconds(times.whole)), libyaml alone on the same bytes "
        + "\(milliseconds(times.bare)), ratio \(fixed(ratio, 2)) (bound \(fixed(ratioBound, 0)), goal "
        + "\(fixed(ratioGoal, 0)); medians of \(rounds) rounds, interleaved, processor time)")
    let trees = times.ratio(\.trees)
    let shares = [
      ("parse", trees), ("validate", times.ratio(\.read) - trees), ("digest", times.ratio(\.digest)),
      ("plan", times.ratio(\.plan)),
    ]
    print("  of it, libyaml's time as 1: " + shares.map { "\($0) \(fixed($1, 2))" }.joined(separator: ", "))
    return ratio <= ratioBound
  }

  private static func milliseconds(_ seconds: [Double]) -> String { fixed(median(seconds) * 1000, 0) + " ms" }
}

/// Seconds of each round.
private struct Times {
  var bare: [Double] = []
  var trees: [Double] = []
  var read: [Double] = []
  var digest: [Double] = []
  var plan: [Double] = []
  var whole: [Double] = []

  mutating func add(_ other: Times) {
    bare += other.bare
    trees += other.trees
    read += other.read
    digest += other.digest
    plan += other.plan
    whole += other.whole
  }

  /// The median, over the rounds, of a time relative to libyaml's in the same round.
  func ratio(_ times: KeyPath<Times, [Double]>) -> Double {
    median(zip(self[keyPath: times], bare).map { $0 / $1 })
  }
}
