// How a replica ends: by itself, because it failed, or because it was asked to stop.
extension ReplicaLifecycle {
  func end(_ replica: any RunningReplica, after event: Event, wasServing: Bool) async {
    switch event {
    case .abandoned, .ready: return
    case .exited(let exit):
      let cause = StartFailure.cause(log: await logEnd(), exit: exit, program: program, engine: engine)
      if wasServing { await report(.failing(cause)) }
      await clean(replica)
      // vLLM exits with code 0 when its engine dies: any exit that was not requested is a failure.
      let failure =
        wasServing
        ? ReplicaFailure(
          "it exited while serving: \(cause.explanation)", line: cause.line, isWorthRepeating: true, code: cause.code)
        : cause
      await report(.over(signal.request == nil ? failure : nil))
    case .failed(let failure):
      if wasServing { await report(.failing(failure)) }
      await clean(replica)
      await report(.over(signal.request == nil ? failure : nil))
    case .stop(let request):
      if wasServing, await !stopInOrder(replica, request) { return }
      await clean(replica)
      await report(.over(nil))
    }
  }

  /// Drains, then asks the server to shut down; what is left is killed after this.
  ///
  /// - Returns: false if the plane leaves in the meantime.
  private func stopInOrder(_ replica: any RunningReplica, _ request: StopRequest) async -> Bool {
    guard await drain(replica, request) else { return false }
    await report(.stopping)
    await note(replica)
    // A server that is told to shut down would leave open requests hanging forever; a closed connection ends them at
    // once.
    cutOff()
    let freed = await firstOf({ await drained() }, { await pause(.seconds(1)) ? .ready : .abandoned })
    if case .abandoned = freed { return false }
    await replica.terminate()
    let event = await firstOf(
      { await exit(of: replica) }, { await pause(timing.terminationGrace) ? .ready : .abandoned })
    if case .abandoned = event { return false }
    return true
  }

  /// Waits until the gateway has no requests at the replica, it has exited or the time is up. A more urgent request
  /// shortens the time.
  ///
  /// - Returns: false if the plane leaves in the meantime.
  private func drain(_ replica: any RunningReplica, _ request: StopRequest) async -> Bool {
    let clock = ContinuousClock()
    var deadline: ContinuousClock.Instant?
    var request = request
    while case .drain(let time) = request {
      let known = request
      let end = min(deadline ?? clock.now + time, clock.now + time)
      deadline = end
      let event = await firstOf(
        { await exit(of: replica) }, { await stopRequest(after: known) }, { await drained() },
        { await pause(end - clock.now) ? .ready : .abandoned })
      switch event {
      case .abandoned: return false
      case .stop(let more): request = more
      case .exited, .ready, .failed: return true
      }
    }
    return true
  }

  /// Ends what is left of the replica, and removes everything of it except its log.
  private func clean(_ replica: any RunningReplica) async {
    await note(replica)
    await replica.end()
  }

  private func drained() async -> Event {
    await untilDrained()
    return Task.isCancelled ? .abandoned : .ready
  }
}
