/// The words before a command's program: assignments, and `env` with more of them. The plane starts programs without a
/// shell and sets their environment itself, so it reads these words instead of running them; otherwise `env
/// CUDA_VISIBLE_DEVICES=0` would undo the plane's settings.
struct CommandPrefix: Hashable {
  /// The program and its arguments.
  var words: [String]
  var assignments: [String: String] = [:]
  /// Variables not to be passed on.
  var removals: Set<String> = []

  init(_ line: [String]) {
    words = line
    takeAssignments()
    while let program = words.first, Self.basename(program) == "env", takeEnv() { takeAssignments() }
    while words.first == "exec", words.count > 1 { words.removeFirst() }
  }

  /// The last part of a path.
  static func basename(_ program: String) -> String { program.split(separator: "/").last.map(String.init) ?? program }

  private mutating func takeAssignments() {
    while let first = words.first, let equals = first.firstIndex(of: "="), EnvironmentName.isValid(first[..<equals]) {
      assignments[String(first[..<equals])] = String(first[first.index(after: equals)...])
      removals.remove(String(first[..<equals]))
      words.removeFirst()
    }
  }

  /// Removes `env` and its options; returns false and removes nothing if it has an unknown option.
  private mutating func takeEnv() -> Bool {
    var rest = words.dropFirst()
    var names: Set<String> = []
    options: while let option = rest.first, option.hasPrefix("-") {
      rest = rest.dropFirst()
      switch option {
      case "--": break options
      // The plane passes on only an allow-list in any case, and its own variables stay.
      case "-", "-i", "--ignore-environment": continue
      case "-u", "--unset":
        guard let name = rest.popFirst() else { return false }
        names.insert(name)
      case _ where option.hasPrefix("--unset="): names.insert(String(option.dropFirst("--unset=".count)))
      case _ where option.hasPrefix("-u"): names.insert(String(option.dropFirst(2)))
      default: return false
      }
    }
    guard !rest.isEmpty else { return false }
    words = Array(rest)
    removals.formUnion(names)
    for name in names { assignments[name] = nil }
    return true
  }
}
