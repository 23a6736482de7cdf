import CanonicalJSON
import GRDB
import Synchronization
import Testing

@testable import ServingPlane

@Suite(.timeLimit(.minutes(5))) struct BlockingWorkTests {
  @Test func `read calls are answered while the store waits for its disk`() async throws {
    let data = TestData()
    try await withPlane(data) { plane in
      _ = try await plane.call("POST", "/api/2.0/serving-endpoints", ["name": "chat"])
      let isPatched = Mutex(false)
      var configuration = Configuration()
      configuration.allowsUnsafeTransactions = true
      let other = try DatabaseQueue(path: data.settings.storePath, configuration: configuration)
      // Another writer locks the store's file, like a disk that is slow to commit.
      try await other.writeWithoutTransaction { try $0.execute(sql: "BEGIN IMMEDIATE") }
      async let patched = Self.patch(plane, isPatched)
      for _ in 0..<3 {
        #expect(try await plane.get("chat").status == 200)
        #expect(try await plane.call("GET", "/api/2.0/serving-endpoints").status == 200)
        #expect(try await plane.call("GET", "/api/2.1/unity-catalog/models").status == 200)
        #expect(try await plane.call("GET", "/health").status == 200)
      }
      #expect(isPatched.withLock { $0 } == false)
      // What is not stored yet is not reported either.
      #expect(try await plane.get("chat").json["tags"]?.arrayValue?.isEmpty != false)
      try await other.writeWithoutTransaction { try $0.execute(sql: "COMMIT") }
      #expect(try await patched == 200)
      #expect(try await plane.get("chat").json["tags"]?.arrayValue?.count == 1)
    }
  }

  private static func patch(_ plane: PlaneClient, _ isPatched: borrowing Mutex<Bool>) async throws -> Int {
    let answer = try await plane.call(
      "PATCH", "/api/2.0/serving-endpoints/chat/tags", ["add_tags": [["key": "a", "value": "b"]]])
    isPatched.withLock { $0 = true }
    return answer.status
  }

  @Test func `changes are executed one at a time and in order`() async {
    let steps = await Steps().play(changes: 50)
    #expect(steps == (0..<50).flatMap { ["begin \($0)", "end \($0)"] })
  }

  @Test func `a failed change lets the next one in`() async {
    #expect(await Steps().failThenSucceed() == ["failed", "done"])
  }

  @Test func `started work finishes even if its caller stops waiting`() async {
    let task = Task {
      withUnsafeCurrentTask { $0?.cancel() }
      return await BlockingWork.brief.run { 7 }
    }
    #expect(await task.value == 7)
  }
}

/// An actor with a queue of changes, each of which suspends in the middle.
private actor Steps {
  private let changes = ChangeQueue()
  private var steps: [String] = []

  func play(changes count: Int) async -> [String] {
    await withDiscardingTaskGroup { group in
      for number in 0..<count {
        // Into the queue one at a time: each starts waiting before the next one is created.
        group.addImmediateTask { await self.change(number) }
      }
    }
    return steps
  }

  private func change(_ number: Int) async {
    await changes.run {
      steps.append("begin \(number)")
      await BlockingWork.brief.run {}
      steps.append("end \(number)")
    }
  }

  func failThenSucceed() async -> [String] {
    do { try await changes.run { throw CancellationError() } } catch { steps.append("failed") }
    await changes.run { steps.append("done") }
    return steps
  }
}
