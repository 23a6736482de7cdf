import Controller
import ControllerKit
import Endpoints
import FileSystem
import Planning
import ServingAPI
import Synchronization
import TestKit
import Testing

/// Processes with one state directory share the write budget of a provider.
@Suite struct SharedWriteBudgetTests {
  private let environment: ControllerEnvironment
  private let scratch: Scratch

  /// The warnings of one process.
  private final class Warnings: Sendable {
    private let state = Mutex<[String]>([])
    func add(_ line: String) { state.withLock { $0.append(line) } }
    var all: [String] { state.withLock { $0 } }
  }

  private static let budget = ControllerOptions.WriteBudget(writes: 5, period: .seconds(10))

  init() throws {
    var behaviors = WorkspaceBehaviors()
    behaviors.writeLimit = WriteLimit(5, per: .seconds(10))
    let environment = try ControllerEnvironment(behaviors: behaviors)
    environment.workspace.setClock { environment.now.milliseconds }
    ControllerEnvironment.setVersions(environment.workspace)
    self.environment = environment
    scratch = try Scratch()
  }

  /// The budget of a new process.
  private func budget(_ writer: String, in directory: String? = nil, _ warnings: Warnings) -> SharedWriteBudget {
    let environment = environment
    let file = BudgetFile(
      directory: directory ?? scratch.path, provider: "https://adb-1.example.com", writer: writer,
      now: { environment.now.milliseconds }, warn: { warnings.add($0) })
    return SharedWriteBudget(Self.budget, file: file, elapsed: { environment.now - ControllerEnvironment.beginning })
  }

  /// Creates five endpoints.
  ///
  /// - Returns: whether any had to wait for the budget.
  private func create(_ prefix: String, _ budget: SharedWriteBudget, waits: Bool) async -> Bool {
    let environment = environment
    let endpoints = (0..<5).map { ControllerEnvironment.endpoint("1", name: "\(prefix)-\($0)") }
    let fleet = DesiredFleet(
      endpoints: Dictionary(uniqueKeysWithValues: endpoints.map { ($0.name, .present($0)) }), isComplete: true)
    let hasWaited = Mutex(false)
    _ = await environment.reconciler().converge(
      endpoints.map(\.name), of: fleet, limits: ConvergenceLimits(waits: waits, budget: budget),
      sleep: { pause in
        environment.advance(pause)
        await Task.yield()
      },
      report: { event in
        if case .budgetUsedUp = event { hasWaited.withLock { $0 = true } }
      })
    return hasWaited.withLock { $0 }
  }

  private var creates: Int { environment.workspace.writes.count { $0.method == "POST" } }

  @Test func `two processes send no more than the budget together`() async throws {
    let warnings = Warnings()
    #expect(await create("a", budget("one", warnings), waits: false) == false)
    #expect(creates == 5 && environment.now == ControllerEnvironment.beginning)
    #expect(await create("b", budget("two", warnings), waits: true))
    #expect(creates == 10, "each was sent once, so no 429 was provoked")
    #expect(environment.now - ControllerEnvironment.beginning >= .seconds(10))
    #expect(warnings.all.isEmpty)
    #expect(try scratch.names.count == 1)
  }

  @Test func `writes of a process that has ended count no longer than the period`() async throws {
    let warnings = Warnings()
    _ = await create("a", budget("one", warnings), waits: false)
    environment.advance(.seconds(11))
    #expect(await create("b", budget("two", warnings), waits: false) == false)
  }

