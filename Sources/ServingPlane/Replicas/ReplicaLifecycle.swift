import Scheduling

/// A report from a replica's life to the plane. Each is awaited, so that it is recorded before life continues.
enum ReplicaReport: Sendable {
  case started(ProcessTable.Identity)
  case loading
  /// With the names by which it can be queried.
  case ready(models: [String])
  /// Its files under `/dev/shm`, when they change.
  case sharedMemory(Set<String>)
  case stopping
  /// It ended by itself while it served, or is about to be ended for this reason. Its remains are removed next.
  case failing(ReplicaFailure)
  /// Nothing of it is left. The failure is nil if it was asked to stop.
  case over(ReplicaFailure?)
}

/// One replica from its start, or its adoption, to its end. If its task is canceled, the replica is left as it is: the
/// next plane on the same data directory adopts it.
struct ReplicaLifecycle: Sendable {
  let record: ReplicaRecord
  /// Starts the process; nil for one that already runs.
  let start: (@Sendable () throws(ReplicaFailure) -> ProcessTable.Identity)?
  let mark: ReplicaMark
  /// The version's task, such as `llm/v1/chat`.
  let task: String
  /// The program, for messages.
  let program: String
  let timing: ReplicaTiming
  let probe: ReplicaProbe
  let signal: StopSignal
  let startLimiter: StartLimiter
  /// Returns when the gateway has no requests at the replica.
  let untilDrained: @Sendable () async -> Void
  /// Cuts off the requests that the gateway still has at the replica.
  let cutOff: @Sendable () -> Void
  let report: @Sendable (ReplicaReport) async -> Void
  /// The files under `/dev/shm` with which it was ever seen: after its death their owner is unknown.
  private let sharedMemory = SharedMemoryRecord()
  private let listeners: ListenerWatch
  private let exitRecord = ExitRecord()

  init(
    record: ReplicaRecord, start: (@Sendable () throws(ReplicaFailure) -> ProcessTable.Identity)?, mark: ReplicaMark,
    task: String, program: String, timing: ReplicaTiming, probe: ReplicaProbe, signal: StopSignal,
    startLimiter: StartLimiter,
    untilDrained: @escaping @Sendable () async -> Void, cutOff: @escaping @Sendable () -> Void,
    report: @escaping @Sendable (ReplicaReport) async -> Void
  ) {
    self.record = record
    self.start = start
    self.mark = mark
    self.task = task
    self.program = program
    self.timing = timing
    self.probe = probe
    self.signal = signal
    self.startLimiter = startLimiter
    self.untilDrained = untilDrained
    self.cutOff = cutOff
    self.report = report
    listeners = ListenerWatch(port: record.port, client: probe.client)
    sharedMemory.record(record.sharedMemory)
  }

  func run() async {
    await withTaskGroup(of: Void.self) { tasks in
      tasks.addTask { await boundOutput() }
      await live()
      tasks.cancelAll()
    }
  }

  private func live() async {
    guard let leader = await begin() else { return }
    let group = ReplicaGroup(mark: mark, leader: leader, workingDirectory: record.workingDirectory)
    if !record.wasReady {
      let event = await firstOf(
        { await exit(of: leader) }, { await stopRequest() }, { await readiness(of: group) },
        { await trespass(of: group, isStarting: true) })
      guard case .ready = event else { return await end(group, after: event, wasServing: false) }
      await noteSharedMemory(group)
      await report(.ready(models: await probe.modelNames()))
    }
    let event = await firstOf(
      { await exit(of: leader) }, { await stopRequest() }, { await decay(of: group) },
      { await trespass(of: group, isStarting: false) })
    await end(group, after: event, wasServing: true)
  }

  /// The events of a replica's life.
  private enum Event: Sendable {
    case exited(ProcessExit)
    case stop(StopRequest)
    case ready
    case failed(ReplicaFailure)
    /// The plane is leaving; nothing happened to the replica.
    case abandoned
  }

  private func begin() async -> ProcessTable.Identity? {
    guard let start else { return record.process }
    // If the plane is leaving, its successor would not know of a replica started now.
    guard await isMyTurn(), !Task.isCancelled else { return nil }
    do throws(ReplicaFailure) {
      let identity = try await BlockingWork.brief.run(start)
      await report(.started(identity))
      return identity
    } catch {
      await BlockingWork.brief.run { ReplicaLeftovers.remove(temporary: record.temporary, sharedMemory: []) }
      await report(.over(error))
      return nil
    }
  }

