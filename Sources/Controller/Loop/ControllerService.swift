internal import Durations
internal import Logging
internal import ServiceLifecycle

/// Runs a ``FleetController`` for the life of the process: `setpoint run`.
///
/// On a graceful shutdown, no new work starts, calls in flight finish, the status is saved, and it returns. If it is
/// killed, the next controller continues from live state.
package struct ControllerService: Service {
  private let controller: FleetController
  private let options: ControllerOptions
  private let parts: ControllerParts
  private let syncRequests: AsyncStream<Void>
  private let sleep: @Sendable (Duration) async throws -> Void
  private let onStanding: @Sendable (Leadership) -> Void

  /// The controller's role, for probes and people.
  package enum Leadership: Hashable, Sendable {
    /// Another controller holds the lease.
    case standby(holder: String?)
    case active
  }

  /// - Parameters:
  ///   - syncRequests: an element for each request to sync the source immediately.
  ///   - onStanding: called when the controller waits for the lease, and when it acquires it.
  package init(
    _ controller: FleetController, _ options: ControllerOptions, _ parts: ControllerParts,
    syncRequests: AsyncStream<Void>, sleep: @escaping @Sendable (Duration) async throws -> Void,
    onStanding: @escaping @Sendable (Leadership) -> Void
  ) {
    self.controller = controller
    self.options = options
    self.parts = parts
    self.syncRequests = syncRequests
    self.sleep = sleep
    self.onStanding = onStanding
  }

  /// - Throws: ``LostLease`` if another controller took the lease; the error that keeps the status from being read.
  package func run() async throws {
    guard try await acquire() else { return }
    onStanding(.active)
    do {
      try await controller.loadStatuses()
      try await hold()
    } catch {
      await controller.saveStatuses()
      await parts.lease.release()
      if error is CancellationError { return }
      throw error
    }
    await controller.saveStatuses()
    await parts.lease.release()
  }

  /// - Returns: false if the controller was told to stop while it was standing by.
  private func acquire() async throws -> Bool {
    try await cancelWhenGracefulShutdown {
      var told: String??
      do {
        while try await !parts.lease.acquire() {
          let holder = await parts.lease.holder
          if told != .some(holder) {
            told = .some(holder)
            onStanding(.standby(holder: holder))
          }
          try await sleep(.seconds(2))
        }
        return true
      } catch is CancellationError {
        return false
      }
    }
  }

  private enum FinishedTask: Sendable { case workers, rest }

  private func hold() async throws {
    try await withThrowingTaskGroup(of: FinishedTask.self) { group in
      group.addTask {
        await work()
        return .workers
      }
      group.addTask {
        try await watchLease()
        return .rest
      }
      group.addTask {
        try await readSource()
        return .rest
      }
      group.addTask {
        try await every(options.interval) { try await controller.list() }
        return .rest
      }
      group.addTask {
        try await every(.seconds(1)) { await controller.saveStatuses() }
        return .rest
      }
      group.addTask {
        try await gracefulShutdown()
        parts.log.info("stopping: waiting for calls in flight")
        await controller.stop()
        try await sleep(options.grace)
        parts.log.warning(
          """
          calls in flight did not finish within \(DurationText.text(options.grace)); the next controller resumes from \
          live state
          """)
        return .workers
      }
      defer { group.cancelAll() }
      while let ended = try await group.next() {
        guard case .workers = ended else { continue }
        if await controller.hasLostLease { throw LostLease(holder: await parts.lease.holder) }
        return
      }
    }
  }

  private func work() async {
    await withTaskGroup(of: Void.self) { group in
      for _ in 0..<options.concurrency {
        // A worker ends together with a reconciliation that took too long, and another one continues.
        group.addTask { while await isEndedByDeadline() {} }
      }
    }
  }

  /// Runs one worker until there is no more work.
  ///
  /// - Returns: whether it was ended because a reconciliation took too long.
  private func isEndedByDeadline() async -> Bool {
    let deadline = RunDeadline()
    return await withTaskGroup(of: Bool.self) { group in
      group.addTask { [controller] in
        while let taken = await controller.queue.next() { await controller.work(on: taken, deadline) }
        return false
      }
      group.addTask {
        do {
          while !deadline.passes(at: parts.elapsed()) { try await parts.alarm(options.runDeadline / 20) }
          return true
        } catch {
          return false
        }
      }
      defer { group.cancelAll() }
      return await group.next() ?? false
    }
  }

  /// Syncs the source immediately, and again when it changes, on request, and after each interval.
  private func readSource() async throws {
    let (wakes, waker) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask { for await _ in parts.source.changes() { waker.yield() } }
      group.addTask { for await _ in syncRequests { waker.yield() } }
      group.addTask { try await every(options.interval) { waker.yield() } }
      group.addTask { for await _ in wakes { try await controller.sync() } }
      try await group.waitForAll()
    }
  }

  private func watchLease() async throws {
    while await parts.lease.isHeld() { try await sleep(.seconds(5)) }
    await controller.stopForLostLease(LostLease(holder: await parts.lease.holder).description)
  }

  private func every(_ interval: Duration, _ action: () async throws -> Void) async throws {
    while true {
      try Task.checkCancellation()
      try await action()
      try await sleep(interval.spread(parts.chance()))
    }
  }
}
