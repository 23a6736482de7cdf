import Fuzzing
import TestKit

/// `fuzz [--executions N] [--from INDEX] [--seed N] [--target NAME]`: runs so many inputs through each reader of text from
/// outside. Exits 1 at the first input that breaks a property. After a trap, the last line says from where to run it again.
@main
struct Fuzz {
  static func main() async {
    var arguments = Array(CommandLine.arguments.dropFirst())
    var executions = 1_000_000
    var from = 0
    var seed: UInt64 = 1
    var only: String?
    while !arguments.isEmpty {
      let option = arguments.removeFirst()
      let value = arguments.isEmpty ? nil : arguments.removeFirst()
      switch (option, value, value.flatMap { Int($0) }) {
      case ("--executions", _, let number?) where number > 0: executions = number
      case ("--from", _, let number?) where number >= 0: from = number
      case ("--seed", _, let number?) where number >= 0: seed = UInt64(number)
      case ("--target", let name?, _): only = name
      default: fail(status: 2, "usage: fuzz [--executions N] [--from INDEX] [--seed N] [--target NAME]")
      }
    }
    let targets = FuzzTarget.all.filter { only == nil || $0.name == only }
    if targets.isEmpty { fail(status: 2, "the targets are \(FuzzTarget.all.map(\.name).joined(separator: ", "))") }
    let (end, isTooFar) = from.addingReportingOverflow(executions)
    if isTooFar { fail(status: 2, "--from and --executions are too large") }
    for target in targets { run(target, from..<end, seed: seed) }
  }

  /// A range small enough that running it again shows which input it was.
  private static let batch = 10_000

  private static func run(_ target: FuzzTarget, _ indices: Range<Int>, seed: UInt64) {
    var accepted = 0
    for start in stride(from: indices.lowerBound, to: indices.upperBound, by: batch) {
      let part = start..<(start + min(batch, indices.upperBound - start))
      print("\(target.name): seed \(seed), inputs \(part)", terminator: "\r")
      flushOutput()
      do throws(FuzzFailure) {
        accepted += try target.run(part, seed: seed)
      } catch {
        fail("\n\(error)")
      }
    }
    print("\(target.name): \(indices.count) inputs, \(accepted) of them accepted; every property holds")
  }

  private static func fail(status: Int32 = 1, _ message: String) -> Never {
    print(message)
    exitNow(status)
  }
}
