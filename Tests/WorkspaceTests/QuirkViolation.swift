/// What a check of this suite finds wrong.
struct QuirkViolation: Error, CustomStringConvertible {
  let description: String
}

/// - Throws: ``QuirkViolation`` where it does not hold.
func require(_ holds: Bool, _ claim: @autoclosure () -> String) throws {
  if !holds { throw QuirkViolation(description: claim()) }
}
