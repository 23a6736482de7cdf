import Scheduling

// Why replicas are told to stop, for their events.
extension EndpointMachine {
  /// Why a replica that is to be stopped now is no longer needed, as the end of a sentence; nil if it is unknown.
  func stopReason(of id: String, _ context: EventContext) -> String? {
    guard let launch = replicas[id]?.launch else { return nil }
    let isActive = uses(launch, record.active)
    switch record.update {
    case .inProgress(let target):
      if uses(launch, target) { return "config version \(target.version) needs fewer replicas" }
      return isActive ? "made room for config version \(target.version)" : Self.unused
    case .failed(let target, _, _) where !isActive && uses(launch, target):
      return "config version \(target.version) failed to deploy"
    case .failed, .none:
      guard isActive else { return record.active.map { "replaced by config version \($0.version)" } ?? Self.unused }
      if context.givesUp || context.sheds > 0 {
        guard let other = context.yieldsTo else { return MessageView.unnamedSuccessor }
        return MessageView.successorMark + other + "\""
      }
      return record.sleep[launch] == .asleep ? "scaled to zero" : "fewer replicas are needed"
    }
  }

  /// Why a replica is stopped that no config needs.
  static let unused = "no config of its endpoint needs it"

  private func uses(_ launch: String, _ config: PlaneConfig?) -> Bool {
    config?.entities.contains { $0.launch.key == launch } ?? false
  }
}
