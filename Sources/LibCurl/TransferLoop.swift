internal import CCurl
internal import Synchronization

#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#else
  internal import Darwin
#endif

/// The thread that drives a client's transfers, seen from outside: its command queue and its end.
///
/// A libcurl handle belongs to one thread at a time, and all of them belong to this one; other threads post commands
/// and wake it.
final class TransferLoop: Sendable {
  enum Command {
    case start(Transfer)
    case unpause(Transfer)
    case remove(Transfer)
    case stop
  }

  struct StartFailure: Error {
    let reason: String
  }

  // Only the thread uses the handle; others only wake it, under the lock and never after `isOpen` became false.
  private nonisolated(unsafe) let multi: UnsafeMutableRawPointer
  private let configuration: HTTPClientConfiguration
  private let inbox = Mutex(Inbox())

  private struct Inbox {
    var isOpen = true
    var commands: [Command] = []
    var hasEnded = false
    var endWaiters: [CheckedContinuation<Void, Never>] = []
  }

  /// libcurl's global set-up, done once per process when first needed.
  private static let globalSetUp = curl_global_init(Int(CURL_GLOBAL_DEFAULT))

  /// Whether libcurl is set up; sets it up if necessary.
  static var isSetUp: Bool { globalSetUp == CURLE_OK }

  private init(_ configuration: HTTPClientConfiguration, multi: UnsafeMutableRawPointer) {
    self.configuration = configuration
    self.multi = multi
  }

  /// Creates a loop and starts its thread.
  static func start(_ configuration: HTTPClientConfiguration) throws(StartFailure) -> TransferLoop {
    guard globalSetUp == CURLE_OK else { throw StartFailure(reason: CurlFailure.description(globalSetUp)) }
    guard let multi = curl_multi_init() else { throw StartFailure(reason: "out of memory") }
    let loop = TransferLoop(configuration, multi: multi)
    let code = startThread { loop.run() }
    guard code == 0 else {
      curl_multi_cleanup(multi)
      throw StartFailure(reason: "could not start a thread: \(String(cString: strerror(code)))")
    }
    return loop
  }

  /// Posts a command to the thread; returns false if the thread no longer accepts commands.
  func post(_ command: Command) -> Bool {
    inbox.withLock { inbox in
      guard inbox.isOpen else { return false }
      // If the queue is not empty, the thread has been woken already.
      if inbox.commands.isEmpty { curl_multi_wakeup(multi) }
      inbox.commands.append(command)
      return true
    }
  }

  /// Asks the thread to end; returns at once.
  func requestStop() {
    _ = post(.stop)
  }

  /// Asks the thread to end and waits until it has.
  func stop() async {
    requestStop()
    await withCheckedContinuation { continuation in
      let hasEnded = inbox.withLock { inbox in
        if !inbox.hasEnded { inbox.endWaiters.append(continuation) }
        return inbox.hasEnded
      }
      if hasEnded { continuation.resume() }
    }
  }

  // MARK: On the thread

  private func run() {
    let driver = TransferDriver(multi: multi, configuration: configuration)
    var isStopping = false
    while !isStopping {
      for command in takeCommands() {
        switch command {
        case .start(let transfer): driver.start(transfer)
        case .unpause(let transfer): driver.unpause(transfer)
        case .remove(let transfer): driver.remove(transfer)
        case .stop: isStopping = true
        }
      }
      if !isStopping { driver.performOnceAndWait() }
    }
    let unheard = inbox.withLock { inbox in
      inbox.isOpen = false
      defer { inbox.commands = [] }
      return inbox.commands
    }
    for case .start(let transfer) in unheard { transfer.fail(.shutDown, Self.shutDownMessage) }
    driver.end(Self.shutDownMessage)
    let waiters = inbox.withLock { inbox in
      inbox.hasEnded = true
      defer { inbox.endWaiters = [] }
      return inbox.endWaiters
    }
    for waiter in waiters { waiter.resume() }
  }

  private static let shutDownMessage = "the client was shut down while the request was in flight"

  private func takeCommands() -> [Command] {
    inbox.withLock { inbox in
      var commands: [Command] = []
      swap(&commands, &inbox.commands)
      return commands
    }
  }
}

/// Runs `body` on a new thread and returns the error number; 0 if the thread was started.
func startThread(_ body: @escaping @Sendable () -> Void) -> Int32 {
  final class Box: Sendable {
    let body: @Sendable () -> Void
    init(_ body: @escaping @Sendable () -> Void) { self.body = body }
  }
  let box = Unmanaged.passRetained(Box(body))
  #if canImport(Darwin)
    var thread: pthread_t?
  #else
    var thread = pthread_t()
  #endif
  let code = pthread_create(
    &thread, nil,
    { argument in
      // Signals are for the process's other threads, in particular SIGPIPE: with CURLOPT_NOSIGNAL, libcurl leaves it to
      // us, and before libcurl 7.88 OpenSSL wrote directly to sockets that the server may have closed.
      var all = sigset_t()
      sigfillset(&all)
      pthread_sigmask(SIG_BLOCK, &all, nil)
      pthread_detach(pthread_self())
      let pointer: UnsafeMutableRawPointer? = argument
      if let pointer { Unmanaged<Box>.fromOpaque(pointer).takeRetainedValue().body() }
      return nil
    }, box.toOpaque())
  if code != 0 { box.release() }
  return code
}
