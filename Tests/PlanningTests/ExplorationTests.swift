import Exploration
import Planning
import Testing

/// The whole exploration is the program `explore`, in release mode. Here: small worlds that a debug build visits in
/// seconds, and a check that a flawed decision is found.
@Suite struct ExplorationTests {
  @Test func `every invariant holds in every state of a small world`() {
    let model = Model(
      "small", [Manifest(.good), Manifest(.broken), Manifest(.wrong)], [.edit: 1, .foreignEdit: 1, .crash: 1])
    var explorer = Explorer(model)
    let findings = explorer.explore()
    #expect(findings.violation == nil, "\(findings.violation.map(\.description) ?? "")")
    #expect(findings.states > 1000)
  }

  private static func world(for flaw: Flaw) -> Model {
    switch flaw {
    case .ownership:
      var model = Model("stranger's", [Manifest(.broken), Manifest(.good)], [:])
      model.start = .otherFleet
      return model
    case .retain, .halfRead:
      return Model("removal", [Manifest(.good, isRetained: true), Manifest(nil)], [.edit: 1])
    case .wayBack: return Model("foreign edit", [Manifest(.good), Manifest(.broken)], [.edit: 1, .foreignEdit: 1])
    case .quarantine: return Model("failure", [Manifest(.broken)], [:])
    case .baseCheck:
      var model = Model("failure without a pending config", [Manifest(.broken)], [:])
      model.keepsPending = false
      return model
    case .verify: return Model("failed verification", [Manifest(.wrong)], [:])
    case .patience: return Model("slowness", [Manifest(.hanging)], [:])
    case .stepFailure, .haste:
      return Model("a step", [Manifest(.good), Manifest(.shy, steps: Manifest.steps)], [.edit: 1])
    case .halfway:
      return Model(
        "two rollouts", [.good, .alsoGood, .shy].map { Manifest($0, steps: Manifest.steps) }, [.edit: 2])
    case .kept:
      return Model("kept", [.good, .alsoGood].map { Manifest($0, keepsPrevious: true) }, [.edit: 1])
    }
  }

  static let symptoms: [(Flaw, String)] = [
    (.quarantine, "invariant 2, never flaps: B is sent while it is held"),
    (.verify, "V is called good, and it is not"),
    (.ownership, "invariant 3, never harms strangers"),
    (.baseCheck, "invariant 1, converges: it goes round for ever"),
    (.retain, "invariant 6, protected means protected"),
    (.patience, "invariant 5, one at a time: H is sent during an update"),
    (.wayBack, "invariant 4, never loses the way back"),
    (.halfRead, "invariant 7: a source that was not read whole is acted on"),
    (.stepFailure, "invariant 1, converges: it goes round for ever"),
    (.haste, "S gets 100 % after it failed at 10 %"),
    (.halfway, "a half-promoted version stays: "),
    (.kept, "invariant 8: the diff is not empty, wrongly"),
  ]

  @Test(arguments: symptoms)
  func `a flawed decision is found, with the trace that leads to it`(flaw: Flaw, symptom: String) throws {
    let model = Self.world(for: flaw)
    var sound = Explorer(model)
    #expect(sound.explore().violation == nil, "the same world without the flaw")

    var explorer = Explorer(model, decide: flaw.around(realDecide))
    let violation = try #require(explorer.explore().violation)
    #expect(violation.broken.hasPrefix(symptom), "\(violation)")
    #expect(violation.steps.first?.hasPrefix("it begins") ?? false, "the trace starts at the beginning")
  }

  @Test func `every flaw has its symptom in the table`() {
    #expect(Set(Self.symptoms.map(\.0)) == Set(Flaw.allCases))
  }

  @Test func `a trace is readable`() throws {
    var explorer = Explorer(Self.world(for: .verify), decide: Flaw.verify.around(realDecide))
    let violation = try #require(explorer.explore().violation)
    #expect(
      violation.description == """
        VIOLATION: V is called good, and it is not
          1. it begins   [manifest V; no endpoint; remembers nothing good]
          2. then records an attempt: update to V   [no endpoint; remembers nothing good, update to V open]
          3. then POST V   [live - not ready, pending V@1, updating, of f; remembers nothing good, update to V open \
        (accepted, version 1)]
          4. then the update to V lands   [live V@1, of f; remembers nothing good, update to V open (accepted, version 1)]
        """)
  }
}