  /// Waits until the replica may start; false if it was asked to stop before that, or the plane is leaving.
  private func isMyTurn() async -> Bool {
    defer { startLimiter.leave(record.id) }
    while true {
      guard signal.request == nil else {
        await report(.over(nil))
        return false
      }
      guard let wait = startLimiter.turn(for: record.id) else { return true }
      let event = await firstOf({ await stopRequest() }, { await pause(wait) ? .ready : .abandoned })
      if case .abandoned = event { return false }
    }
  }

  // MARK: Waiting

  private func exit(of leader: ProcessTable.Identity) async -> Event {
    while true {
      if let exit = exitRecord.collect(leader.pid) { return .exited(exit) }
      if !ProcessTable.isAlive(leader) { return .exited(exitRecord.collect(leader.pid) ?? .unknown) }
      guard await pause(timing.pollEvery) else { return .abandoned }
    }
  }

  private func stopRequest(after known: StopRequest? = nil) async -> Event {
    await signal.next(after: known).map { .stop($0) } ?? .abandoned
  }

  private func readiness(of group: ReplicaGroup) async -> Event {
    let clock = ContinuousClock()
    let begun = clock.now
    var isLoading = false
    var refusal: ReplicaFailure?
    var wait = timing.pollEvery
    while clock.now - begun < timing.startDeadline {
      if !isLoading, await outputEnd().contains("Starting to load model") {
        isLoading = true
        await report(.loading)
      }
      await noteSharedMemory(group)
      if await probe.isHealthy() {
        do {
          try await probe.generate(task: task, isFirst: true)
          if let failure = await listeners.finding(group, isStarting: true) { return .failed(failure) }
          return .ready
        } catch let failure as ReplicaFailure where !failure.isWorthRepeating {
          return .failed(failure)
        } catch let failure as ReplicaFailure {
          // A running engine may still fail its first request and answer the next.
          refusal = failure
        } catch {
          // The response was late or broke off; the deadline decides.
        }
      }
      guard await pause(wait) else { return .abandoned }
      wait = min(wait * 2, .seconds(1))
    }
    let cause =
      refusal ?? StartFailure.cause(log: OutputFile(record.outputPath).end(), exit: nil, program: program)
    let why = cause.explanation == StartFailure.notReady ? "" : ": \(cause.explanation)"
    return .failed(
      ReplicaFailure(
        "vLLM was not ready after \(timing.startDeadline.inWords)\(why)", line: cause.line,
        isWorthRepeating: cause.isWorthRepeating))
  }

  /// Watches the engine's progress; returns if there is none, or if the plane is leaving.
  private func decay(of group: ReplicaGroup) async -> Event {
    let clock = ContinuousClock()
    let begun = clock.now
    var machine = LivenessMachine(patience: timing.patience, tokenEvery: timing.tokenEvery, now: .zero)
    while true {
      var action = machine.observe(await probe.metrics(), now: clock.now - begun)
      if action == .askForToken {
        let observation: LivenessMachine.Observation = await hasToken() ? .token : .noToken
        action = machine.observe(observation, now: clock.now - begun)
      }
      if Task.isCancelled { return .abandoned }
      if case .replace(let failure) = action { return .failed(failure) }
      await noteSharedMemory(group)
      guard await pause(timing.probeEvery) else { return .abandoned }
    }
  }

  private func hasToken() async -> Bool {
    do {
      try await probe.generate(task: task, isFirst: false)
      return true
    } catch {
      return false
    }
  }

  /// Returns if the replica listens where it must not.
  private func trespass(of group: ReplicaGroup, isStarting: Bool) async -> Event {
    let every = isStarting ? min(timing.probeEvery, .seconds(1)) : timing.probeEvery
    while await pause(every) {
      if let failure = await listeners.finding(group, isStarting: isStarting) { return .failed(failure) }
    }
    return .abandoned
  }

  /// Limits the output for the whole life: an engine may print without end while it starts and while it is drained.
  private func boundOutput() async {
    while await pause(timing.pollEvery) {
      await BlockingWork.brief.run { OutputFile(record.outputPath).rotate() }
    }
  }

  private func noteSharedMemory(_ group: ReplicaGroup) async {
    let files = await BlockingWork.brief.run { group.sharedMemory() }
    if sharedMemory.record(files) { await report(.sharedMemory(sharedMemory.files)) }
  }

