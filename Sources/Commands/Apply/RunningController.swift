internal import Controller
internal import Endpoints
internal import History
internal import Planning

/// A controller that manages the fleet that a command is about to change. The command may change the fleet, but the
/// controller may undo that, so the user is warned before anything is sent.
struct RunningController: Hashable, Sendable {
  let fleet: String
  /// The provider's URL.
  let target: String
  /// The controller's process as its lease names it; nil if the lease does not name it yet.
  let holder: String?
  /// The file that pauses it, unless it was started with another one.
  let pause: PauseFile

  /// Finds the controller by its lease. One with another state directory is not found.
  ///
  /// - Parameter directory: the command's state directory.
  /// - Returns: nil if no controller holds the fleet's lease, or if that is unknown.
  init?(of fleet: String, at target: String, in directory: StateDirectory) {
    guard case .held(let holder) = FileLease.status(of: fleet, at: target, in: directory) else { return nil }
    self.fleet = fleet
    self.target = target
    self.holder = holder
    pause = PauseFile(path: directory.file("paused"))
  }

  /// Warns before the plan of `apply` is carried out.
  func warn(beforeApplying plan: Plan, _ console: Console) {
    let freed = plan.changes.filter(\.liftsHold).map(\.endpoint)
    var effect = "it reconciles the fleet with its own manifests, so it undoes changes that they do not contain"
    if !freed.isEmpty {
      effect += "; this apply lifts the hold of \(Self.listed(freed)), so the controller may send the held config again"
    }
    warn(effect, "instead, change the manifests that the controller reads", console)
  }

  /// Warns before a rollback that the controller would undo, because its manifest has another config than the one that
  /// the rollback holds. A rollback from the manifest's own config stays in effect, so there is no warning.
  ///
  /// - Parameters:
  ///   - held: the digest of the config that the rollback holds; nil if it is unknown.
  ///   - history: where the controller saves its status.
  func warn(beforeRollingBack name: String, from held: ConfigDigest?, _ history: HistoryStore, _ console: Console)
    async throws
  {
    let status = try await history.statuses(host: target, fleet: fleet).first { $0.name == name }
    // Without a manifest, the controller does not roll anything out.
    guard let held, let desired = status?.desired, let digest = status?.desiredDigest, digest != held else { return }
    warn(
      "it lifts the hold of this rollback and sends its manifest's config (\(desired)) again",
      "instead, change the manifest that the controller reads", console)
  }

  /// Warns before endpoints are deleted.
  func warn(beforeDeleting names: [String], _ console: Console) {
    let isOne = names.count == 1
    let manifests = isOne ? "a manifest for it" : "manifests for them"
    warn(
      "it creates \(Self.listed(names)) again as long as its source has \(manifests)",
      "remove the manifest\(isOne ? "" : "s") from the controller's source first", console)
  }

  private func warn(_ effect: String, _ next: String, _ console: Console) {
    let isPaused = pause.isPaused()
    let process = holder.map { " (\($0))" } ?? ""
    let label = console.notesPalette.paint("warning:", .warning)
    let state = isPaused ? "it is paused; when it resumes, " : ""
    console.note("\(label) a controller manages fleet \"\(fleet)\"\(process); \(state)\(effect)")
    let pausing =
      isPaused ? "before it resumes" : "or pause the controller with its pause file (default: \(pause.path))"
    console.note("    next: \(next), \(pausing)")
  }

  private static func listed(_ names: [String]) -> String {
    let more = names.count - 10
    return names.prefix(10).joined(separator: ", ") + (more > 0 ? " and \(more) more" : "")
  }
}

extension EndpointChange {
  /// Whether the change lifts a hold.
  var liftsHold: Bool {
    operations.contains { operation in
      guard case .patchTags(_, let patch) = operation else { return false }
      return patch.remove.contains(FleetTags.held)
    }
  }
}
