import Durations
import Scheduling

/// A report from a replica's life to the plane. Each is awaited, so that it is recorded before life continues.
enum ReplicaReport: Sendable {
  /// With what the next plane needs to find it.
  case started(ReplicaHandle)
  /// It has reached this phase of its start.
  case phase(StartPhase)
  /// With the names by which it can be queried.
  case ready(models: [String])
  /// What the next plane needs to find it, or to remove its remains, has changed.
  case changed(ReplicaHandle)
  case stopping
  /// It ended by itself while it served, or is about to be ended for this reason. Its remains are removed next.
  case failing(ReplicaFailure)
  /// Nothing of it is left. The failure is nil if it was asked to stop.
  case over(ReplicaFailure?)
}

/// One replica from its start, or its adoption, to its end. If its task is canceled, the replica is left as it is: the
/// next plane on the same data directory adopts it.
struct ReplicaLifecycle: Sendable {
  /// How the life begins.
  enum Beginning: Sendable {
    case start(@Sendable () async throws(ReplicaFailure) -> any RunningReplica)
    /// It already runs.
    case adoption(any RunningReplica)
  }

  let record: ReplicaRecord
  let beginning: Beginning
  /// Returns once the files of the model version are on this machine.
  var fetch: @Sendable () async throws(ReplicaFailure) -> Void = {}
  let backend: any ReplicaBackend
  /// The version's task, such as `llm/v1/chat`.
  let task: String
  /// The interpreter, for advice.
  let program: String
  /// The name of what the entrypoint runs, for messages.
  let engine: String
  let timing: ReplicaTiming
  let probe: ReplicaProbe
  let signal: StopSignal
  let startLimiter: StartLimiter
  /// Returns when the gateway has no requests at the replica.
  let untilDrained: @Sendable () async -> Void
  /// Cuts off the requests that the gateway still has at the replica.
  let cutOff: @Sendable () -> Void
  /// The gateway's reports that the replica does not take requests, or has stalled.
  var trouble = TroubleSignal()
  /// Ends the pause in which the gateway sends the replica no requests because of such a report.
  var recovered: @Sendable () -> Void = {}
  let report: @Sendable (ReplicaReport) async -> Void

  func run() async {
    guard let replica = await begin() else { return }
    await withTaskGroup(of: Void.self) { tasks in
      tasks.addTask { await limitLog(of: replica) }
      await live(replica)
      tasks.cancelAll()
    }
  }

  private func live(_ replica: any RunningReplica) async {
    if !record.wasReady {
      let event = await firstOf(
        { await exit(of: replica) }, { await stopRequest() }, { await readiness(of: replica) },
        { await violation(of: replica, at: .starting) })
      guard case .ready = event else { return await end(replica, after: event, wasServing: false) }
      await note(replica)
      await report(.ready(models: await probe.modelNames()))
    }
    let event = await firstOf(
      { await exit(of: replica) }, { await stopRequest() }, { await decay(of: replica) },
      { await violation(of: replica, at: .serving) })
    await end(replica, after: event, wasServing: true)
  }

  /// The events of a replica's life.
  enum Event: Sendable {
    case exited(ProcessExit)
    case stop(StopRequest)
    case ready
    case failed(ReplicaFailure)
    /// The plane is leaving; nothing happened to the replica.
    case abandoned
  }

  private func begin() async -> (any RunningReplica)? {
    switch beginning {
    case .adoption(let replica): return replica
    case .start(let start):
      guard await hasFiles() else { return nil }
      // If the plane is leaving, its successor would not know of a replica started now.
      guard await isMyTurn(), !Task.isCancelled else { return nil }
      do throws(ReplicaFailure) {
        let replica = try await start()
        await report(.started(replica.handle))
        return replica
      } catch {
        await report(.over(error))
        return nil
      }
    }
  }

  /// Waits until the files of the model version are here; false if they cannot be, the replica was asked to stop before
  /// that, or the plane is leaving.
  private func hasFiles() async -> Bool {
    let event = await firstOf({ await stopRequest() }, { await arrival() })
    switch event {
    case .ready: return true
    case .failed(let failure): await report(.over(failure))
    case .stop: await report(.over(nil))
    case .exited, .abandoned: break
    }
    return false
  }

