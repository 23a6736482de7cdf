import CSpawn
import CanonicalJSON
import Glibc
import ServingAPI
import Synchronization

/// The channel between two planes during a takeover: lines of JSON over a Unix socket, with open sockets attached.
/// Nothing in it blocks a thread.
final class TakeoverChannel: Sendable {
  /// A message from one side to the other. See docs/architecture.md for the order.
  enum Step: String, Sendable {
    /// Both, first: identification.
    case hello
    /// The old one: refused, with the reason.
    case refused
    /// The new one: everything that does not need the store is prepared.
    case ready
    /// The old one: accepts and changes nothing for now; here are the lock and the sockets.
    case take
    /// The new one: the store is open and read; from here on it is in charge.
    case have
    /// The old one: touches nothing any more; begin.
    case yours
  }

  struct Message: Sendable {
    let step: Step
    let body: JSONValue
    let descriptors: [CInt]
  }

  /// Why the channel ended.
  enum Failure: Error, Hashable, Sendable {
    case closed
    case late
    case refused(String)
    case unexpected(String)
  }

  private let descriptor: CInt
  private let received = Mutex<(bytes: [UInt8], descriptors: [CInt])>(([], []))
  private static let checkInterval: Duration = .milliseconds(5)
  private static let longestLine = 1 << 16

  /// - Parameter descriptor: a connected socket, closed with this value.
  init(_ descriptor: CInt) { self.descriptor = descriptor }

  deinit {
    received.withLock { for unclaimed in $0.descriptors { close(unclaimed) } }
    close(descriptor)
  }

  /// The process at the other end.
  var peer: (processID: Int32, userID: UInt32)? { UnixSocket.peer(of: descriptor) }

  func send(_ step: Step, _ members: [String: JSONValue] = [:], descriptors: [CInt] = []) throws(Failure) {
    var body = members
    body["step"] = .string(step.rawValue)
    let line = JSONValue.object(body).bytes() + [0x0A]
    // Lines are shorter than any socket's buffer, which is empty: each side waits for the other's response.
    let sent = line.withUnsafeBytes { bytes in
      bytes.baseAddress.map { setpoint_send(descriptor, $0, bytes.count, descriptors, CInt(descriptors.count)) } ?? -1
    }
    guard sent == line.count else { throw .closed }
  }

  /// The other side's next message.
  ///
  /// - Throws: `refused` if the message is a refusal, and `unexpected` if it is anything other than `step`.
  func receive(_ step: Step, within limit: Duration) async throws(Failure) -> Message {
    let end = ContinuousClock.now + limit
    while true {
      if let message = try next() {
        if message.step == .refused { throw .refused(message.body["reason"]?.stringValue ?? "no reason was given") }
        guard message.step == step else { throw .unexpected(message.step.rawValue) }
        return message
      }
      guard try read() else {
        guard ContinuousClock.now < end else { throw .late }
        do { try await Task.sleep(for: Self.checkInterval) } catch { throw .closed }
        continue
      }
    }
  }

  /// Returns when the other side has closed its end, which the kernel does when a process exits, or when the task is
  /// canceled.
  func untilClosed() async {
    while !Task.isCancelled {
      do { _ = try read() } catch { return }
      try? await Task.sleep(for: .milliseconds(50))
    }
  }

  /// Reads what has arrived; false if nothing has.
  private func read() throws(Failure) -> Bool {
    var bytes = [UInt8](repeating: 0, count: 4096)
    var descriptors = [CInt](repeating: -1, count: Int(setpoint_MOST_DESCRIPTORS))
    var count: CInt = 0
    let length = bytes.withUnsafeMutableBytes { buffer in
      buffer.baseAddress.map { setpoint_receive(descriptor, $0, buffer.count, &descriptors, &count) } ?? -1
    }
    if length < 0 {
      if errno == EAGAIN || errno == EINTR { return false }
      throw .closed
    }
    let isTooLong = received.withLock { received in
      received.descriptors += descriptors.prefix(Int(count))
      received.bytes += bytes.prefix(length)
      return received.bytes.count > Self.longestLine
    }
    if length == 0 { throw .closed }
    if isTooLong { throw .unexpected("an unterminated line") }
    return true
  }

  private func next() throws(Failure) -> Message? {
    let found = received.withLock { received -> ([UInt8], [CInt])? in
      guard let end = received.bytes.firstIndex(of: 0x0A) else { return nil }
      let line = Array(received.bytes[..<end])
      received.bytes.removeFirst(end + 1)
      defer { received.descriptors = [] }
      return (line, received.descriptors)
    }
    guard let (line, descriptors) = found else { return nil }
    guard let body = try? JSONValue(parsing: line), let step = body["step"]?.stringValue.flatMap(Step.init) else {
      for descriptor in descriptors { close(descriptor) }
      throw .unexpected("a line of another protocol")
    }
    return Message(step: step, body: body, descriptors: descriptors)
  }
}
