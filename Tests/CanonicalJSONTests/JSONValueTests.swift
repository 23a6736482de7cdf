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

  @Test(arguments: [#"{"\u00e9": 1, "e\u0301": 2}"#, #"{"e\u0301": 2, "\u00e9": 1}"#])
  func `keys that differ only in their Unicode form are two keys, in any order`(text: String) throws {
    let value = try JSONValue(parsing: text)
    #expect(value["\u{E9}"] == 1)
    #expect(value["e\u{301}"] == 2)
    let other = try JSONValue(parsing: #"{"e\u0301":2,"\u00e9":1}"#)
    #expect(value == other && value.hashValue == other.hashValue)
    #expect(try JSONValue(parsing: value.text()) == value)
    #expect(try value != JSONValue(parsing: #"{"e\u0301":1,"\u00e9":2}"#))
    #expect(value.alikeKey == "\u{E9}" && JSONValue.array([["a": value]]).alikeKey != nil)
    #expect(try JSONValue(parsing: #"{"\u00e9": {"\u00e9": 1}, "e": [1]}"#).alikeKey == nil)
    let blank = value.mapMembers { _, _ in .null }
    #expect(blank["e\u{301}"] == .null)
  }

  @Test(arguments: [#"{"K": "a", "\u212a": "b"}"#, #"{"\u212a": "b", "K": "a"}"#])
  func `a key is found by its bytes, also beside one that Unicode counts as equal`(text: String) throws {
    let value = try JSONValue(parsing: text)
    #expect(value["K"] == "a")
    #expect(value.objectValue?["K"] == "a")
    #expect(value["\u{212A}"] == "b")
    #expect(try JSONValue(parsing: #"{"\u212a": "b"}"#)["K"] == nil)
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