  private func arrival() async -> Event {
    do throws(ReplicaFailure) {
      try await fetch()
      return .ready
    } catch {
      return Task.isCancelled ? .abandoned : .failed(error)
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

  func exit(of replica: any RunningReplica) async -> Event {
    while true {
      if let exit = await replica.exit() { return .exited(exit) }
      guard await pause(timing.pollEvery) else { return .abandoned }
    }
  }

  func stopRequest(after known: StopRequest? = nil) async -> Event {
    await signal.next(after: known).map { .stop($0) } ?? .abandoned
  }

  private func readiness(of replica: any RunningReplica) async -> Event {
    let clock = ContinuousClock()
    let begun = clock.now
    var phase = record.startPhase
    var refusal: ReplicaFailure?
    // Requests may be waiting, so the engine's health is checked often; its log, and a token after one that failed, less
    // so.
    let healthEvery = timing.pollEvery / 2
    var wait = timing.pollEvery
    var logDue = begun
    while clock.now - begun < timing.startDeadline {
      if clock.now >= logDue {
        logDue = clock.now + timing.pollEvery * 5
        if phase < .warming {
          let seen = StartPhase.shown(by: await logEnd())
          await advance(&phase, to: seen)
        }
        await note(replica)
      }
      var pauseNow = healthEvery
      if await probe.isHealthy() {
        await advance(&phase, to: .warming)
        do {
          try await probe.generate(task: task, isFirst: true)
          if let failure = await replica.violation(at: .answered) { return .failed(failure) }
          return .ready
        } catch let failure as ReplicaFailure where !failure.isWorthRepeating {
          return .failed(failure)
        } catch let failure as ReplicaFailure {
          // A running engine may still fail its first request and answer the next.
          refusal = failure
        } catch {
          // The response was late or broke off; the deadline decides.
        }
        pauseNow = wait
        wait = min(wait * 2, .seconds(1))
      }
      guard await pause(pauseNow) else { return .abandoned }
    }
    let log = await logEnd()
    let cause = refusal ?? StartFailure.cause(log: log, exit: nil, program: program, engine: engine)
    let why = cause.explanation == StartFailure.notReady(engine) ? "" : ": \(cause.explanation)"
    return .failed(
      ReplicaFailure(
        "\(engine) was not ready after \(DurationText.text(timing.startDeadline))\(why)", line: cause.line,
        isWorthRepeating: cause.isWorthRepeating, code: cause.code))
  }

  /// Reports a phase of the start, unless it was reached before.
  private func advance(_ phase: inout StartPhase, to next: StartPhase) async {
    guard next > phase else { return }
    phase = next
    await report(.phase(next))
  }

  /// Watches the engine's progress, and has the gateway's pause ended once a replica in trouble works again; returns if
  /// there is no progress, or if the plane is leaving.
  private func decay(of replica: any RunningReplica) async -> Event {
    let clock = ContinuousClock()
    let begun = clock.now
    var machine = LivenessMachine(patience: timing.patience, tokenEvery: timing.tokenEvery, now: .zero)
    var pace = ProbePace(usual: timing.probeEvery, shortest: timing.troubleEvery)
    while true {
      pace.beginCheck(isReported: trouble.take())
      var action = machine.observe(await probe.metrics(), isTroubled: pace.isTroubled, now: clock.now - begun)
      var isGenerating = false
      if action == .askForToken {
        isGenerating = await hasToken()
        action = machine.observe(isGenerating ? .token : .noToken, now: clock.now - begun)
      }
      if Task.isCancelled { return .abandoned }
      if case .replace(let failure) = action { return .failed(failure) }
      // A report that came during the check may be newer than the token.
      if pace.endCheck(isWell: isGenerating && !trouble.isRaised) { recovered() }
      await note(replica)
      guard await isCheckDue(pace) else { return .abandoned }
    }
  }

  /// Waits for the time of the next check, or for trouble; false if the plane is leaving.
  private func isCheckDue(_ pace: ProbePace) async -> Bool {
    guard await pause(pace.shortest) else { return false }
    let event = await firstOf(
      { await pause(pace.pause - pace.shortest) ? .ready : .abandoned },
      { await trouble.next() ? .ready : .abandoned })
    if case .abandoned = event { return false }
    return true
  }

  private func hasToken() async -> Bool {
    do {
      try await probe.generate(task: task, isFirst: false)
      return true
    } catch {
      return false
    }
  }

  /// Returns if the replica must not continue to run, as when it listens where it must not.
  private func violation(of replica: any RunningReplica, at stage: ReplicaStage) async -> Event {
    let every = stage == .starting ? min(timing.probeEvery, .seconds(1)) : timing.probeEvery
    while await pause(every) {
      if let failure = await replica.violation(at: stage) { return .failed(failure) }
    }
    return .abandoned
  }

  /// Limits the log for the whole life: an engine may print without end while it starts and while it is drained.
  private func limitLog(of replica: any RunningReplica) async {
    while await pause(timing.pollEvery * 5) { await replica.limitLog() }
  }

  func note(_ replica: any RunningReplica) async {
    if await replica.refresh() { await report(.changed(replica.handle)) }
  }

  func logEnd() async -> String { await backend.log(of: record, .end) }

  // MARK: Racing

  func pause(_ duration: Duration) async -> Bool {
    do {
      try await Task.sleep(for: duration)
      return true
    } catch {
      return false
    }
  }

  /// The first event other than abandonment; abandonment if the task is canceled.
  func firstOf(_ branches: @Sendable () async -> Event...) async -> Event {
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
