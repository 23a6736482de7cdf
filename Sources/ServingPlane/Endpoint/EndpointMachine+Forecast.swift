import Endpoints
import Scheduling

extension EndpointMachine {
  /// How the rollout of a config would begin now: the first steps that the machine would take, so that the forecast is
  /// the planner's own decision.
  ///
  /// - Parameter lastStart: how long the endpoint's last start took.
  func forecast(of config: PlaneConfig, _ context: EventContext, lastStart: Duration?) -> RolloutForecast {
    var next = self
    // What an update does once its files are here.
    var context = context
    context.isRemote = false
    // What is free after an update in progress is not known yet.
    guard record.update.target == nil, let actions = try? next.put(config, context) else { return RolloutForecast() }
    if case .failed(_, let entity, let reason) = next.record.update {
      return RolloutForecast(
        refusal: "served entity \"\(entity)\": \(reason)", failsAtOnce: true, lastStart: lastStart)
    }
    let old = Set((record.active?.entities ?? []).map(\.launch.key))
    let new = Set(config.entities.map(\.launch.key)).subtracting(old)
    guard !new.isEmpty else { return RolloutForecast(room: .kept, lastStart: lastStart) }
    let serving = replicas.values.filter { $0.state == .ready && old.contains($0.launch) }
    let isWaiting = next.roomUse.withoutRoom.contains { new.contains($0) }
    let isStarting = actions.contains { action in
      if case .start(_, let launch, _) = action { new.contains(launch.key) } else { false }
    }
    // Replicas of the old version that start are in the way of the new ones, or serve soon.
    let isStartingOld = replicas.values.contains { old.contains($0.launch) && $0.state.isComing }
    guard isWaiting || isStarting, !serving.isEmpty || !isStartingOld else {
      return RolloutForecast(lastStart: lastStart)
    }
    let remaining = serving.count { next.replicas[$0.id]?.state == .ready }
    let room: RolloutForecast.Room =
      if serving.isEmpty {
        isWaiting ? .wait : .start
      } else if !isWaiting {
        .both
      } else if remaining == serving.count {
        .wait
      } else {
        remaining > 0 ? .part : .swap
      }
    return RolloutForecast(room: room, lastStart: lastStart)
  }
}
