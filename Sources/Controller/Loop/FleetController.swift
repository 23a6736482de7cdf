internal import Endpoints
internal import History
internal import Logging
internal import Planning
package import Scheduling
internal import ServingAPI

/// Holds a fleet to its manifests: reads the source, looks at the provider, and works off a queue of endpoints.
///
/// Level-triggered: the queue carries names only, and every run begins with a fresh look. Nothing here waits for time to pass
/// or starts a task; ``ControllerService`` does both, and a test may do it by hand in virtual time.
package actor FleetController {
  let reconciler: Reconciler
  let options: ControllerOptions
  let parts: ControllerParts
  nonisolated let queue: KeyQueue

  var view = FleetView()
  /// The source's newest reading.
  private var desiredFleet: DesiredFleet?
  var budget: TokenBucket<String>?
  var statuses: [String: EndpointStatus] = [:]
  /// Statuses that were not saved yet.
  var unsaved: Set<String> = []
  /// What was saved of the whole fleet last, and when.
  private var saved: (report: FleetReport, at: Timestamp)?
  /// Which reasons the log has said in whole.
  var logged = LoggedReasons()
  /// What is told once for each time it begins, by endpoint.
  var told: [String: ReportedState] = [:]
  /// What of the source was told last, so that the same trouble is told once.
  var sourceProblems: [String] = []
  private var sourceRemarks: [String] = []
  /// Why versions cannot be looked up; nil: they can.
  private(set) var registryProblem: String?
  var lists = ListHealth()
  /// Whether people were told of a deletion of many that is withheld.
  var isMassDeletionTold = false
  /// When the source was last read whole, or for the first time in part; nil: nothing of it was read yet.
  private(set) var lastSync: Timestamp?
  /// Whether the source was read at least once, with whatever result. Before that nothing can be said of any endpoint.
  private var hasReadSource = false
  package private(set) var isStopping = false
  /// The endpoints that were looked at, until all were.
  private var looked: Set<String> = []
  private var hasLookedAtAll = false
  /// Whether it stopped because another has the lease, or nobody.
  package private(set) var hasLostLease = false
  private var runs = 0

  /// How asking for the provider's list went lately.
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
    budget = options.writeBudget.map { TokenBucket(capacity: $0.writes, per: $0.period) }
  }

  var log: Logger { parts.log }

  /// How long an endpoint rests after a failure that may pass.
  package static let backoff = Backoff(first: .seconds(1), cap: .seconds(300))

  /// No further step is begun; what is in flight ends.
  package func stop() {
    isStopping = true
    queue.shutDown()
  }

  /// The same, because it may not write any more.
  func stopForLostLease(_ words: String) async {
    guard !hasLostLease else { return }
    hasLostLease = true
    stop()
    await note("writing stopped", why: words)
  }

  /// A run over an endpoint ended, however it did.
  func hasLooked(at name: String) { if !hasLookedAtAll { looked.insert(name) } }

  /// How many endpoints were not looked at since the start, of how many; nil: each was, once.
  func leftToLookAt() -> (count: Int, of: Int)? {
    guard !hasLookedAtAll else { return nil }
    let (names, left) = (view.names, view.names.subtracting(looked).count)
    guard left == 0 else { return (left, names.count) }
    // Endpoints that come later do not make the controller less ready.
    hasLookedAtAll = true
    looked = []
    return nil
  }

  func newRun() -> String {
    runs += 1
    return "\(parts.instance)-\(runs)"
  }

  // MARK: - The source

  /// Reads the source and puts every endpoint in the queue of which something else is wanted than before.
  ///
  /// - Throws: `CancellationError`.
  package func sync() async throws {
    let reading = try await parts.source.read()
    let fleet = try await DesiredFleet.resolve(
      reading.set, after: desiredFleet, versionOfAlias: parts.versionOfAlias)
    desiredFleet = fleet
    let isFirst = lastSync == nil
    let isWhole = reading.set.isComplete && reading.problem == nil
    let news = view.take(fleet, commit: reading.commit)
    // What can be read in part is acted on all the same.
    if isWhole || (isFirst && !reading.set.manifests.isEmpty) { lastSync = reconciler.now() }
    parts.metrics.synced(isWhole: isWhole, at: reconciler.now(), manifests: fleet.endpoints.count)
    await tell(reading)
    await tell(news)
    await tellMassDeletion()
    for name in news.changed.sorted() { queue.add(name, priority: isFirst ? .resync : .edit) }
    guard !hasReadSource else { return }
    hasReadSource = true
    // What an earlier controller spoke of, or the provider has, and the source may not name.
    for name in view.names.union(statuses.keys).sorted() { queue.add(name, priority: .resync) }
  }

  private func tell(_ reading: SourceReading) async {
    var problems = SourceProblems.lines(of: reading)
    if problems.isEmpty, reading.set.manifests.isEmpty {
      problems = ["\(parts.source.description) describes no endpoints; nothing is pruned"]
    }
    let remarks = SourceProblems.remarks(of: reading)
    for remark in remarks where !sourceRemarks.contains(remark) { log.notice("\(remark)") }
    sourceRemarks = remarks
    let former = sourceProblems
    sourceProblems = problems
    for problem in problems where !former.contains(problem) {
      await note("the source cannot be read completely", why: problem, commit: reading.commit)
    }
    if let problem = problems.first, former.isEmpty {
      post(.failure, "the source cannot be read completely", why: problem, commit: reading.commit)
    }
    if problems.isEmpty, !former.isEmpty {
      await note("the source can be read completely again", why: parts.source.description, commit: reading.commit)
      post(.recovery, "the source can be read completely again", why: "", commit: reading.commit)
    }
  }

  private func tell(_ news: FleetView.News) async {
    let broken = news.broken.sorted { $0.key < $1.key }
    for (name, why) in broken.prefix(SourceProblems.mostLines) {
      let entry = view.entry(name)
      var stays = "it is not reconciled until this is fixed"
      if case .present = entry.desired { stays = "its previous desired state stays in force" }
      await note("its manifest cannot be used; \(stays)", why: why, commit: view.commit, of: name)
    }
    let mended = news.mended.sorted()
    for name in mended.prefix(SourceProblems.mostLines) {
      await note("its manifest can be used again", commit: view.commit, of: name)
    }
    for (count, what) in [(broken.count, "cannot be used"), (mended.count, "can be used again")] {
      let rest = count - SourceProblems.mostLines
      if rest > 0 { await note("the manifests of \(rest) more endpoints \(what)", commit: view.commit) }
    }
    await tell(unasked: news.unasked)
  }

  /// That a registry does not answer is told once for the whole fleet: no manifest is at fault.
  private func tell(unasked: [String: String]) async {
    let former = registryProblem
    registryProblem = unasked.min { $0.key < $1.key }?.value
    if let why = registryProblem, former == nil {
      let endpoints = unasked.count == 1 ? "1 endpoint" : "\(unasked.count) endpoints"
      await note(
        "the versions of \(endpoints) cannot be resolved; the previous desired state stays in force", why: why)
    } else if former != nil, registryProblem == nil {
      await note("versions can be resolved again")
    }
  }

  /// That many endpoints would be deleted is told once for the whole fleet.
  private func tellMassDeletion() async {
    guard options.prune, options.mode == .enforce, !options.allowMassDelete else { return }
    // What cannot be told does not mean that it is over.
    guard view.isComplete, lists.lastSuccess != nil else { return }
    guard let deletion = view.massDeletion else {
      guard isMassDeletionTold else { return }
      isMassDeletionTold = false
      await note("deletions are no longer withheld", commit: view.commit)
      return post(.recovery, "deletions are no longer withheld", why: "", commit: view.commit)
    }
    guard !isMassDeletionTold else { return }
    isMassDeletionTold = true
    let (what, more) = ("deletions are withheld", deletion.names.count - Self.mostNames)
    let names = deletion.names.prefix(Self.mostNames).joined(separator: ", ") + (more > 0 ? " and \(more) more" : "")
    await note(what, why: "\(deletion.why): \(names)", commit: view.commit)
    post(.failure, what, why: "\(deletion.why): \(names)", commit: view.commit)
  }

  private static let mostNames = 10

  // MARK: - The provider's list

  /// Asks which endpoints there are, so that such are seen as no manifest names. An endpoint that is known already has its
  /// own next look.
  ///
  /// - Throws: `CancellationError`.
  package func list() async throws {
    do {
      view.take(try await reconciler.provider.list(), fleet: options.fleet)
    } catch let error as ServingError {
      lists.failures += 1
      if lists.problem == nil { await note("the provider's list of endpoints cannot be read", why: error.description) }
      lists.problem = error.description
      // One failure may be over with the next try; people hear of what stays.
      if lists.failures == Self.failuresToTell { post(.failure, "the provider cannot be read", why: error.description) }
      return
    }
    if lists.problem != nil { await note("the provider's list of endpoints can be read again") }
    if lists.failures >= Self.failuresToTell { post(.recovery, "the provider can be read again", why: "") }
    lists = ListHealth(lastSuccess: reconciler.now())
    guard hasReadSource else { return }
    await tellMassDeletion()
    for name in view.names.filter({ statuses[$0] == nil }).sorted() { queue.add(name, priority: .resync) }
    // What is to go waits for no interval of its own: the list may be what a deletion was waiting for.
    for (name, status) in statuses where status.phase == .withheld && status.desired == nil {
      queue.add(name, priority: .resync)
    }
  }

  private static let failuresToTell = 3

  /// Tells people something about the whole fleet.
  private func post(_ kind: Notice.Kind, _ what: String, why: String, commit: String? = nil) {
    parts.notices.post(
      Notice(
        kind: kind, endpoint: nil, what: what, why: why, commit: commit, at: reconciler.now(), fleet: options.fleet,
        target: reconciler.provider.target.url))
  }

  // MARK: - What is remembered

  /// Notes an event of one endpoint, or of the whole fleet. That it cannot be written down stops nothing.
  func note(
    _ what: String, why: String = "", commit: String? = nil, of name: String? = nil, run: String? = nil
  ) async {
    let event = HistoryEvent(at: reconciler.now(), what: what, why: why, sourceCommit: commit)
    var metadata: Logger.Metadata = [:]
    if let name { metadata["endpoint"] = "\(name)" }
    if let commit { metadata["commit"] = "\(commit)" }
    if let run { metadata["reconcile"] = "\(run)" }
    let reason = LoggedReasons.joined(logged.words(why, of: name))
    log.notice("\(what)\(reason)", metadata: metadata)
    do {
      if let name {
        try await reconciler.history.note(event, of: reconciler.key(name), fleet: options.fleet)
      } else {
        try await reconciler.history.note(event, fleet: options.fleet, host: reconciler.provider.target.url)
      }
    } catch {
      log.error("an event could not be recorded: \(error)")
    }
  }

  /// Saves what `setpoint status` shows, all that changed in one transaction; where nothing did, once in an interval that
  /// somebody looked.
  package func saveStatuses() async {
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
