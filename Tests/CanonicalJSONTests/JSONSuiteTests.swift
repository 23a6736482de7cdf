import CanonicalJSON
import Testing

/// The kinds of cases of the published JSON test suites: what every reader must accept, what every reader must refuse, and
/// what RFC 8259 leaves open, with our choice.
@Suite struct JSONSuiteTests {
  @Test(arguments: [
    // White space and single values
    ("[]", "[]"), (" \t\r\n[ \n] \t", "[]"), ("true", "true"), ("\"\"", "\"\""), ("-7", "-7"), ("null\n", "null"),
    // Arrays and objects
    ("[[],[[]]]", "[[],[[]]]"), ("[1,null,\"a\",{},false]", "[1,null,\"a\",{},false]"),
    (#"{"":0}"#, #"{"":0}"#), (#"{"a":{"a":{"a":[]}}}"#, #"{"a":{"a":{"a":[]}}}"#),
    (#"{"b":1,"a":2}"#, #"{"a":2,"b":1}"#),
    (#"{"\u0000":"\u0000"}"#, #"{"\u0000":"\u0000"}"#), ("{\"a\u{7F}\":1}", "{\"a\u{7F}\":1}"),
    // Numbers
    ("0", "0"), ("-0", "0"), ("0e5", "0"), ("0E+1", "0"), ("1E-2", "0.01"), ("1e2", "100"), ("123.456e-3", "0.123456"),
    ("9007199254740993", "9007199254740993"), ("-9223372036854775808", "-9223372036854775808"), ("20.0", "20"),
    ("0.1e1", "1"), ("1.5e300", "1.5e+300"), ("-1.7976931348623157e308", "-1.7976931348623157e+308"),
    // Strings
    (#""\"\\\/\b\f\n\r\t""#, #""\"\\/\u0008\u000c\n\r\t""#), (#""\u00e9\u20AC""#, "\"é€\""),
    (#""\uD834\uDd1e""#, "\"\u{1D11E}\""),
    ("\"\u{2028}\u{2029}\"", "\"\u{2028}\u{2029}\""), ("\"\u{10FFFF}\"", "\"\u{10FFFF}\""),
    (#""\u0061\u30af""#, "\"aク\""),
    (#""/* not a comment */""#, #""/* not a comment */""#), ("\"\u{FEFF}\"", "\"\u{FEFF}\""),
  ])
  func `what every reader accepts is read, and written in one form`(text: String, canonical: String) throws {
    #expect(try JSONValue(parsing: text).text() == canonical)
  }

  @Test(arguments: [
    // Structure
    "", " ", "[", "]", "[]]", "{}}", "[}", "{]", "[][]", "[1]x", "1 2", "[1 true]", "[a]", "a", "abc", "[\"a\" \"b\"]",
    "<.>",
    "[<null>]", "[\n1\n,1\n,1", "nul", "True", "NULL", "nulll", "truefalse", "//x\n1", "/*x*/1", "[1]//", "#x\n1",
    "'a'", "`1`",
    // Arrays
    "[,]", "[,1]", "[1,]", "[1,,2]", "[1:2]", "[\"\",", "[\"x\"", "[*]", "[3[4]]", "[-]", "[\u{B}1]",
    // Objects
    "{", "{,}", "{\"a\"}", "{\"a\":}", "{\"a\":1,}", "{\"a\" 1}", "{\"a\",1}", "{a:1}", "{1:1}", "{'a':1}", "{null:1}",
    "{\"a\":1 \"b\":2}", "{\"a\":1,,\"b\":2}", "{\"a\"::1}", "{\"a\":1}#", "{\"a\":1/**/}", "{[]:1}", "{\"a\":\"b\"",
    // Numbers
    "+1", "-", "--1", "-a", "- 1", "01", "-01", "00", "1.", ".1", "-.1", "1.e1", "1e", "1e+", "1eE2", "1.2.3", "0x1",
    "0b1", "1_000",
    "1,000", "NaN", "-NaN", "Infinity", "-Infinity", "inf", "1f", "1e1.5", "１", "٣", "1\u{A0}",
    // Strings
    "\"", "\"a", "\"\\\"", "\"\\", "\"\\x41\"", "\"\\a\"", "\"\\u\"", "\"\\u1\"", "\"\\u12\"", "\"\\u123\"",
    "\"\\u123g\"",
    "\"\\u{41}\"", "\"\\U0041\"", "\"\\u+041\"", "\"\\u 041\"", "\"\\uD834\\u\"", "\"\\\u{1F300}\"", "\"\n\"", "\"\t\"",
    "\"\u{0}\"", "\"\u{1F}\"",
    "\"a\"\"b\"", "\\u0022a\\u0022", "\"\\u００４１\"",
  ])
  func `what every reader refuses is refused, with a place in the text`(text: String) throws {
    let error = try #require(throws: JSONError.self) { try JSONValue(parsing: text) }
    #expect((0...text.utf8.count).contains(error.offset), "\(error)")
  }

  @Test(arguments: [
    // Lone surrogates have no UTF-8 form.
    (#""\ud800""#, "\"\u{FFFD}\""), (#""\udc00x""#, "\"\u{FFFD}x\""), (#""\ud800\u0041""#, "\"\u{FFFD}A\""),
    (#""\ud800\ud800\udc00""#, "\"\u{FFFD}\u{10000}\""),
    // The last of several values of a key counts.
    (#"{"a":1,"a":2}"#, #"{"a":2}"#),
    // Keys that are the same text to Unicode, composed and decomposed, are two keys.
    (#"{"\u00e9":1,"e\u0301":2}"#, "{\"e\u{301}\":2,\"\u{E9}\":1}"),
    (#"{"e\u0301":1,"\u00e9":2,"e\u0301":3}"#, "{\"e\u{301}\":3,\"\u{E9}\":2}"),
    (#"{"\u212b":1,"A\u030a":2,"\u00c5":3,"\u212b":4}"#, "{\"A\u{30A}\":2,\"\u{C5}\":3,\"\u{212B}\":4}"),
    // Beyond 64 bits a number is a double; one that a double cannot tell from 0 is 0.
    ("18446744073709551616", "1.8446744073709552e+19"), ("1e-400", "0"),
    ("0.1000000000000000055511151231257827", "0.1"),
  ])
  func `what the RFC leaves open is read like this`(text: String, canonical: String) throws {
    #expect(try JSONValue(parsing: text).bytes() == Array(canonical.utf8))
  }

  @Test(arguments: [
    "1e400", "-1e400", "\u{FEFF}[]", String(repeating: "[", count: 500) + String(repeating: "]", count: 500),
  ])
  func `what the RFC leaves open is refused here`(text: String) {
    #expect(throws: JSONError.self) { try JSONValue(parsing: text) }
  }

  @Test(
    arguments: [
      [0x22, 0xFF, 0x22], [0x22, 0xC3, 0x22], [0x22, 0xC0, 0xAF, 0x22], [0x22, 0xE2, 0x82, 0x22],
      [0x22, 0xED, 0xA0, 0x80, 0x22],
      [0x22, 0xF4, 0x90, 0x80, 0x80, 0x22], [0x22, 0xF8, 0x88, 0x80, 0x80, 0x80, 0x22], [0xE5],
      [0x5B, 0xC3, 0xA5, 0x5D],
      [0xFF, 0xFE, 0x5B, 0x00, 0x5D, 0x00], [0x00, 0x5B, 0x00, 0x5D], [0x22, 0x80, 0x22], [0x5B, 0x31, 0x00, 0x5D],
    ] as [[UInt8]])
  func `bytes that are not UTF-8, overlong forms and other encodings are refused`(bytes: [UInt8]) {
    #expect(throws: JSONError.self) { try JSONValue(parsing: bytes) }
  }
}
