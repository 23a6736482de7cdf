import Endpoints
import History
import Planning
import Storage
import Testing

/// A store must never return what it has read before once it is out of date.
@Suite struct MemoryCacheTests {
  private let key = EndpointKey(host: "http://127.0.0.1:7387", name: "support-chat")

  private func at(_ seconds: Int64) -> Timestamp { Timestamp(milliseconds: seconds * 1000) }

  private func config(_ version: String, _ environment: [String: String] = [:]) -> EndpointConfig {
    EndpointConfig(entities: [ServedEntity(entityName: "m", entityVersion: version, environment: environment)])
  }

  private func found(_ config: EndpointConfig) -> MemoryChange {
    .found(Rollout(config), id: "e1", version: 1, at: at(0))
  }

  @Test func `a write of another process is visible at once`() async throws {
    try await withTemporaryDirectory { path in
      let one = try HistoryStore.open(in: StateDirectory(path: path))
      let other = try HistoryStore.open(in: StateDirectory(path: path))
      for version in 1...20 {
        let writer = version % 3 == 0 ? one : other
        try await writer.record([found(config("\(version)"))], of: key, at: at(0))
        for reader in [one, other, one] {
          #expect(try await reader.memory(of: key).memory.revisions.count == version)
        }
      }
    }
  }

  @Test func `a write of this process is visible and keeps what was read for other endpoints`() async throws {
    try await withTemporaryDirectory { path in
      let store = try HistoryStore.open(in: StateDirectory(path: path))
      let neighbour = EndpointKey(host: key.host, name: "neighbour")
      #expect(try await store.memory(of: key) == .nothing)
      try await store.record([found(config("1"))], of: key, at: at(0))
      try await store.record([found(config("7"))], of: neighbour, at: at(0))
      #expect(try await store.memory(of: key).memory.revisions.map(\.digest) == [config("1").digest])
      #expect(try await store.memory(of: neighbour).memory.revisions.map(\.digest) == [config("7").digest])
      try await store.record([.retried], of: key, at: at(0))
      #expect(try await store.memory(of: key).version == 2)
      #expect(try await store.memory(of: neighbour).version == 1)
    }
  }

  @Test func `values are looked up again when others are offered`() async throws {
    let store = try HistoryStore.passing()
    let redacted = config("1", ["LEVEL": "INFO"])
    try await store.record([found(redacted)], of: key, at: at(0))
    for _ in 0..<2 {
      #expect(try await store.memory(of: key).lostConfigs[1] != nil)
      #expect(try await store.memory(of: key, values: [redacted]).memory.revisions.first?.config == redacted)
      #expect(try await store.memory(of: key, values: [config("2", ["LEVEL": "DEBUG"])]).lostConfigs[1] != nil)
      #expect(try await store.memory(of: key, values: [config("9", ["LEVEL": "INFO"])]).lostConfigs.isEmpty)
    }
  }

  @Test func `a change that fails leaves the cached memory as it was`() async throws {
    let store = try HistoryStore.passing()
    try await store.record([found(config("1"))], of: key, at: at(0))
    let before = try await store.memory(of: key)
    let error = await historyError { try await store.record([.retried], of: key, since: 99, at: at(0)) }
    #expect(error?.kind == .moved)
    #expect(try await store.memory(of: key) == before)
  }

  @Test func `an event that creates the endpoint's record loads its memory too`() async throws {
    let store = try HistoryStore.passing()
    #expect(try await store.memory(of: key).version == 0)
    try await store.note(HistoryEvent(at: at(0), what: "x"), of: key)
    #expect(try await store.memory(of: key).version == 1)
  }

  /// `memories(host:)` reads the file each time; whatever two processes do, `memory(of:)` must return the same.
  @Test(arguments: 0..<4)
  func `whichever process writes in whatever order, the cache equals the stored content`(seed: UInt64) async throws {
    try await withTemporaryDirectory { path in
      var generator = SeededGenerator(state: seed &* 0x9E37_79B9_7F4A_7C15 | 1)
      let stores = try (0..<2).map { _ in try HistoryStore.open(in: StateDirectory(path: path)) }
      let names = ["a", "b", "c"]
      let values = [config("0", ["LEVEL": "INFO"])]
      for step in 0..<120 {
        let store = stores[generator.roll(2)]
        let key = EndpointKey(host: key.host, name: names[generator.roll(3)])
        switch generator.roll(4) {
        case 0:
          let config = config("\(step)", generator.roll(2) == 0 ? ["LEVEL": "INFO"] : [:])
          try await store.record([found(config)], of: key, at: at(0), values: values)
        case 1: try await store.record([.retried], of: key, at: at(0))
        case 2: try await store.note(HistoryEvent(at: at(0), what: "\(step)"), of: key)
        default:
          let reader = stores[generator.roll(2)]
          let offered = generator.roll(2) == 0 ? values : []
          let truth =
            try await reader.memories(host: key.host, values: [key.name: offered])[key.name]?.get() ?? .nothing
          #expect(try await reader.memory(of: key, values: offered) == truth, "step \(step)")
        }
      }
    }
  }

  @Test func `readers and writers running concurrently see every version in order`() async throws {
    try await withTemporaryDirectory { path in
      let stores = try (0..<2).map { _ in try HistoryStore.open(in: StateDirectory(path: path)) }
      try await withThrowingTaskGroup(of: Void.self) { group in
        for store in stores {
          group.addTask {
            for _ in 0..<40 { try await store.record([.retried], of: key, at: at(0)) }
          }
          group.addTask {
            var seen: Int64 = 0
            while seen < 80 {
              let version = try await store.memory(of: key).version
              #expect(version >= seen)
              seen = version
            }
          }
        }
        try await group.waitForAll()
      }
    }
  }
}

/// A small generator with a seed (xorshift64*), so that a failure can be reproduced.
private struct SeededGenerator {
  var state: UInt64

  mutating func roll(_ sides: Int) -> Int {
    state ^= state >> 12
    state ^= state << 25
    state ^= state >> 27
    return Int((state &* 0x2545_F491_4F6C_DD1D) >> 33) % sides
  }
}
