import Telemetry
import Testing

@Suite struct RecordedLinesTests {
  private func line(
    _ body: String, _ folder: TelemetryFolder, endpoint: String = "support", replica: String = "a1",
    version: String = "3", age: Duration = .zero
  ) -> TelemetryRow {
    var row = folder.log(body, age: age)
    row.resource.endpoint = endpoint
    row.resource.replica = replica
    row.resource.modelVersion = version
    return .log(row)
  }

  private func read(
    _ store: TelemetryStore, since: Int64 = 0, after: Int64? = nil, replica: String? = nil,
    version: RecordedLines.Version? = nil, limit: Int = 100
  ) async throws -> RecordedLines {
    try await store.read {
      try RecordedLines.read(
        $0, of: "support", since: since, after: after, replica: replica, version: version, limit: limit)
    }
  }

  @Test func `pages have each line of the endpoint once, in order`() async throws {
    try await withTelemetryFolder { folder in
      let store = try folder.store()
      for number in 1...25 {
        store.add(line("line \(number)", folder))
        store.add(line("other \(number)", folder, endpoint: "wiki"))
      }
      await store.flush()
      var bodies: [String] = []
      var after: Int64?
      while true {
        let page = try await read(store, after: after, limit: 10)
        bodies += page.lines.map(\.body)
        after = page.next
        if page.isComplete { break }
      }
      #expect(bodies == (1...25).map { "line \($0)" })
      store.add(line("later", folder))
      await store.flush()
      let next = try await read(store, after: after)
      #expect(next.lines.map(\.body) == ["later"] && next.isComplete)
      #expect(try await read(store, after: next.next).lines.isEmpty)
    }
  }

  @Test func `lines are selected by time, replica and version`() async throws {
    try await withTelemetryFolder { folder in
      let store = try folder.store()
      store.add(line("old", folder, age: .seconds(7200)))
      store.add(line("a", folder, replica: "abc"))
      store.add(line("b", folder, replica: "bcd", version: "4"))
      await store.flush()
      let hourAgo = folder.time.milliseconds - 3_600_000
      #expect(try await read(store, since: hourAgo).lines.map(\.body) == ["a", "b"])
      #expect(try await read(store, replica: "ab").lines.map(\.body) == ["a"])
      let four = RecordedLines.Version(model: "qwen", version: "4")
      #expect(try await read(store, version: four).lines.map(\.body) == ["b"])
    }
  }

  @Test func `the previous version is the last one that is not served now`() async throws {
    try await withTelemetryFolder { folder in
      let store = try folder.store()
      for (version, age) in [("1", 300), ("2", 200), ("3", 100), ("2", 50)] as [(String, Int64)] {
        store.add(line("x", folder, version: version, age: .seconds(age)))
      }
      await store.flush()
      func previous(_ current: String...) async throws -> String? {
        let current = Set(current.map { RecordedLines.Version(model: "qwen", version: $0) })
        return try await store.read {
          try RecordedLines.previousVersion($0, of: "support", except: current)?.version
        }
      }
      #expect(try await previous("3") == "2")
      #expect(try await previous("2") == "3")
      #expect(try await previous("1", "2", "3") == nil)
    }
  }
}
