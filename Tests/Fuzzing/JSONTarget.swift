internal import CanonicalJSON
internal import LibYAML

extension FuzzTarget {
  static let jsonMutator = Mutator(
    examples: [
      #"{"name":"chat","config":{"served_entities":[{"entity_name":"ml.models.chat","entity_version":"3"}]}}"#,
      #"[0,-1,1.5,1e3,-0.0,9223372036854775807,-9223372036854775808,18446744073709551616,1e308,4.9e-324]"#,
      #"{"a":[],"b":{},"c":[[[{}]]],"":null,"e\u0301":true,"\u00e9":false}"#,
      #"["\ud83d\ude00","\u0000","\\\/\b\f\n\r\t","\uD800","日本語"]"#,
      "  [ 1 ,\n\t2 ]\r\n", "null", "\"text\"",
    ],
    tokens: [
      "{", "}", "[", "]", ":", ",", "\"", "\\", "\\u", "\\ud83d", "\\udc00", "\"a\":", "true", "false", "null", "-",
      "0",
      "1e", "E+", ".", "9999999999", "\u{FEFF}", "\n", " ", "\u{0}", "é", "// ", "NaN", "Infinity", "'",
    ])

  /// What the reader of responses accepts reads back as itself, and the reader of manifests accepts it too, apart from a few
  /// named differences.
  static let json = FuzzTarget("json", jsonMutator) { bytes throws(BrokenProperty) in
    let value: JSONValue
    do throws(JSONError) {
      value = try JSONValue(parsing: bytes)
    } catch {
      guard (0...bytes.count).contains(error.offset) else {
        throw BrokenProperty("an error's offset is in the text; it is \(error.offset)")
      }
      return false
    }
    for style in [JSONStyle.compact, .pretty] {
      let again = try? JSONValue(parsing: value.bytes(style))
      guard again == value, again?.bytes(style) == value.bytes(style) else {
        throw BrokenProperty("what is written reads back as the same value, and is written the same again")
      }
    }
    // The reader of manifests refuses some of what servers may send: a key twice, an unpaired surrogate.
    do throws(YAMLError) {
      _ = try YAMLParser.jsonDocuments(in: bytes, file: "fuzz.json")
    } catch  where !["duplicate key", "nested", "surrogate"].contains(where: error.message.contains) {
      throw BrokenProperty("both readers of JSON accept it; one says \(error)")
    } catch {}
    return true
  }
}
