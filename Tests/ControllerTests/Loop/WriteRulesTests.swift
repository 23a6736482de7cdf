import Controller
import Endpoints
import Planning
import Testing

@Suite struct WriteRulesTests {
  /// Thursday 2026-01-01, 00:00 UTC.
  private let midnight = Timestamp(milliseconds: 1_767_225_600_000)

  private static let setting = Planning.Operation.changeSetting(
    name: "chat", .gateway(GatewaySettings(usageTracking: true)))
  private static let delete = Planning.Operation.delete(name: "chat")

  private func decision(_ operation: Planning.Operation, _ action: PlanAction, _ code: Reason.Code) -> Decision {
    Decision(action, Reason(code), next: .call(operation))
  }

  @Test func `outside every window, a side setting waits, and inside one it does not`() throws {
    let closed = WriteRules(mode: .enforce, windows: [try ChangeWindow(parsing: "Thu 06:00-08:00 UTC")])
    let decision = decision(Self.setting, .update, .settingsChanged)
    #expect(closed.withholding(decision, now: midnight)?.until == midnight + .seconds(6 * 3600))
    #expect(closed.withholding(decision, now: midnight + .seconds(7 * 3600)) == nil)
  }

  @Test func `a window that closes does not stop a rollout in the middle of its steps`() throws {
    let closed = WriteRules(mode: .enforce, windows: [try ChangeWindow(parsing: "Thu 06:00-08:00 UTC")])
    let put = Planning.Operation.updateConfig(name: "chat", config: EndpointConfig(entities: []))
    #expect(closed.withholding(decision(put, .update, .specChanged), now: midnight) != nil)
    #expect(closed.withholding(decision(put, .update, .promoting), now: midnight) == nil)
    #expect(
      WriteRules(mode: .enforce, windows: closed.windows, pause: "a freeze")
        .withholding(decision(put, .update, .promoting), now: midnight) != nil)
  }

  @Test func `in observe mode and while paused, no side setting is written`() {
    let decision = decision(Self.setting, .update, .settingsChanged)
    #expect(WriteRules(mode: .observe).withholding(decision, now: midnight) != nil)
    #expect(WriteRules(mode: .enforce, pause: "a freeze").withholding(decision, now: midnight) != nil)
  }

  @Test
  func `an endpoint that is recreated does not count as deleted, and waits for a window like any update`() throws {
    let recreation = decision(Self.delete, .update, .needsRecreate)
    let guarded = WriteRules(mode: .enforce, deletionsBlocked: WriteRules.Withholding("too many", .massDeletion))
    #expect(guarded.withholding(recreation, now: midnight) == nil)
    #expect(guarded.withholding(decision(Self.delete, .delete, .manifestRemoved), now: midnight)?.why == "too many")
    let closed = WriteRules(mode: .enforce, windows: [try ChangeWindow(parsing: "Thu 06:00-08:00 UTC")])
    #expect(closed.withholding(recreation, now: midnight)?.why.contains("recreate it") == true)
  }
}
