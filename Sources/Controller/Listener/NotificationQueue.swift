internal import Synchronization

/// A bounded queue of notifications, in order: when it is full, the oldest is dropped.
final class NotificationQueue: Sendable {
  private let capacity: Int
  private let state = Mutex(State())

  private struct State {
    var waiting: [FleetNotification] = []
    var dropped = 0
    var isClosed = false
    /// Tasks that wait for a change, by number.
    var waiters: [UInt64: CheckedContinuation<Void, Never>] = [:]
    var nextWaiter: UInt64 = 0

    mutating func takeWaiters() -> [CheckedContinuation<Void, Never>] {
      defer { waiters = [:] }
      return Array(waiters.values)
    }
  }

  init(capacity: Int) { self.capacity = max(1, capacity) }

  /// Appends a notification.
  ///
  /// - Returns: whether the oldest was dropped for it.
  func append(_ notification: FleetNotification) -> Bool {
    let (waiters, dropped) = state.withLock { state in
      state.waiting.append(notification)
      let isFull = state.waiting.count > capacity
      if isFull {
        state.waiting.removeFirst()
        state.dropped += 1
      }
      return (state.takeWaiters(), isFull)
    }
    for waiter in waiters { waiter.resume() }
    return dropped
  }

  /// Closes the queue: ``next()`` returns what is left and then nil.
  func close() {
    let waiters = state.withLock { state in
      state.isClosed = true
      return state.takeWaiters()
    }
    for waiter in waiters { waiter.resume() }
  }

  var isClosed: Bool { state.withLock(\.isClosed) }
  var count: Int { state.withLock(\.waiting.count) }

  /// Returns how many were dropped since the last call.
  func takeDropped() -> Int {
    state.withLock { state in
      defer { state.dropped = 0 }
      return state.dropped
    }
  }

  /// Returns the oldest notification as soon as there is one; nil when the queue is closed and empty, or the task is
  /// canceled.
  func next() async -> FleetNotification? {
    while !Task.isCancelled {
      let (notification, isOver) = state.withLock { state in
        (state.waiting.isEmpty ? nil : state.waiting.removeFirst(), state.waiting.isEmpty && state.isClosed)
      }
      if let notification { return notification }
      if isOver { return nil }
      await change { !$0.waiting.isEmpty || $0.isClosed }
    }
    return nil
  }

  /// Returns when the queue is closed or the task is canceled.
  func closed() async {
    while !isClosed, !Task.isCancelled { await change(\.isClosed) }
  }

  /// Waits for the next change, unless `isThere` returns that the awaited state has been reached.
  private func change(_ isThere: @Sendable (borrowing State) -> Bool) async {
    let waiter = state.withLock { state in
      defer { state.nextWaiter += 1 }
      return state.nextWaiter
    }
    await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        let waits = state.withLock { state in
          if isThere(state) || Task.isCancelled { return false }
          state.waiters[waiter] = continuation
          return true
        }
        if !waits { continuation.resume() }
      }
    } onCancel: {
      state.withLock { $0.waiters.removeValue(forKey: waiter) }?.resume()
    }
  }
}