  private func outputEnd() async -> String {
    await BlockingWork.brief.run { OutputFile(record.outputPath).end() }
  }

  // MARK: The end

  private func end(_ group: ReplicaGroup, after event: Event, wasServing: Bool) async {
    switch event {
    case .abandoned, .ready: return
    case .exited(let exit):
      let cause = StartFailure.cause(log: await outputEnd(), exit: exit, program: program)
      if wasServing { await report(.failing(cause)) }
      await clean(group)
      // vLLM exits with code 0 when its engine dies: any exit that was not requested is a failure.
      let failure =
        wasServing
        ? ReplicaFailure("it exited while serving: \(cause.explanation)", line: cause.line, isWorthRepeating: true)
        : cause
      await report(.over(signal.request == nil ? failure : nil))
    case .failed(let failure):
      if wasServing { await report(.failing(failure)) }
      await clean(group)
      await report(.over(signal.request == nil ? failure : nil))
    case .stop(let request):
      if wasServing, await !stopInOrder(group, request) { return }
      await clean(group)
      await report(.over(nil))
    }
  }

  /// Drains, then sends SIGTERM, which ends an idle vLLM cleanly and freezes a busy one; what is left is killed after
  /// this.
  ///
  /// - Returns: false if the plane leaves in the meantime.
  private func stopInOrder(_ group: ReplicaGroup, _ request: StopRequest) async -> Bool {
    guard await drain(group, request) else { return false }
    await report(.stopping)
    await noteSharedMemory(group)
    // A SIGTERM would leave open requests hanging forever; a closed connection ends them at once.
    cutOff()
    let freed = await firstOf({ await drained() }, { await pause(.seconds(1)) ? .ready : .abandoned })
    if case .abandoned = freed { return false }
    group.signalLeader(15)
    let event = await firstOf(
      { await exit(of: group.leader) }, { await pause(timing.terminationGrace) ? .ready : .abandoned })
    if case .abandoned = event { return false }
    return true
  }

  /// Waits until the gateway has no requests at the replica, the process is gone or the time is up. A more urgent
  /// request shortens the time.
  ///
  /// - Returns: false if the plane leaves in the meantime.
  private func drain(_ group: ReplicaGroup, _ request: StopRequest) async -> Bool {
    let clock = ContinuousClock()
    var deadline: ContinuousClock.Instant?
    var request = request
    while case .drain(let time) = request {
      let known = request
      let end = min(deadline ?? clock.now + time, clock.now + time)
      deadline = end
      let event = await firstOf(
        { await exit(of: group.leader) }, { await stopRequest(after: known) }, { await drained() },
        { await pause(end - clock.now) ? .ready : .abandoned })
      switch event {
      case .abandoned: return false
      case .stop(let more): request = more
      case .exited, .ready, .failed: return true
      }
    }
    return true
  }

  /// Removes everything of the replica from the machine except its output.
  private func clean(_ group: ReplicaGroup) async {
    await noteSharedMemory(group)
    sharedMemory.record(await group.end())
    exitRecord.collect(group.leader.pid)
    await BlockingWork.brief.run {
      ReplicaLeftovers.remove(temporary: record.temporary, sharedMemory: sharedMemory.files)
    }
  }

  private func drained() async -> Event {
    await untilDrained()
    return Task.isCancelled ? .abandoned : .ready
  }

  // MARK: Racing

  private func pause(_ duration: Duration) async -> Bool {
    do {
      try await Task.sleep(for: duration)
      return true
    } catch {
      return false
    }
  }

  /// The first event other than abandonment; abandonment if the task is canceled.
  private func firstOf(_ branches: @Sendable () async -> Event...) async -> Event {
    await withTaskGroup(of: Event.self) { group in
      for branch in branches { group.addTask { await branch() } }
      defer { group.cancelAll() }
      for await event in group {
        if case .abandoned = event { continue }
        return event
      }
      return .abandoned
    }
  }
}

extension Duration {
  /// The duration in the largest unit that gives a whole number, such as `30 min`.
  var inWords: String {
    let seconds = components.seconds
    if seconds >= 120, seconds.isMultiple(of: 60) { return "\(seconds / 60) min" }
    return seconds == 0 && self != .zero ? "\(self)" : "\(seconds) s"
  }
}
