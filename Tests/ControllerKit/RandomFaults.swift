internal import Controller
internal import Planning
internal import Synchronization
internal import TestKit

/// Picks a random fault for each call: a provider in bad shape, always the same for a seed.
package final class RandomFaults: Sendable {
  private struct State {
    var generator: SeededGenerator
    var counts: [String: Int] = [:]
  }

  private let state: Mutex<State>
  private let environment: ControllerEnvironment
  private let share: Double

  /// - Parameter share: how many of all calls fail, from 0 up to 1.
  package init(_ environment: ControllerEnvironment, share: Double, seed: UInt64) {
    self.environment = environment
    self.share = share
    state = Mutex(State(generator: SeededGenerator(seed: seed)))
  }

  /// How often each fault was picked.
  package var counts: [String: Int] { state.withLock(\.counts) }

  package func begin() {
    environment.workspace.setPlan { [self] _, _ in
      let name = state.withLock { state -> String? in
        guard state.generator.next(below: 1000) < Int(share * 1000) else { return nil }
        let name = Self.names[state.generator.next(below: Self.names.count)]
        state.counts[name, default: 0] += 1
        return name
      }
      return name.flatMap(fault)
    }
  }

  private static let names = [
    "429 with seconds", "429 with a date", "500", "503", "reset", "lost answer", "page with 200", "page with 502",
    "401",
    "slow",
  ]
  private static let page = "<!DOCTYPE html><html><body><h1>Sign in</h1></body></html>"
  private static let limit = #"{"error_code": "REQUEST_LIMIT_EXCEEDED", "message": "Too many requests."}"#

  private func fault(_ name: String) -> WorkspaceDouble.Fault? {
    switch name {
    case "429 with seconds": .response(status: 429, headers: ["Retry-After": "3"], body: Self.limit)
    case "429 with a date":
      .response(status: 429, headers: ["Retry-After": Self.date(environment.now + .seconds(5))], body: Self.limit)
    case "500": .answer(status: 500, errorCode: "INTERNAL_ERROR", message: "Something went wrong.")
    case "503": .answer(status: 503, errorCode: "TEMPORARILY_UNAVAILABLE", message: "The service is unavailable.")
    case "reset": .loseRequest
    case "lost answer": .loseAnswer
    case "page with 200": .response(status: 200, headers: ["Content-Type": "text/html"], body: Self.page)
    case "page with 502": .response(status: 502, headers: ["Content-Type": "text/html"], body: Self.page)
    case "401": .answer(status: 401, errorCode: "UNAUTHENTICATED", message: "The token has expired.")
    default: slow()
    }
  }

  /// The response takes time, and is correct.
  private func slow() -> WorkspaceDouble.Fault? {
    environment.advance(.milliseconds(2500))
    return nil
  }

  /// A time in HTTP format. Valid for January 2026, in which this environment begins.
  private static func date(_ moment: Timestamp) -> String {
    let seconds = (moment - ControllerEnvironment.beginning).components.seconds
    func two(_ number: Int64) -> String { number < 10 ? "0\(number)" : "\(number)" }
    let day = seconds / 86_400
    let weekday = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"][Int(day % 7)]
    let clock = [seconds / 3600 % 24, seconds / 60 % 60, seconds % 60].map(two).joined(separator: ":")
    return "\(weekday), \(two(day + 1)) Jan 2026 \(clock) GMT"
  }
}
