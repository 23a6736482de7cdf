import NIOCore
import Testing

@testable import Gateway

@Suite struct EventFilterTests {
  private static let text = "data: {\"id\":\"1\",\"choices\":[{\"delta\":{\"content\":\"\\\"choices\\\":[]\"}}]}\n\n"
  private static let usage =
    "data: {\"id\": \"1\", \"choices\": [], \"usage\": {\"prompt_tokens\": 4, \"completion_tokens\": 9}}\n\n"
  private static let error = "data: {\"error\": {\"message\": \"no access\", \"code\": 500}}\n"
  private static let end = "data: [DONE]\n\n"

  /// What is passed on of a stream that arrives in these pieces; errors are in angle brackets.
  private static func passed(_ pieces: [String], by filter: inout EventFilter) -> [String] {
    var passed: [String] = []
    for piece in pieces {
      var text = ""
      var left: ByteBuffer? = ByteBuffer(string: piece)
      while let bytes = left {
        let part = filter.next(bytes)
        text += String(buffer: part.passed)
        if let line = part.error?.line { text += "<\(String(buffer: line))>" }
        left = part.error?.rest
      }
      passed.append(text)
    }
    return passed + [String(buffer: filter.rest())]
  }

  @Test func `only the event with the counts is taken out`() {
    var filter = EventFilter(removingUsage: true)
    let comment = ": keep-alive\n\n"
    let passed = Self.passed([comment, Self.text, Self.text + Self.usage, Self.end], by: &filter)
    #expect(passed == [comment, Self.text, Self.text, Self.end, ""])
    #expect(filter.usage?.prompt == 4 && filter.usage?.completion == 9 && filter.eventCount == 2)
  }

  @Test func `counts that the client asked for stay`() {
    var filter = EventFilter(removingUsage: false)
    let passed = Self.passed([Self.text + Self.usage + Self.end], by: &filter)
    #expect(passed == [Self.text + Self.usage + Self.end, ""])
    #expect(filter.usage == nil)
  }

  @Test(arguments: 1..<40)
  func `the result does not depend on the pieces`(length: Int) {
    let all = Array((Self.text + Self.text + Self.usage + Self.error + "\n" + Self.end).utf8)
    let pieces = stride(from: 0, to: all.count, by: length).map {
      String(decoding: all[$0..<min($0 + length, all.count)], as: UTF8.self)
    }
    var filter = EventFilter(removingUsage: true)
    let passed = Self.passed(pieces, by: &filter).joined()
    #expect(passed == Self.text + Self.text + "<" + Self.error + ">\n" + Self.end)
    #expect(filter.usage?.completion == 9 && filter.eventCount == 2)
  }

  @Test func `an event is passed on before its end as soon as its kind is known`() {
    var filter = EventFilter(removingUsage: true)
    let pieces = ["da", "ta: {\"id\":\"1\",", "\"choices\":[{", "\"text\":\"a\"}]}\n", "\n"]
    let start = "data: {\"id\":\"1\",\"choices\":[{"
    let passed = Self.passed(pieces, by: &filter)
    #expect(passed == ["", "", start, "\"text\":\"a\"}]}\n", "\n", ""])
    #expect(filter.eventCount == 1)
  }

  @Test func `a line of any length is passed on, and not held`() {
    var filter = EventFilter(removingUsage: true)
    let piece = "data: {\"x\":\"" + String(repeating: "y", count: 1 << 16)
    let more = String(repeating: "z", count: 1 << 16)
    let passed = Self.passed([piece, more, "\"}\n\n"], by: &filter)
    #expect(passed == [piece, more, "\"}\n\n", ""])
  }

  @Test func `an error that is too long to be held is replaced, and nothing of it is passed on`() {
    var filter = EventFilter(removingUsage: false)
    let start = "data: {\"error\": {\"message\": \"" + String(repeating: "y", count: 1 << 14)
    let passed = Self.passed(
      [Self.text + start, "secret", "secret\"}}\n\n" + Self.error + "\n" + Self.end], by: &filter)
    let long = "<\(String(buffer: EventFilter.longError))>"
    #expect(passed == [Self.text + long, "", "\n\n<" + Self.error + ">\n" + Self.end, ""])
  }

  @Test func `what is held at the end of a stream is passed on, unless it is a part of an error`() {
    var filter = EventFilter(removingUsage: true)
    let passed = Self.passed(["data: {\"id\":"], by: &filter)
    #expect(passed == ["", "data: {\"id\":"])
    filter = EventFilter(removingUsage: true)
    let rest = Self.passed(["data: {\"error\": {\"message\": \"no"], by: &filter)
    #expect(rest == ["", ""])
  }
}
