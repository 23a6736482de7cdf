import Exploration
import TestKit

/// `explore [--break FLAW] [--model NAME] [--limit STATES]`: visits every state of every small world of the decision
/// core and checks its invariants in each. Exits with 1 and a trace if one is broken.
@main
struct Explore {
  static func main() async {
    var arguments = Array(CommandLine.arguments.dropFirst())
    var decide = realDecide
    var only: String?
    var limit: Int?
    while !arguments.isEmpty {
      let option = arguments.removeFirst()
      let value = arguments.isEmpty ? nil : arguments.removeFirst()
      switch (option, value) {
      case ("--break", let name?):
        guard let flaw = Flaw(rawValue: name) else {
          fail("no flaw \"\(name)\"; there are \(Flaw.allCases.map(\.rawValue).joined(separator: ", "))")
        }
        decide = flaw.around(realDecide)
      case ("--model", let name?): only = name
      case ("--limit", let count?): limit = Int(count)
      default: fail("usage: explore [--break FLAW] [--model NAME] [--limit STATES]")
      }
    }
    let models = Model.all.filter { only == nil || $0.name == only }
    if models.isEmpty { fail("there are the models \(Model.all.map(\.name).joined(separator: ", "))") }
    let isSound = await run(models, decide, limit: limit)
    if !isSound { exitNow(1) }
  }

  private static func run(_ models: [Model], _ decide: @escaping Decide, limit: Int?) async -> Bool {
    let clock = ContinuousClock()
    let start = clock.now
    let all = await withTaskGroup(of: Findings.self, returning: [Findings].self) { group in
      var waiting = models[...]
      func beginNext() {
        guard let model = waiting.popFirst() else { return }
        group.addTask {
          var explorer = Explorer(model, decide: decide)
          return explorer.explore(limit: limit)
        }
      }
      for _ in 0..<processorCount() { beginNext() }
      var all: [Findings] = []
      for await findings in group {
        report(findings, clock.now - start)
        all.append(findings)
        if findings.violation != nil {
          // One trace to the problem is enough.
          group.cancelAll()
          break
        }
        beginNext()
      }
      return all
    }
    let states = all.reduce(0) { $0 + $1.states }
    let isSound = all.allSatisfy { $0.violation == nil }
    print(
      "\(states) states in \(all.count) models, \(isSound ? "every invariant holds in each" : "BROKEN"), in "
        + "\(seconds(clock.now - start)) s")
    return isSound
  }

  private static func report(_ findings: Findings, _ time: Duration) {
    print(
      "\(findings.model): \(findings.states) states, \(findings.worlds) worlds, at most \(findings.longestRecovery) "
        + "configs sent to settle (after \(seconds(time)) s)\n  bounds: \(findings.bounds)")
    if let violation = findings.violation { print(violation) }
    flushOutput()
  }

  private static func seconds(_ duration: Duration) -> String {
    let tenths = duration.components.seconds * 10 + duration.components.attoseconds / 100_000_000_000_000_000
    return "\(tenths / 10).\(tenths % 10)"
  }

  private static func fail(_ message: String) -> Never {
    print(message)
    exitNow(2)
  }
}
