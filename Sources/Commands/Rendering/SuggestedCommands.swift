internal import ArgumentParser
internal import Controller
internal import Endpoints
internal import Planning

/// Completes the commands that messages suggest, so that they work as printed.
///
/// A message says `"setpoint retry chat"`, in quotation marks. When it is printed, this adds the options of the current
/// command that the next one needs as well: provider, fleet, state directory, registry, and manifests.
struct SuggestedCommands: Hashable, Sendable {
  var host: String?
  var profile: String?
  /// Nil: the default.
  var fleet: String?
  /// The fleet that a command acts for if none is named.
  var usualFleet = DecisionOptions.defaultFleet
  var state: String?
  var registry: String?
  /// The manifests' files.
  var paths: [String] = []

  init() {}

  /// Takes the options from a command.
  init(of command: any ParsableCommand) {
    for child in Mirror(reflecting: command).children {
      switch child.value {
      case let group as OptionGroup<ProviderOptions>:
        (host, profile) = (group.wrappedValue.host, group.wrappedValue.profile)
        fleet = group.wrappedValue.fleet
      case let group as OptionGroup<FleetFilter>: (host, fleet) = (group.wrappedValue.host, group.wrappedValue.fleet)
      case let group as OptionGroup<StateOptions>: state = group.wrappedValue.state
      case let group as OptionGroup<RegistryOptions>: registry = group.wrappedValue.registry
      case let group as OptionGroup<ManifestOptions>:
        paths = group.wrappedValue.paths
      case let group as OptionGroup<SourceOptions>: paths = group.wrappedValue.paths
      default: break
      }
    }
    usualFleet = FleetName.ofEnvironment ?? DecisionOptions.defaultFleet
  }

  /// Returns the text with its suggested commands completed. Complete commands are not changed.
  func completed(_ text: String) -> String {
    guard text.contains("setpoint ") else { return text }
    var result = ""
    var rest = text[...]
    while let command = rest.firstRange(of: "setpoint ") {
      let before = rest[..<command.lowerBound]
      guard before.last == "\"", let end = rest[command.lowerBound...].firstIndex(of: "\"") else {
        result += rest[..<command.upperBound]
        rest = rest[command.upperBound...]
        continue
      }
      result += before + completed(pipeline: rest[command.lowerBound..<end])
      rest = rest[end...]
    }
    return result + rest
  }

  /// Returns a whole command line for these words, each quoted if a shell needs it.
  func command(_ words: [String]) -> String {
    completed(command: ShellWord.line(["setpoint"] + words)[...])
  }

  // MARK: - One command

  private func completed(pipeline: Substring) -> String {
    pipeline.split(separator: " | ").map { completed(command: $0) }.joined(separator: " | ")
  }

  private func completed(command: Substring) -> String {
    var words = command.split(separator: " ", omittingEmptySubsequences: false).map(String.init)
    guard words.count > 1, words.last != "--help", let verb = Verb(words: words) else { return String(command) }
    if verb.takesManifests { fillIn(manifests: &words, verb) }
    // Without manifests, it is the name of a command in a sentence, not a command to run.
    if verb.takesManifests, !words.contains(where: { $0 == "-f" || $0 == "--plan" || $0 == "--adopt" }) {
      return String(command)
    }
    var added: [String] = []
    func add(_ flag: String, _ value: String?, if applies: Bool) {
      guard applies, let value, !value.isEmpty, !words.contains(flag) else { return }
      added += [flag, ShellWord.quoted(value)]
    }
    add("--fleet", fleet, if: verb.actsForFleet && fleet != usualFleet)
    add("--host", host, if: verb.hasProvider && !words.contains("--profile"))
    add("--profile", profile, if: verb.hasProvider && verb != .watch)
    add("--state", state, if: verb.hasState)
    add("--registry", registry, if: verb.hasRegistry)
    return (words + added).joined(separator: " ")
  }

  /// Inserts the manifests where a suggestion says `-f ...` or `-f`, or at the front if it names none.
  private func fillIn(manifests words: inout [String], _ verb: Verb) {
    let given = paths.flatMap { ["-f", ShellWord.quoted($0)] }
    if let index = words.firstIndex(of: "-f") {
      let hasValue = index + 1 < words.count && !words[index + 1].hasPrefix("--")
      if hasValue, words[index + 1] != "..." { return }
      words.replaceSubrange(
        index..<(hasValue ? index + 2 : index + 1), with: given.isEmpty ? ["-f", "FILE"] : given)
    } else if words.count > 2, !words.contains("--plan") {
      words.insert(contentsOf: given, at: 2)
    }
  }

  /// The options that a command takes, as far as suggestions are concerned.
  private enum Verb {
    /// Plans from manifests.
    case plan
    case validate
    /// Changes one endpoint for the fleet.
    case change
    case delete
    /// Reads endpoints.
    case look
    /// Reads endpoints and history.
    case recall
    /// Reads controllers' reports.
    case watch
    /// Starts a controller.
    case run

    init?(words: [String]) {
      switch words[1] {
      case "diff", "apply": self = .plan
      case "validate": self = .validate
      case "rollback", "retry": self = .change
      case "delete": self = .delete
      case "get", "describe", "history": self = .recall
      case "import", "wait", "logs", "query", "requests", "usage", "sql", "models", "tokens": self = .look
      case "status", "events": self = .watch
      // Without options, it is the name of a command in a sentence.
      case "run" where words.count > 2: self = .run
      default: return nil
      }
    }

    var takesManifests: Bool { self == .plan || self == .validate }
    var hasProvider: Bool { self != .validate }
    var actsForFleet: Bool { self == .plan || self == .change || self == .delete || self == .watch || self == .run }
    var hasState: Bool { self != .validate && self != .look }
    var hasRegistry: Bool { self == .plan || self == .change }
  }
}
