import Hummingbird

/// The query of a call's URL.
struct CallQuery {
  private let request: Request

  init(_ request: Request) { self.request = request }

  /// Nil if it is missing or empty.
  func text(_ name: String) -> String? {
    guard let text = request.uri.queryParameters.get(name), !text.isEmpty else { return nil }
    return text
  }

  /// - Throws: ``APIError`` for a text that is not a whole number of the range.
  func number(_ name: String, in range: ClosedRange<Int64>) throws(APIError) -> Int64? {
    guard let text = text(name) else { return nil }
    guard let number = Int64(text), range.contains(number) else {
      let end = range.upperBound == .max ? "" : " and at most \(range.upperBound)"
      throw .invalid("\(name): expected a whole number of at least \(range.lowerBound)\(end), found \"\(text)\"")
    }
    return number
  }

  /// - Throws: ``APIError`` for a text that is not one of the choices.
  func choice<Choice: RawRepresentable<String> & CaseIterable>(
    _ name: String, of type: Choice.Type = Choice.self
  ) throws(APIError) -> Choice? {
    guard let text = text(name) else { return nil }
    guard let choice = Choice(rawValue: text) else {
      let choices = Choice.allCases.map { "\"\($0.rawValue)\"" }.joined(separator: ", ")
      throw .invalid("\(name): expected one of \(choices), found \"\(text)\"")
    }
    return choice
  }
}
