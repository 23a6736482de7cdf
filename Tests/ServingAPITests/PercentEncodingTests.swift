import ServingAPI
import Testing

@Suite struct PercentEncodingTests {
  @Test(arguments: ["", "plain-text_1.2~3", "a b/c?d#e", "100%", "%41", "é日本", "\u{0}\u{1F}"])
  func `what was encoded decodes to itself`(text: String) {
    let encoded = PercentEncoding.encode(text)
    #expect(encoded.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F })
    #expect(PercentEncoding.decode(encoded) == text)
  }

  @Test(arguments: [
    ("a%20b", "a b"), ("p%40ss%", "p@ss%"), ("%zz%41", "%zzA"), ("%4", "%4"), ("%+4a", "%+4a"), ("%FF", "%FF"),
    ("x%c3%A9", "xé"),
  ])
  func `an invalid sequence stays`(text: String, decoded: String) {
    #expect(PercentEncoding.decode(text) == decoded)
  }
}
