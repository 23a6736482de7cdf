/// `bench SECTION...`: speed and memory, each figure beside its bound. Exits 1 past a bound.
///
/// Memory is that of the process, of which a section that ran before has had its part; so `make bench` gives each section
/// a process of its own.
@main
struct Bench {
  /// - Returns: whether all bounds are kept.
  private typealias Section = @Sendable () async throws -> Bool

  private static let sections: [(name: String, run: Section)] = [
    ("plan", { try PlanBench.run() }),
    (
      "queue",
      {
        try await QueueBench.run()
        return true
      }
    ),
    ("resync", { try await ResyncBench.run() }),
    ("creation", { try await CreationBench.run() }),
  ]

  static func main() async {
    let names = CommandLine.arguments.dropFirst()
    var isKept = true
    for name in names {
      guard let section = sections.first(where: { $0.name == name }) else {
        print("error: there is no section \(name)")
        return usage()
      }
      do {
        if try await !section.run() { isKept = false }
      } catch {
        print("error: \(name): \(error)")
        isKept = false
      }
    }
    if names.isEmpty { return usage() }
    if !isKept { Process.exit(1) }
  }

  private static func usage() {
    print("usage: bench SECTION...\nsections: \(sections.map(\.name).joined(separator: ", "))")
    Process.exit(2)
  }
}

/// What was measured is not what was meant to be.
struct Wrong: Error, CustomStringConvertible {
  let description: String

  init(_ description: String) { self.description = description }
}