  @Test func `a damaged file is replaced with one warning`() async throws {
    let warnings = Warnings()
    _ = await create("a", budget("one", warnings), waits: false)
    try scratch.write("not a budget at all", to: try #require(try scratch.names.first))
    environment.advance(.seconds(11))
    #expect(await create("b", budget("two", warnings), waits: false) == false)
    #expect(creates == 10)
    #expect(warnings.all.count == 1 && warnings.all.first?.contains("it is damaged and will be replaced") == true)
    #expect(await create("c", budget("three", warnings), waits: true), "the file is valid again")
    #expect(warnings.all.count == 1)
  }

  @Test func `lines of a kind that this version does not know are ignored, and the writes in the file still count`()
    async throws
  {
    let warnings = Warnings()
    _ = await create("a", budget("one", warnings), waits: false)
    let lock = try FileLock(opening: scratch.file(try #require(try scratch.names.first)))
    #expect(try lock.tryLock())
    let contents = try lock.contents()
    try lock.replaceContents(with: Array("X 99 later and more\n".utf8) + contents)
    lock.release()
    #expect(await create("b", budget("two", warnings), waits: true), "the five writes of the first process count")
    #expect(warnings.all.isEmpty)
  }

  @Test func `if the file cannot be used, the budget is the process's own, with one warning`() async throws {
    let warnings = Warnings()
    let budget = budget("one", in: scratch.file("none"), warnings)
    #expect(await create("a", budget, waits: false) == false)
    #expect(await create("b", budget, waits: true))
    #expect(creates == 10)
    #expect(warnings.all.count == 1 && warnings.all.first?.contains("No such file or directory") == true)
  }

  @Test func `a write whose process is killed before the response counts from when it was sent`() throws {
    let warnings = Warnings()
    let (killed, other) = (budget("killed", warnings), budget("other", warnings))
    for index in 0..<5 { #expect(killed.take(for: "a-\(index)", urgent: false) == nil) }
    environment.advance(.seconds(4))
    let wait = try #require(other.take(for: "b", urgent: false))
    #expect(wait > .seconds(5) && wait < .seconds(7))
    environment.advance(wait)
    #expect(other.take(for: "b", urgent: false) == nil)
  }

  /// Two processes, after the first one used up the budget and the second one's rollback began to wait, at the moment
  /// at which its wait ends.
  private func waitingRollback() throws -> (first: SharedWriteBudget, second: SharedWriteBudget) {
    let warnings = Warnings()
    let (first, second) = (budget("first", warnings), budget("second", warnings))
    for index in 0..<5 {
      #expect(first.take(for: "a-\(index)", urgent: false) == nil)
      first.used(by: "a-\(index)")
    }
    environment.advance(try #require(second.take(for: "rollback", urgent: true)))
    return (first, second)
  }

  private func granted(_ budget: SharedWriteBudget) -> Int {
    (0..<5).count { budget.take(for: "b-\($0)", urgent: false) == nil }
  }

  @Test func `other processes leave a token for a rollback that waits`() throws {
    let (first, second) = try waitingRollback()
    #expect(granted(first) == 4)
    #expect(second.take(for: "rollback", urgent: true) == nil)
  }

  @Test func `a rollback that waits no longer keeps no token`() throws {
    let (first, second) = try waitingRollback()
    second.leave("rollback")
    #expect(granted(first) == 5)
  }

  @Test func `a rollback whose process was killed while it waited keeps a token for a short time`() throws {
    let (first, _) = try waitingRollback()
    #expect(granted(first) == 4)
    environment.advance(.seconds(5))
    #expect(first.take(for: "b-4", urgent: false) == nil)
  }

  @Test func `while another process has the file locked, the writes that are known still count`() throws {
    let warnings = Warnings()
    let (first, second) = (budget("first", warnings), budget("second", warnings))
    for index in 0..<4 { #expect(first.take(for: "a-\(index)", urgent: false) == nil) }
    #expect(second.take(for: "b", urgent: false) == nil)
    let lock = try FileLock(opening: scratch.file(try #require(try scratch.names.first)))
    #expect(try lock.tryLock())
    #expect(second.take(for: "c", urgent: false) != nil)
    second.used(by: "b")
    lock.release()
    #expect(first.take(for: "a-4", urgent: false) != nil)
    #expect(warnings.all.isEmpty, "one miss is no problem")
  }
}
