import Scheduling

/// The work queue's throughput, compared with the same work through an actor that holds its keys in an array.
///
/// Both are called as actors, so that the comparison is about how they keep their keys and not how they are called; the
/// queue is also measured by itself. A round of a key is add, take and done; ten thousand keys are queued all the time,
/// most of them for a resync, which is what a queue holds during a resync of a large fleet.
enum QueueBench {
  private static let keys = (0..<10_000).map { "endpoint-\($0)" }
  private static let rounds = 1_000_000
  /// The array does only a part of the rounds, since it scans all keys in each.
  private static let roundsOfArray = 10_000
  private static let repetitions = 3

  /// - Throws: if a queue does not return what was put in.
  static func run() async throws {
    var (alone, actor, array): ([Double], [Double], [Double]) = ([], [], [])
    for _ in 0..<repetitions {
      alone.append(Double(rounds) / (try Process.seconds { try turn(rounds) }))
      actor.append(Double(rounds) / (try await secondsOfTurning(QueueActor(), rounds)))
      array.append(Double(roundsOfArray) / (try await secondsOfTurning(ArrayActor(), roundsOfArray)))
    }
    print(
      "queue: add, take and done of \(rounds) keys, \(keys.count) of them queued, with priorities: \(thousands(alone)) "
        + "keys/s; behind an actor \(thousands(actor)) keys/s, a plain actor with an array \(thousands(array)) keys/s, "
        + "ratio \(Int(median(zip(actor, array).map { $0 / $1 }).rounded())) (medians of \(repetitions), processor time)"
    )
  }

  private static func turn(_ rounds: Int) throws {
    var queue = WorkQueue<String>(backoff: QueueActor.backoff)
    for (number, key) in keys.enumerated() { queue.add(key, priority: priority(number), now: .zero) }
    for number in 0..<rounds {
      guard let taken = queue.take(now: .zero) else { throw QueueIsEmpty() }
      queue.finish(taken.key, .done, now: .zero, chance: 0.5)
      queue.add(taken.key, priority: priority(number), now: .zero)
    }
    guard queue.depth == keys.count else { throw QueueIsEmpty() }
  }

  private static func secondsOfTurning(_ queue: some KeyedQueue, _ rounds: Int) async throws -> Double {
    for (number, key) in keys.enumerated() { await queue.add(key, priority(number)) }
    let start = Process.processSeconds
    for number in 0..<rounds {
      guard let key = await queue.take() else { throw QueueIsEmpty() }
      await queue.done(key)
      await queue.add(key, priority(number))
    }
    return Process.processSeconds - start
  }

  /// One in eight is an edit, and one in sixty-four a rescue.
  private static func priority(_ number: Int) -> WorkPriority {
    number % 64 == 0 ? .rescue : number % 8 == 0 ? .edit : .resync
  }

  /// To the thousand, `1,509,000`.
  private static func thousands(_ perSecond: [Double]) -> String {
    let thousands = Int((median(perSecond) / 1000).rounded())
    let millions = thousands >= 1000 ? "\(thousands / 1000)," : ""
    return millions + (millions.isEmpty ? "\(thousands)" : String("\(thousands % 1000 + 1000)".dropFirst())) + ",000"
  }
}

/// A queue returned nothing, or lost something, while all its keys were in it.
private struct QueueIsEmpty: Error, CustomStringConvertible {
  let description = "the work queue lost a key"
}

/// What a worker needs from a queue.
private protocol KeyedQueue: Sendable {
  func add(_ key: String, _ priority: WorkPriority) async
  func take() async -> String?
  func done(_ key: String) async
}

private actor QueueActor: KeyedQueue {
  static let backoff = Backoff(first: .seconds(1), cap: .seconds(300))
  private var queue = WorkQueue<String>(backoff: backoff)

  func add(_ key: String, _ priority: WorkPriority) { queue.add(key, priority: priority, now: .zero) }

  func take() -> String? { queue.take(now: .zero)?.key }

  func done(_ key: String) { queue.finish(key, .done, now: .zero, chance: 0.5) }
}

/// The first version that one would write: every key once, the highest priority first, the oldest of it first, and no
/// key twice at once. It supports neither delays nor backoff.
private actor ArrayActor: KeyedQueue {
  private var waiting: [(key: String, priority: WorkPriority)] = []
  private var queued: Set<String> = []
  private var running: Set<String> = []

  func add(_ key: String, _ priority: WorkPriority) {
    guard queued.insert(key).inserted else { return }
    waiting.append((key, priority))
  }

  func take() -> String? {
    var best: Int?
    for index in waiting.indices where !running.contains(waiting[index].key) {
      if let found = best, waiting[found].priority >= waiting[index].priority { continue }
      best = index
      if waiting[index].priority == .rescue { break }
    }
    guard let best else { return nil }
    let key = waiting.remove(at: best).key
    queued.remove(key)
    running.insert(key)
    return key
  }

  func done(_ key: String) { running.remove(key) }
}
