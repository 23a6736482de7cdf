import CanonicalJSON
import Testing

@Suite struct JSONValueTests {
  @Test func `keys are sorted, so equal documents are equal bytes`() throws {
    let one = try JSONValue(parsing: #"{"b": [1, 2.5, true], "a": {"y": null, "x": "é"}}"#)
    let other = try JSONValue(parsing: #"{"a":{"x":"\u00e9","y":null},"b":[1.0,2.5,true]}"#)
    #expect(one.text() == #"{"a":{"x":"é","y":null},"b":[1,2.5,true]}"#)
    #expect(one.text() == other.text())
  }

  @Test(arguments: [
    #""\ud83d\ude00""#, #""tab\tquote\"back\\slash\/""#, "[]", "{}", "-0.5", "1e3", "9223372036854775807", #""\u0001""#,
  ])
  func `a document that is written reads back unchanged`(text: String) throws {
    let value = try JSONValue(parsing: text)
    #expect(try JSONValue(parsing: value.text()) == value)
    #expect(try JSONValue(parsing: value.text(.pretty)) == value)
  }

  @Test func `a number beyond 64 bits becomes a double`() throws {
    #expect(try JSONValue(parsing: "92233720368547758070") == .double(9.223372036854775807e19))
  }

  @Test(arguments: [
    ("", 0), ("{", 1), ("[1,]", 3), (#"{"a" 1}"#, 5), ("01", 2), ("1.", 2), ("tru", 3), ("\"a\nb\"", 2), ("1 2", 2),
    (#""\x""#, 3), ("nul", 3), ("-", 1), (#"{"a":1,}"#, 7), ("1e999", 5),
  ])
  func `an invalid document reports where the error is`(text: String, offset: Int) {
    #expect { _ = try JSONValue(parsing: text) } throws: { ($0 as? JSONError)?.offset == offset }
  }

  @Test(arguments: ["{", "[1, 2", #"{"a""#, #"{"a": "#, #"{"a": "b"#, #"{"a": "\"#, #""\u00"#, "tr", "-", "1.", "[1e"])
  func `a truncated document is reported as such, with the position`(text: String) throws {
    let error = try #require(throws: JSONError.self) { try JSONValue(parsing: text) }
    #expect(error.endsTooEarly)
    #expect(
      error.description.hasPrefix("JSON truncated after \(text.utf8.count) bytes: expected "), "\(error)")
  }

  @Test(arguments: ["", "  ", "01", "[1,]", "1 2", "\"a\nb\""])
  func `an error of another kind is not reported as truncation`(text: String) throws {
    let error = try #require(throws: JSONError.self) { try JSONValue(parsing: text) }
    #expect(!error.endsTooEarly && error.description.hasPrefix("not valid JSON at byte "), "\(error)")
  }

  @Test func `bytes that are not UTF-8 are refused`() {
    #expect(throws: JSONError.self) { try JSONValue(parsing: [0x22, 0xFF, 0x22]) }
    #expect(throws: JSONError.self) { try JSONValue(parsing: [0x22, 0x5C, 0x6E, 0xFF, 0x22]) }
  }

  @Test func `nesting depth is limited`() {
    let deep = String(repeating: "[", count: 100_000)
    #expect(throws: JSONError.self) { try JSONValue(parsing: deep) }
  }
}
