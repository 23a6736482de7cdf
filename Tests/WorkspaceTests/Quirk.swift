import Testing

/// One row of the list of quirks, serving-api.md 4: what does harm, and what the test shows about it.
struct Quirk: Sendable, CustomTestStringConvertible {
  /// The number in that list: Q1 to Q79.
  let number: Int
  /// What does harm.
  let what: String
  let coverage: Coverage

  enum Coverage: Sendable {
    /// A check that throws ``QuirkViolation`` if the quirk does harm.
    case checked(canBeTakenOut: Bool, Check)
    /// Why none of our calls and diffs can meet it.
    case noConcern(String)
  }

  /// Whether the handling of the quirk is in place, or undone by the test in transit.
  enum Handling: Sendable { case inPlace, takenOut }

  typealias Check = @Sendable (Handling) async throws -> Void

  var check: Check? { if case .checked(_, let check) = coverage { check } else { nil } }
  var canBeTakenOut: Bool { if case .checked(let canBeTakenOut, _) = coverage { canBeTakenOut } else { false } }

  var testDescription: String { "Q\(number) \(what)" }

  /// A row whose check passes as it is.
  static func checked(_ number: Int, _ what: String, _ check: @escaping @Sendable () async throws -> Void) -> Quirk {
    Quirk(number: number, what: what, coverage: .checked(canBeTakenOut: false) { _ in try await check() })
  }

  /// A row whose check fails if the handling is removed.
  static func removable(_ number: Int, _ what: String, _ check: @escaping Check) -> Quirk {
    Quirk(number: number, what: what, coverage: .checked(canBeTakenOut: true, check))
  }

  static func noConcern(_ number: Int, _ what: String, _ why: String) -> Quirk {
    Quirk(number: number, what: what, coverage: .noConcern(why))
  }

  static let table = encoding + echo + races + names + platform + peers + access
}
