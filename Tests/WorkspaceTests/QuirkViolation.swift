/// The problem that a check of this suite finds.
struct QuirkViolation: Error, CustomStringConvertible {
  let description: String
}

/// - Throws: ``QuirkViolation`` if it does not hold.
func require(_ holds: Bool, _ claim: @autoclosure () -> String) throws {
  if !holds { throw QuirkViolation(description: claim()) }
}
