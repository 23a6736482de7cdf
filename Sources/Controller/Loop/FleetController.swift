internal import Durations
internal import Endpoints
internal import History
internal import Logging
internal import Planning
package import Scheduling
internal import ServingAPI

/// Reconciles a fleet: reads the source, observes the provider, and processes a queue of endpoints.
///
/// Level-triggered: the queue contains only names, and every reconciliation starts with a fresh observation. Nothing
/// here waits for time to pass or starts a task; ``ControllerService`` does both, and tests can do so in virtual time.
package actor FleetController {
  let reconciler: Reconciler
  let options: ControllerOptions
  let parts: ControllerParts
  nonisolated let queue: KeyQueue

  var view = FleetView()
  /// The latest read of the source.
  private var desiredFleet: DesiredFleet?
  let budget: SharedWriteBudget?
  var statuses: [String: EndpointStatus] = [:]
  /// Statuses that have not been saved yet.
  var unsaved: Set<String> = []
  /// The report on the whole fleet that was last saved, and when.
  private var saved: (report: FleetReport, at: Timestamp)?
  /// The reasons that were logged in full.
  var logged = LoggedReasons()
  /// Why the preflight checks refuse an endpoint's config, by name, so that each refusal is reported once.
  var refused: [String: String] = [:]
  /// The endpoints that could not be read when they were last checked.
  var unreadable: Set<String> = []
  /// The states that are reported once each time they begin, by endpoint.
  var reported: [String: ReportedState] = [:]
  /// The source's problems that were last reported, so that each is reported once.
  var sourceProblems: [String] = []
  private var sourceRemarks: [String] = []
  /// Why versions cannot be resolved; nil: they can.
  private(set) var registryProblem: String?
  var lists = ListHealth()
  /// The pause that was last reported; nil: none.
  var reportedPause: Pause?
  /// Whether a withheld mass deletion was reported.
  var isMassDeletionReported = false
  /// When the source was last read completely, or first read in part; nil: nothing has been read yet.
  private(set) var lastSync: Timestamp?
  /// Whether the source was read at least once, with any result. Before that, nothing is known of any endpoint.
  private var hasReadSource = false
  package private(set) var isStopping = false
  /// The endpoints that have been checked; emptied when all have been.
  private var checked: Set<String> = []
  private var areAllChecked = false
  /// Whether it stopped because the lease was lost.
  package private(set) var hasLostLease = false
  private var runs = 0

  /// The recent results of listing the provider's endpoints.
  struct ListHealth: Sendable {
    var lastSuccess: Timestamp?
    var failures = 0
    var problem: String?
  }

  package init(_ reconciler: Reconciler, _ options: ControllerOptions, _ parts: ControllerParts, queue: KeyQueue) {
    self.reconciler = reconciler
    self.options = options
    self.parts = parts
    self.queue = queue
    budget = options.writeBudget.map { SharedWriteBudget($0, file: parts.budgetFile, elapsed: parts.elapsed) }
  }

  var log: Logger { parts.log }

  /// The delay after a failure of an endpoint that may be temporary.
  package static let backoff = Backoff(first: .seconds(1), cap: .seconds(300))

  /// Stops taking further steps; calls in flight finish.
  package func stop() {
    isStopping = true
    queue.shutDown()
  }

  /// Stops because writing is no longer allowed.
  func stopForLostLease(_ words: String) async {
    guard !hasLostLease else { return }
    hasLostLease = true
    stop()
    await note("writing stopped", why: words)
  }

  /// Records that an endpoint was checked, with any result.
  func recordCheck(of name: String) { if !areAllChecked { checked.insert(name) } }

  /// The number of endpoints that have not been checked since the start, and of all endpoints; nil: all were checked.
  func uncheckedCount() -> (count: Int, of: Int)? {
    guard !areAllChecked else { return nil }
    let (names, left) = (view.names, view.names.subtracting(checked).count)
    guard left == 0 else { return (left, names.count) }
    // Endpoints that are added later do not make the controller less ready.
    areAllChecked = true
    checked = []
    return nil
  }

  func newRun() -> String {
    runs += 1
    return "\(parts.instance)-\(runs)"
  }

  // MARK: - The source

  /// Reads the source and queues every endpoint whose desired state has changed.
  ///
  /// - Throws: `CancellationError`.
  package func sync() async throws {
    let reading = try await parts.source.read()
    let fleet = try await DesiredFleet.resolve(
      reading.set, after: desiredFleet, versionOfAlias: parts.versionOfAlias)
    desiredFleet = fleet
    let isFirst = lastSync == nil
    let isWhole = reading.set.isComplete && reading.problem == nil
    let sourceChanges = view.take(fleet, commit: reading.commit)
    // A partial read is also acted on.
    if isWhole || (isFirst && !reading.set.manifests.isEmpty) { lastSync = reconciler.now() }
    parts.metrics.synced(isWhole: isWhole, at: reconciler.now(), manifests: fleet.endpoints.count)
    await reportReading(reading)
    await reportChanges(sourceChanges)
    await reportMassDeletion()
    for name in sourceChanges.changed.sorted() { queue.add(name, priority: isFirst ? .resync : .edit) }
    guard !hasReadSource else { return }
    hasReadSource = true
    // Endpoints that are in an earlier controller's statuses or at the provider, but may be missing from the source.
    for name in view.names.union(statuses.keys).sorted() { queue.add(name, priority: .resync) }
  }

  private func reportReading(_ reading: SourceReading) async {
    var problems = SourceProblems.lines(of: reading)
    if problems.isEmpty, reading.set.manifests.isEmpty {
      problems = ["\(parts.source.description) contains no endpoints; nothing is pruned"]
    }
    let remarks = SourceProblems.remarks(of: reading)
    for remark in remarks where !sourceRemarks.contains(remark) { log.notice("\(remark)") }
    sourceRemarks = remarks
    let former = sourceProblems
    sourceProblems = problems
    for problem in problems where !former.contains(problem) {
      await note("the source cannot be read completely", why: problem, commit: reading.commit, level: .warning)
    }
    if !problems.isEmpty, former.isEmpty, lastSync == nil {
      log.warning(
        """
        no manifests have been read yet, so nothing is reconciled; the source is read again every \
        \(DurationText.text(options.interval))
        """)
    }
    if let problem = problems.first, former.isEmpty {
      post(.failure, "the source cannot be read completely", why: problem, commit: reading.commit)
    }
    if problems.isEmpty, !former.isEmpty {
      await note("the source can be read completely again", why: parts.source.description, commit: reading.commit)
      post(.recovery, "the source can be read completely again", why: "", commit: reading.commit)
    }
  }

  private func reportChanges(_ sourceChanges: FleetView.SourceChanges) async {
    let broken = sourceChanges.broken.sorted { $0.key < $1.key }
    for (name, why) in broken.prefix(SourceProblems.mostLines) {
      let entry = view.entry(name)
      var stays = "it is not reconciled until this is fixed"
      if case .present = entry.desired { stays = "its previous desired state stays in effect" }
      await note("its manifest cannot be used; \(stays)", why: why, commit: view.commit, of: name)
    }
    let repaired = sourceChanges.repaired.sorted()
    for name in repaired.prefix(SourceProblems.mostLines) {
      await note("its manifest can be used again", commit: view.commit, of: name)
    }
    for (count, what) in [(broken.count, "cannot be used"), (repaired.count, "can be used again")] {
      let rest = count - SourceProblems.mostLines
      if rest > 0 { await note("the manifests of \(rest) more endpoints \(what)", commit: view.commit) }
    }
    await reportUnresolved(sourceChanges.unresolved)
  }

  /// An unreachable registry is reported once for the whole fleet: no manifest is at fault.
  private func reportUnresolved(_ unresolved: [String: String]) async {
    let former = registryProblem
    registryProblem = unresolved.min { $0.key < $1.key }?.value
    if let why = registryProblem, former == nil {
      let endpoints = unresolved.count == 1 ? "1 endpoint" : "\(unresolved.count) endpoints"
      await note(
        "the versions of \(endpoints) cannot be resolved; the previous desired state stays in effect", why: why)
    } else if former != nil, registryProblem == nil {
      await note("versions can be resolved again")
    }
  }

  /// A mass deletion is reported once for the whole fleet.
  private func reportMassDeletion() async {
    guard options.prune, options.mode == .enforce, !options.allowMassDelete else { return }
    // If the number is unknown, that does not mean that it is over.
    guard view.isComplete, lists.lastSuccess != nil else { return }
    guard let deletion = view.massDeletion else {
      guard isMassDeletionReported else { return }
      isMassDeletionReported = false
      await note("deletions are no longer withheld", commit: view.commit)
      return post(.recovery, "deletions are no longer withheld", why: "", commit: view.commit)
    }
    guard !isMassDeletionReported else { return }
    isMassDeletionReported = true
    let (what, more) = ("deletions are withheld", deletion.names.count - Self.mostNames)
    let names = deletion.names.prefix(Self.mostNames).joined(separator: ", ") + (more > 0 ? " and \(more) more" : "")
    await note(what, why: "\(deletion.why): \(names)", commit: view.commit)
    post(.failure, what, why: "\(deletion.why): \(names)", commit: view.commit)
  }

  private static let mostNames = 10

  // MARK: - The provider's list

  /// Lists the provider's endpoints, to find those without a manifest. An endpoint that is already known has its own
  /// next check.
  ///
  /// - Throws: `CancellationError`.
  package func list() async throws {
    do {
      view.take(try await reconciler.provider.list(), fleet: options.fleet)
    } catch let error as ServingError {
      lists.failures += 1
      if lists.problem == nil { await note("the provider's list of endpoints cannot be read", why: error.description) }
      lists.problem = error.description
      // One failure may be temporary; only persistent ones are reported.
      if lists.failures == Self.failuresToReport {
        post(.failure, "the provider cannot be read", why: error.description)
      }
      return
    }
    if lists.problem != nil {
      await note("the provider's list of endpoints can be read again")
      // They need not wait for the end of their back-off: what they failed for is over.
      for name in unreadable.sorted() { queue.add(name, priority: .edit) }
    }
    if lists.failures >= Self.failuresToReport { post(.recovery, "the provider can be read again", why: "") }
    lists = ListHealth(lastSuccess: reconciler.now())
    guard hasReadSource else { return }
    await reportMassDeletion()
    for name in view.names.filter({ statuses[$0] == nil }).sorted() { queue.add(name, priority: .resync) }
    // A deletion does not wait for its own interval: it may have been waiting for this list.
    for (name, status) in statuses where status.phase == .withheld && status.desired == nil {
      queue.add(name, priority: .resync)
    }
  }

  private static let failuresToReport = 3

  /// Posts a notification about the whole fleet.
  private func post(_ kind: FleetNotification.Kind, _ what: String, why: String, commit: String? = nil) {
    parts.notifications.post(
      FleetNotification(
        kind: kind, endpoint: nil, what: what, why: why, commit: commit, at: reconciler.now(), fleet: options.fleet,
        target: reconciler.provider.target.url))
  }

  // MARK: - History

  /// Records an event of one endpoint, or of the whole fleet. A failure to record it stops nothing.
  ///
  /// - Returns: whether it was recorded.
  @discardableResult
  func note(
    _ what: String, why: String = "", commit: String? = nil, of name: String? = nil, run: String? = nil,
    level: Logger.Level = .notice
  ) async -> Bool {
    let event = HistoryEvent(at: reconciler.now(), what: what, why: why, sourceCommit: commit)
    var metadata: Logger.Metadata = [:]
    if let name { metadata["endpoint"] = "\(name)" }
    if let commit { metadata["commit"] = "\(commit)" }
    if let run { metadata["reconcile"] = "\(run)" }
    let reason = LoggedReasons.joined(logged.text(why, of: name))
    log.log(level: level, "\(what)\(reason)", metadata: metadata)
    do {
      if let name {
        try await reconciler.history.note(event, of: reconciler.key(name), fleet: options.fleet)
      } else {
        try await reconciler.history.note(event, fleet: options.fleet, host: reconciler.provider.target.url)
      }
      return true
    } catch {
      log.error("an event could not be recorded: \(error)")
      return false
    }
  }

  /// Reports a pause, and saves what `setpoint status` shows, all changes in one transaction; without changes, saves
  /// the time of the check once per interval.
  package func saveStatuses() async {
    await reportPause()
    let now = reconciler.now()
    let report = report
    if unsaved.isEmpty, report == saved?.report, let saved, now < saved.at + options.interval { return }
    let names = unsaved
    unsaved = []
    saved = (report, now)
    do {
      try await reconciler.history.save(
        names.compactMap { statuses[$0] }, removing: names.filter { statuses[$0] == nil }.sorted(),
        fleet: options.fleet, host: reconciler.provider.target.url, at: now, report: report)
    } catch {
      unsaved.formUnion(names)
      saved = nil
      log.error("the status could not be saved: \(error)")
    }
  }
}
