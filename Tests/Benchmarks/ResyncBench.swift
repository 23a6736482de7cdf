import Controller
import Planning
import Scheduling

/// The cost of a resync of 10,000 endpoints in sync, and how long a user's edit waits meanwhile.
enum ResyncBench {
  private static let endpoints = 10_000
  private static let edits = 200
  private static let processorBound = 150.0
  private static let memoryBound = 20.0
  private static let editBound = 100.0

  /// - Returns: whether all bounds are met.
  static func run() async throws -> Bool {
    let bare = Process.residentMegabytes
    let provider = SimulatedProvider((0..<endpoints).lazy.map(GeneratedEndpoint.init), latency: .milliseconds(50))
    return try await withTemporaryDirectory { directory in
      let benched = try BenchedController(provider, GeneratedSource(of: endpoints), directory: directory)
      return try await benched.run {
        // The first time, each endpoint is found, recorded and reported.
        try await benched.settled(looks: endpoints)
        try await benched.check(inSync: endpoints)
        let isMemoryKept = reportMemory(bare, Process.residentMegabytes)
        let isProcessorKept = try await measureResync(benched)
        let isEditKept = try await measureEdits(benched)
        return isMemoryKept && isProcessorKept && isEditKept
      }
    }
  }

  private static func reportMemory(_ bare: Double?, _ loaded: Double?) -> Bool {
    guard let bare, let loaded else {
      print("memory of a controller: not measured, there is no /proc here")
      return true
    }
    let perThousand = (loaded - bare) / Double(endpoints) * 1000
    print(
      "memory of a controller: \(fixed(perThousand, 1)) MB for 1,000 endpoints (bound \(fixed(memoryBound, 0)) MB): "
        + "\(fixed(loaded, 0)) MB resident after the first look at \(endpoints), above the bare process's "
        + "\(fixed(bare, 0)) MB; the provider's answers included, which are kept in this process")
    return perThousand <= memoryBound
  }

  /// Everything once: the list, the source, each endpoint.
  private static func measureResync(_ benched: BenchedController) async throws -> Bool {
    let clock = ContinuousClock()
    let (calls, start, startTime) = (benched.provider.calls, Process.processSeconds, clock.now)
    try await resync(benched)
    let used = Process.processSeconds - start
    let took = startTime.duration(to: clock.now)
    let decoding = try Process.seconds {
      guard try benched.provider.decodeAll() == endpoints else { throw Wrong("not every answer could be read") }
    }
    guard benched.provider.calls - calls == endpoints + 1 else {
      throw Wrong("\(benched.provider.calls - calls) calls for \(endpoints) endpoints in sync and their list")
    }
    let waiting = try await waiting(benched.provider)
    let perEndpoint = (used - decoding - waiting) / Double(endpoints) * 1e6
    print(
      "resync: \(fixed(perEndpoint, 0)) µs of processor time for an endpoint in sync above the decoding of its answers "
        + "(bound \(fixed(processorBound, 0)) µs): \(fixed(used, 2)) s for \(endpoints) endpoints, without "
        + "\(fixed(decoding, 2)) s of decoding and \(fixed(waiting, 2)) s that the simulated provider's sleeping takes; "
        + "it took \(fixed(took / .seconds(1), 1)) s at 50 ms a call")
    return perEndpoint <= processorBound
  }

  /// The processor time of the simulation itself: as many sleeps as a resync has, sixteen at a time.
  private static func waiting(_ provider: SimulatedProvider) async throws -> Double {
    let start = Process.processSeconds
    try await withThrowingTaskGroup(of: Void.self) { group in
      for number in 0..<16 {
        group.addTask {
          // One after another, as a controller's are: sleeps that end together cost less.
          try await Task.sleep(for: .milliseconds(3) * number)
          for _ in 0..<(endpoints / 16) { try await provider.wait() }
        }
      }
      try await group.waitForAll()
    }
    return Process.processSeconds - start
  }

  private static func resync(_ benched: BenchedController) async throws {
    let looks = benched.provider.looks
    try await benched.controller.sync()
    try await benched.controller.list()
    enqueueAll(benched)
    try await benched.settled(looks: looks + endpoints)
  }

  private static func enqueueAll(_ benched: BenchedController) {
    for index in 0..<endpoints { benched.queue.add(GeneratedEndpoint(index).name, priority: .resync) }
  }

  /// Edits one at a time, spread over a full resync: alternately one that is put into the queue, as the bound requires,
  /// and one that is made in a manifest, with everything between that and the first call.
  private static func measureEdits(_ benched: BenchedController) async throws -> Bool {
    let looks = benched.provider.looks
    var queued: [String] = []
    var made: [String] = []
    enqueueAll(benched)
    for number in 0..<edits {
      // Spread over the fleet; even ones have the tag that is edited.
      let index = number * (endpoints / edits)
      queued.append(GeneratedEndpoint(index + 1).name)
      benched.provider.time(GeneratedEndpoint(index + 1).name)
      benched.queue.add(GeneratedEndpoint(index + 1).name, priority: .edit)
      try await Task.sleep(for: pause)
      made.append(GeneratedEndpoint(index).name)
      benched.provider.time(GeneratedEndpoint(index).name)
      benched.source.edit(index)
      try await Task.sleep(for: pause)
    }
    guard benched.queue.metrics.depth > 0 else { throw Wrong("the resync was over before the last edit") }
    try await benched.settled(looks: looks + endpoints)
    try await benched.check(inSync: endpoints)
    let fromQueue = try queued.map { try milliseconds($0, benched) }
    let fromManifest = try made.map { try milliseconds($0, benched) }
    let late = percentile(fromQueue, 0.99)
    print(
      "edit during a resync of \(endpoints) endpoints: \(fixed(late, 0)) ms from the queue to the first call at the 99th "
        + "percentile of \(edits) (bound \(fixed(editBound, 0)) ms), median \(fixed(median(fromQueue), 0)) ms; from "
        + "the manifest \(fixed(percentile(fromManifest, 0.99), 0)) ms, median \(fixed(median(fromManifest), 0)) ms")
    return late < editBound
  }

  /// All edits together take slightly less than a resync at 50 ms per call, sixteen at a time.
  private static let pause = Duration.milliseconds(68)

  private static func milliseconds(_ name: String, _ benched: BenchedController) throws -> Double {
    guard let time = benched.provider.timed(name) else { throw Wrong("no call came for the edited \(name)") }
    return time / .milliseconds(1)
  }
}
