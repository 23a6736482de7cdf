internal import Endpoints
internal import ModelRegistry
internal import ServingAPI

/// The progress of a registration, by what a plane reports over time.
struct RegistrationProgress: Hashable, Sendable {
  private struct Sample: Hashable, Sendable {
    let bytes: Int64
    let at: Duration
  }

  /// Those of the last few seconds, oldest first.
  private var samples: [Sample] = []

  /// The rate is that of this time.
  private static let window: Duration = .seconds(10)

  init() {}

  /// Adds a report and returns the progress in words: `3.1Gi of 7.2Gi (43%), 210Mi/s`.
  ///
  /// - Parameter now: the time since a fixed point.
  mutating func text(_ version: WireModelVersion, now: Duration) -> String {
    let done = max(0, version.bytesDone ?? 0)
    // The oldest of the last few seconds, or else the newest one before.
    while samples.count > 1, now - samples[1].at >= Self.window { samples.removeFirst() }
    samples.append(Sample(bytes: done, at: now))
    var text = ByteCountText.rounded(bytes: Int(clamping: done))
    if let total = version.bytesTotal { text += " of \(ByteCountText.rounded(bytes: Int(clamping: total)))" }
    // Larger numbers have a unit.
    if max(done, version.bytesTotal ?? 0) < 1 << 10 { text += " bytes" }
    if let percent = version.percentDone { text += " (\(percent)%)" }
    let first = samples[0]
    let milliseconds = Int64((now - first.at) / .milliseconds(1))
    guard milliseconds > 0, done > first.bytes else { return text }
    let rate = Double(done - first.bytes) * 1000 / Double(milliseconds)
    return text + ", \(ByteCountText.rounded(bytes: Int(exactly: rate.rounded()) ?? 0))/s"
  }
}

extension WireModelVersion {
  /// How much of a version that is being registered has been taken, in percent; nil if that is unknown.
  var percentDone: Int? {
    guard status == .pendingRegistration, let done = bytesDone, let total = bytesTotal else { return nil }
    guard total > 0 else { return 0 }
    return min(99, Int(min(1, max(0, Double(done) / Double(total))) * 100))
  }

  /// The status in a table: `READY`, or `registering 43%`.
  var statusText: String {
    guard status == .pendingRegistration, bytesDone != nil else { return status.word }
    return percentDone.map { "registering \($0)%" } ?? "registering"
  }
}

extension ServingError {
  /// Whether the connection broke, or could not be made.
  var hasNoResponse: Bool { status == nil && (kind == .network || kind == .timeout) }
}

extension ErrorReport {
  /// The report for a registration of which the plane says nothing more: it was stopped, or only the connection broke.
  init(interruptedRegistrationOf what: String, _ model: String, _ error: ServingError) {
    self.init(
      "the connection to the plane was lost while \(what) was being registered", place: error.call,
      why: error.serverMessage,
      next: "if the plane was stopped, start it and run the command again, which resumes a download; otherwise the "
        + "registration continues, and \"setpoint models list \(ShellWord.quoted(model))\" shows it")
  }
}

/// Follows a registration that a plane carries out, until it ends or the user interrupts.
struct RegistrationFollower: Sendable {
  private enum Outcome: Sendable {
    case ended(WireModelVersion)
    case interrupted
    case notInterrupted
  }

  let model: String
  let connection: Connection
  /// The alias to set after it.
  let alias: String?

  private static let interval: Duration = .seconds(1)
  /// The interval between lines if they are not redrawn.
  private static let quiet: Duration = .seconds(10)

  /// Returns the version when it is registered.
  ///
  /// - Throws: ``ErrorReport`` if the registration fails; `CancellationError` if the user interrupts: the registration
  ///   continues.
  func finish(_ version: WireModelVersion) async throws -> WireModelVersion {
    guard version.status == .pendingRegistration, let number = version.version else { return try servable(version) }
    let context = CommandContext.current
    let ended = try await withThrowingTaskGroup(of: Outcome.self) { group -> WireModelVersion? in
      group.addTask { .ended(try await follow(version, number, context)) }
      group.addTask { await context.interruption() ? .interrupted : .notInterrupted }
      defer { group.cancelAll() }
      while let outcome = try await group.next() {
        switch outcome {
        case .ended(let version): return version
        case .interrupted: return nil
        case .notInterrupted: continue
        }
      }
      throw CancellationError()
    }
    guard let ended else {
      // The progress line has been erased by now, which would otherwise erase this message.
      context.console.note(interrupted(number))
      throw CancellationError()
    }
    return try servable(ended)
  }

  private func follow(
    _ begun: WireModelVersion, _ number: Int64, _ context: CommandContext
  ) async throws -> WireModelVersion {
    var (version, progress) = (begun, RegistrationProgress())
    var said: Duration?
    var drawn = 0
    defer { if drawn > 0 { context.console.redraw([], over: drawn) } }
    while version.status == .pendingRegistration {
      let now = context.timing.elapsed()
      let line = "registering \(model) version \(number): \(progress.text(version, now: now))"
      if context.console.isLive {
        context.console.redraw([String(line.prefix(max(10, context.console.size().columns - 1)))], over: drawn)
        drawn = 1
      } else if said.map({ now - $0 >= Self.quiet }) ?? true {
        context.console.note(line)
        said = now
      }
      try await context.timing.sleep(Self.interval)
      version = try await current(number)
    }
    return version
  }

  private func current(_ number: Int64) async throws -> WireModelVersion {
    do {
      return try await connection.models.version(number, of: model)
    } catch let error as ServingError where error.isAbsence {
      throw ErrorReport(
        "the registration of \(model) version \(number) did not end", place: error.call,
        why: "it was canceled, or the plane was restarted and removed what was copied", next: "register it again")
    } catch let error as ServingError where error.hasNoResponse {
      throw ErrorReport(interruptedRegistrationOf: "\(model) version \(number)", model, error)
    }
  }

  private func servable(_ version: WireModelVersion) throws -> WireModelVersion {
    guard version.status == .failedRegistration else { return version }
    throw ErrorReport(
      "the registration of \(model)\(version.version.map { " version \($0)" } ?? "") failed", why: version.comment)
  }

  private func interrupted(_ number: Int64) -> String {
    let name = ShellWord.quoted(model)
    let end =
      alias.map { "; once it is READY, run \"setpoint models alias \(name) \(ShellWord.quoted($0)) \(number)\"" } ?? ""
    return "interrupted; the registration of \(model) version \(number) continues on the plane: "
      + "\"setpoint models list \(name)\" shows it, \"setpoint models delete \(name) --version \(number)\" cancels it"
      + end
  }
}
