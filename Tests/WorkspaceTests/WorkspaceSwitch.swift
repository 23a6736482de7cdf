import ControllerKit
import Endpoints
import Synchronization
import TestKit
import Testing

/// One way in which a workspace may differ from the simplest one, for the life of an endpoint under it.
struct WorkspaceSwitch: Sendable, CustomTestStringConvertible {
  let name: String
  /// The section or quirk of docs/serving-api.md.
  let contract: String
  let turnOn: @Sendable (WorkspaceHarness) -> Void
  /// How the endpoint is sized.
  var concurrency: ProvisionedConcurrency?

  init(
    _ name: String, _ contract: String, concurrency: ProvisionedConcurrency? = nil,
    _ turnOn: @escaping @Sendable (WorkspaceHarness) -> Void
  ) {
    self.name = name
    self.contract = contract
    self.concurrency = concurrency
    self.turnOn = turnOn
  }

  /// One of the double's behaviors.
  static func habit(
    _ name: String, _ contract: String, concurrency: ProvisionedConcurrency? = nil,
    _ change: @escaping @Sendable (inout WorkspaceBehaviors) -> Void
  ) -> WorkspaceSwitch {
    WorkspaceSwitch(name, contract, concurrency: concurrency) { $0.workspace.change(change) }
  }

  /// The first attempt of each create and config update fails.
  static func eachWrite(
    _ name: String, _ contract: String, _ fault: @escaping @Sendable (WorkspaceHarness) -> WorkspaceDouble.Fault
  ) -> WorkspaceSwitch {
    WorkspaceSwitch(name, contract) { harness in
      let isSecond = Mutex(false)
      harness.workspace.setPlan { [weak harness] _, call in
        guard let harness, call.isRollout else { return nil }
        let fails = isSecond.withLock { second in
          second.toggle()
          return second
        }
        return fails ? fault(harness) : nil
      }
    }
  }

  /// The read that follows a create or a config update fails.
  static func lookAfterWrite(_ name: String, _ contract: String, _ fault: WorkspaceDouble.Fault) -> WorkspaceSwitch {
    WorkspaceSwitch(name, contract) { harness in
      let isArmed = Mutex(false)
      harness.workspace.setPlan { _, call in
        isArmed.withLock { armed in
          if call.isRollout {
            armed = true
            return nil
          }
          guard armed, call.method == "GET", call.path.hasSuffix("/chat") else { return nil }
          armed = false
          return fault
        }
      }
    }
  }

  var testDescription: String { "\(name) (\(contract))" }
}

extension WorkspaceDouble.Call {
  /// A create or a config update.
  fileprivate var isRollout: Bool {
    method == "POST" && path.hasSuffix("/serving-endpoints") || method == "PUT" && path.hasSuffix("/config")
  }
}

extension WorkspaceSwitch {
  static let all = answers + orders + errorForms + races + faults

  private static let answers: [WorkspaceSwitch] = [
    WorkspaceSwitch("the simplest workspace", "appendix A") { _ in },
    .habit("pending_config stays after a failure", "2.2, B1") { $0.keepsPendingAfterFailure = true },
    .habit("an entity reports its failure before the update does", "A4") { $0.showsFailureEarly = true },
    .habit("a failed first deployment shows no config", "A7") { $0.hidesFirstFailure = true },
    .habit("members that no SDK knows", "Q26") { $0.speaksOfTheFuture = true },
    .habit("states that no SDK knows", "1.0") { $0.newWordLooks = 2 },
    .habit("no served_models, one name per route", "Q15") { $0.mirrors = false },
    .habit("no defaults are filled in", "Q14, Q17") { $0.fillsDefaults = false },
    .habit("a blank size beside concurrency", "3", concurrency: ProvisionedConcurrency(min: 4, max: 8)) { _ in },
    .habit("Small beside concurrency", "Q16", concurrency: ProvisionedConcurrency(min: 4, max: 4)) {
      $0.namesSizeBesideConcurrency = true
    },
    .habit("write-only fields are echoed", "Q20") { $0.dropsWriteOnlyFields = false },
    .habit("null for empty", "Q18") { $0.writesNullForEmpty = true },
    .habit("tags are answered as an array", "E6") { $0.answersTagsAsArray = true },
    .habit("an empty description is omitted", "Q17") { $0.omitsEmptyDescription = true },
    .habit("telemetry names the logs table", "Q21, B5") { $0.echoesLogsTable = true },
    .habit("telemetry that nobody requested", "Q21") { $0.givesTelemetry = true },
    .habit("Databricks' own endpoints in the list", "E2") { $0.hasFoundationEndpoints = true },
  ]

  private static let orders: [WorkspaceSwitch] =
    [
      .habit("as sent", "Q22") { $0.order = .asSent },
      .habit("in alphabetical order", "Q22") { $0.order = .alphabetical },
    ]
    + [1, 2, 3].map { seed in
      .habit("in no order, seed \(seed)", "Q22, 1.2") { $0.order = .random(seed: seed) }
    }

  /// A 404 that is not in the API's own form is not trusted (Q74), so the last two forms have their own test.
  private static let errorForms = ErrorForm.allCases.filter { ![.html, .empty].contains($0) }.map { form in
    WorkspaceSwitch.habit("errors as \(form.rawValue)", "1.7") { $0.errorForm = form }
  }

  private static let races: [WorkspaceSwitch] = [
    .habit("a deleted name is taken for a while", "Q35") { $0.nameLingers = 2 },
    .habit("reads lag behind", "A") { $0.staleReads = 1 },
    .habit("two writes per minute", "6.3") { $0.writeLimit = WriteLimit(2, per: .seconds(60)) },
    WorkspaceSwitch("rollouts take 40 minutes", "2.5") { harness in
      for version in ["1", "2"] {
        harness.workspace.setBehavior(
          .readyAfter(.seconds(2400)), model: WorkspaceHarness.Environment.model, version: version)
      }
    },
  ]

  private static let faults: [WorkspaceSwitch] = [
    .eachWrite("429 with seconds", "1.8") { _ in .throttled(seconds: 3) },
    .eachWrite("429 with a date", "Q77") { _ in .throttled(retryAfter: "Thu, 01 Jan 2026 00:00:03 GMT") },
    .eachWrite("503", "1.8") { _ in .unavailable },
    .eachWrite("500", "1.8") { _ in .answer(status: 500, errorCode: "INTERNAL_ERROR", message: "Something broke.") },
    .eachWrite("the response is lost after the commit", "Q34") { _ in .loseAnswer },
    .eachWrite("the request is lost", "Q34") { _ in .loseRequest },
    .eachWrite("no connection", "1.8") { _ in .refuseConnection },
    .eachWrite("an error that is an HTML page", "1.7") { _ in .errorPage },
    .lookAfterWrite("401 during a wait", "Q78", .tokenExpired),
    .lookAfterWrite("503 during a wait", "2.6", .unavailable),
    .lookAfterWrite("a login page with 200 during a wait", "Q79", .loginPage),
    .lookAfterWrite("an HTML error page during a wait", "1.7", .errorPage),
    .lookAfterWrite("a stale read", "A", .stale),
  ]
}
