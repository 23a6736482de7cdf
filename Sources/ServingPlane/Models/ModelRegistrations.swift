import EventFlags
import Logging
import Synchronization

/// The registrations that run in the plane, whether or not anyone waits for them.
final class ModelRegistrations: Sendable {
  private struct State {
    /// Those in progress, and those that failed, in the order in which they began.
    var listed: [ModelRegistration] = []
    var isOver = false
  }

  /// The number of failed registrations that are listed with their reasons.
  private static let keptFailures = 20

  let models: ModelDirectory
  /// No other plane takes over during a registration.
  private let gate: ChangeGate
  private let log: Logger
  private let state = Mutex(State())
  private let begun: AsyncStream<ModelRegistration>
  private let beginning: AsyncStream<ModelRegistration>.Continuation

  init(models: ModelDirectory, gate: ChangeGate, log: Logger) {
    self.models = models
    self.gate = gate
    self.log = log
    (begun, beginning) = AsyncStream.makeStream()
  }

  /// Begins a registration. To be called during a change that the gate has admitted.
  ///
  /// - Parameters:
  ///   - reservation: its number, which is released at the end.
  ///   - origin: what is shown as the version's source.
  ///   - total: the number of bytes; nil if it is not known yet.
  ///   - work: takes the files, and reports progress to the registration.
  func begin(
    _ reservation: VersionReservation, from origin: String, total: Int64?,
    _ work: @escaping ModelRegistration.Work
  ) -> ModelRegistration {
    let registration = ModelRegistration(reservation, from: origin, total: total, began: models.now(), work)
    gate.enterAgain()
    let isOver = state.withLock { state in
      // A failed one of the same number is history.
      state.listed.removeAll { $0.isOf(reservation.model, reservation.number) }
      if !state.isOver { state.listed.append(registration) }
      return state.isOver
    }
    if isOver { end(registration, .failure(.cancelled)) } else { beginning.yield(registration) }
    return registration
  }

  /// Carries out the registrations until the task is canceled, which cancels them.
  func run() async {
    await withDiscardingTaskGroup { group in
      for await registration in begun { group.addTask { await self.carryOut(registration) } }
    }
    let unbegun = state.withLock { state in
      state.isOver = true
      return state.listed.filter { $0.result == nil }
    }
    for registration in unbegun { end(registration, .failure(.cancelled)) }
  }

  /// The registrations of a model that are in progress or have failed; nil for those of all models.
  func listed(_ model: String? = nil) -> [ModelRegistration] {
    state.withLock { state in state.listed.filter { model == nil || $0.model == model } }
  }

  /// The registration of a version that is in progress or has failed.
  func registration(_ model: String, _ number: Int) -> ModelRegistration? {
    listed(model).first { $0.number == number }
  }

  /// Cancels a registration and waits for its end, or forgets a failed one.
  func remove(_ registration: ModelRegistration) async {
    registration.delete()
    await registration.waitUntilEnded()
    state.withLock { state in state.listed.removeAll { $0 === registration } }
  }

  /// Forgets the failed ones.
  func forgetFailed() { state.withLock { state in state.listed.removeAll { $0.failure != nil } } }

  private func carryOut(_ registration: ModelRegistration) async {
    let result = await withTaskCancellationHandler {
      await registration.work(registration)
    } onCancel: {
      registration.cancel()
    }
    end(registration, result)
  }

  private func end(_ registration: ModelRegistration, _ result: Result<ModelVersion, ModelError>) {
    let about: Logger.Metadata = [
      "model": "\(registration.model)", "version": "\(registration.number)", "source": "\(registration.origin)",
    ]
    switch result {
    case .success: log.info("model version registered", metadata: about)
    case .failure(let error):
      let facts = about.merging(["error": "\(error)"]) { $1 }
      if error.code == .cancelled {
        log.info("the registration of a model version was canceled", metadata: facts)
      } else {
        log.warning("the registration of a model version failed", metadata: facts)
      }
    }
    models.release(registration.reservation)
    state.withLock { state in
      if case .success = result { state.listed.removeAll { $0 === registration } }
      let failed = state.listed.filter { $0.failure != nil }
      let surplus = failed.dropLast(Self.keptFailures)
      state.listed.removeAll { one in surplus.contains { $0 === one } }
    }
    registration.finish(result)
    gate.leave()
  }
}

/// One registration that runs in the plane.
final class ModelRegistration: Sendable {
  /// Takes the files of a version.
  typealias Work = @Sendable (ModelRegistration) async -> Result<ModelVersion, ModelError>

  let reservation: VersionReservation
  /// The folder or the model of a hub from which it comes.
  let origin: String
  /// Milliseconds since 1970.
  let began: Int64
  fileprivate let work: Work
  private let ended = EventFlag()
  private let outcome = Mutex<Result<ModelVersion, ModelError>?>(nil)
  private let cancellation = Atomic(false)
  private let deletion = Atomic(false)
  private let done = Atomic<Int64>(0)
  /// -1 while it is unknown.
  private let total: Atomic<Int64>

  fileprivate init(
    _ reservation: VersionReservation, from origin: String, total: Int64?, began: Int64, _ work: @escaping Work
  ) {
    self.reservation = reservation
    self.origin = origin
    self.began = began
    self.work = work
    self.total = Atomic(total ?? -1)
  }

  var model: String { reservation.model }
  var number: Int { reservation.number }

  fileprivate func isOf(_ model: String, _ number: Int) -> Bool { self.model == model && self.number == number }

  // MARK: Progress

  /// The number of bytes that were taken.
  var bytesDone: Int64 { done.load(ordering: .relaxed) }

  /// The number of bytes that are to be taken; nil while it is unknown.
  var bytesTotal: Int64? {
    let total = self.total.load(ordering: .relaxed)
    return total < 0 ? nil : total
  }

  /// Notes how many bytes were taken; `total` is nil while it is unknown.
  func setProgress(_ bytes: Int64, of total: Int64?) {
    done.store(bytes, ordering: .relaxed)
    self.total.store(total ?? -1, ordering: .relaxed)
  }

  /// Notes that more bytes were taken.
  func advance(by bytes: Int64) { done.wrappingAdd(bytes, ordering: .relaxed) }

  // MARK: Its end

  var isCancelled: Bool { cancellation.load(ordering: .acquiring) }

  /// Whether it was canceled on request, as opposed to the end of the plane.
  var isDeleted: Bool { deletion.load(ordering: .acquiring) }

  func cancel() { cancellation.store(true, ordering: .releasing) }

  /// Cancels it on request.
  fileprivate func delete() {
    deletion.store(true, ordering: .releasing)
    cancel()
  }

  /// The version, or why there is none; nil while the registration is in progress.
  var result: Result<ModelVersion, ModelError>? { outcome.withLock { $0 } }

  /// Why it failed.
  var failure: ModelError? { if case .failure(let error)? = result { error } else { nil } }

  /// Returns when it has ended, after `limit`, or when the task is canceled.
  func waitUntilEnded(atMost limit: Duration? = nil) async { await ended.wait(atMost: limit) }

  fileprivate func finish(_ result: Result<ModelVersion, ModelError>) {
    outcome.withLock { $0 = result }
    ended.set()
  }
}
