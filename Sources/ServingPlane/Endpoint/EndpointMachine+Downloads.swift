import Scheduling

/// The launches of a config whose files are known to be on this machine, and those that are being downloaded.
struct LaunchDownloads: Hashable, Sendable {
  fileprivate var complete: Set<String> = []
  fileprivate var inProgress: Set<String> = []
  /// Whether an update waits for them.
  fileprivate var areAwaited = false
}

// Versions that come from another machine: they are downloaded before anything else happens for an update, so that the
// serving config is not touched for a version that is not here.
extension EndpointMachine {
  /// Records that a launch's files are complete, or why they are not.
  ///
  /// - Parameter chance: a number in 0..<1; spreads the retries.
  mutating func downloaded(_ launch: String, _ failure: ReplicaFailure?, chance: Double, _ context: EventContext)
    -> [Action]
  {
    downloads.inProgress.remove(launch)
    if failure == nil { downloads.complete.insert(launch) }
    if let failure, missing(context).contains(where: { $0.key == launch }) {
      crashes[launch] = CrashRecord(
        after: crashes[launch], cause: failure.description, isPermanent: !failure.isWorthRepeating, readyFor: nil,
        chance: chance, now: context.now)
    }
    return tick(context)
  }

  /// Whether a config is being rolled out on this machine. While its files are downloaded, the endpoint is like any
  /// other: it may sleep, and gives up its places.
  var isUpdating: Bool { record.update.target != nil && !downloads.areAwaited }

  /// The config being rolled out, once its files are here, or will not be: the planner then declares it failed.
  func startableTarget(_ context: EventContext) -> PlaneConfig? {
    let missing = missing(context)
    return missing.isEmpty || missing.contains(where: { hasFailed($0.key) }) ? record.update.target : nil
  }

  /// Begins the downloads that are due.
  ///
  /// - Returns: the launches whose files are to be downloaded, and when to check again; nil if at no certain time.
  mutating func beginDownloads(_ context: EventContext) -> (launches: [LaunchConfig], lookAgainAt: Duration?) {
    var launches: [LaunchConfig] = []
    var lookAgainAt: Duration?
    let missing = missing(context)
    downloads.areAwaited = !missing.isEmpty && !missing.contains { hasFailed($0.key) }
    for launch in missing where !downloads.inProgress.contains(launch.key) && !hasFailed(launch.key) {
      if let retryAt = crashes[launch.key]?.retryAt(planner.backoff), retryAt > context.now {
        lookAgainAt = min(lookAgainAt ?? retryAt, retryAt)
        continue
      }
      downloads.inProgress.insert(launch.key)
      launches.append(launch)
    }
    return (launches, lookAgainAt)
  }

  /// Whether a launch has failed so often that its update fails.
  private func hasFailed(_ launch: String) -> Bool {
    crashes[launch].map { $0.isPermanent || $0.count >= planner.startAttempts } ?? false
  }

  /// The launches of the update whose files may not be here. Those of the serving config have been started before, and
  /// so have all of the update's if one of its replicas runs.
  private func missing(_ context: EventContext) -> [LaunchConfig] {
    guard context.isRemote, let target = record.update.target else { return [] }
    let serving = Set((record.active?.entities ?? []).map(\.launch.key))
    let launches = Set(target.entities.map(\.launch)).filter { !serving.contains($0.key) }
    guard !replicas.values.contains(where: { replica in launches.contains { $0.key == replica.launch } }) else {
      return []
    }
    return launches.filter { !downloads.complete.contains($0.key) }.sorted { $0.key < $1.key }
  }
}
