/// `bench SECTION...`: speed and memory, each figure with its bound. Exits with 1 if a bound is exceeded.
///
/// Memory is that of the process, including the sections that ran before; so `make bench` runs each section in its own
/// process.
@main
struct Bench {
  /// - Returns: whether all bounds are met.
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
    ("admission", { try AdmissionBench.run() }),
    ("limits", { try RateLimitBench.run() }),
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

/// The measurement is not the intended one.
struct Wrong: Error, CustomStringConvertible {
  let description: String

  init(_ description: String) { self.description = description }
}
