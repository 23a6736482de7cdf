import Endpoints
import Testing

@Suite struct PrintableTests {
  @Test(
    arguments: [
      ("plain text, ~ and all", "plain text, ~ and all"),
      ("naïve 日本語 Ω ‚quoted‘ → 🙂", "naïve 日本語 Ω ‚quoted‘ → 🙂"),
      ("❤️ and ☎︎ keep their look", "❤️ and ☎︎ keep their look"),
      ("one\r\ntwo\tthree", #"one\r\ntwo\tthree"#),
      ("\u{1B}[2J\u{7}\u{0}\u{7F}", #"\u{1b}[2J\u{7}\u{0}\u{7f}"#),
      ("\u{9B}31m\u{85}next line", #"\u{9b}31m\u{85}next line"#),
      ("line\u{2028}paragraph\u{2029}", #"line\u{2028}paragraph\u{2029}"#),
      ("a\u{202E}b\u{2066}c\u{2069}d\u{200F}e\u{61C}", #"a\u{202e}b\u{2066}c\u{2069}d\u{200f}e\u{61c}"#),
      (
        "zero\u{200B}\u{200C}\u{200D}\u{2060}\u{FEFF}\u{AD}width",
        #"zero\u{200b}\u{200c}\u{200d}\u{2060}\u{feff}\u{ad}width"#
      ),
      ("tag\u{E0041}\u{E007F}s", #"tag\u{e0041}\u{e007f}s"#),
      ("hidden\u{E0100}\u{FE0F}\u{3164}\u{34F}", #"hidden\u{e0100}\u{fe0f}\u{3164}\u{34f}"#),
      ("private\u{E000}\u{F0000}", #"private\u{e000}\u{f0000}"#),
      ("", ""),
    ] as [(String, String)])
  func `unprintable characters are escaped within a line`(text: String, line: String) {
    #expect(Printable.line(text) == line)
    #expect(Printable.line(line) == line)
  }

  @Test(arguments: [0xFDD0, 0xFFFF, 0x1FFFE] as [UInt32])
  func `noncharacters are escaped`(value: UInt32) throws {
    let scalar = try #require(Unicode.Scalar(value))
    #expect(Printable.line("a\(scalar)b") == "a\\u{\(String(value, radix: 16))}b")
  }

  @Test func `a stream keeps its lines, tabs and joiners, and does not control the terminal`() {
    #expect(Printable.stream("a\tb\nنمی\u{200C}خواهم 👩\u{200D}💻\n") == "a\tb\nنمی\u{200C}خواهم 👩\u{200D}💻\n")
    #expect(
      Printable.stream("50%\r\u{1B}]0;title\u{7}\u{9B}2J\u{202E}x") == #"50%\r\u{1b}]0;title\u{7}\u{9b}2J\u{202e}x"#)
  }

  @Test func `escapes in JSON are the same data to a parser`() {
    let document = "{\n  \"a\": \"x\u{7F}\u{202E}\u{E0041}é\"\n}"
    #expect(Printable.json(document) == "{\n  \"a\": \"x\\u007f\\u202e\\udb40\\udc41é\"\n}")
  }

  @Test(arguments: [
    ("a reason.", "a reason"), ("a reason. \n", "a reason"), ("a reason", "a reason"), ("a reason...", "a reason..."),
    ("Stopped. Why?", "Stopped. Why?"), ("", ""), (".", ""),
  ])
  func `a sentence that is embedded in another loses its full stop`(text: String, clause: String) {
    #expect(text.clause == clause)
  }
}
