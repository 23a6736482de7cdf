import Testing

@testable import ServingPlane

struct CommandLineWordsTests {
  struct Case: CustomTestStringConvertible, Sendable {
    let text: String
    let words: [String]
    var testDescription: String { text }
  }

  @Test(arguments: [
    Case(text: "python -m  vllm", words: ["python", "-m", "vllm"]),
    Case(text: "a\n b\tc", words: ["a", "b", "c"]),
    Case(text: #"--a '{"image": 2}' b"#, words: ["--a", #"{"image": 2}"#, "b"]),
    Case(text: #"--a "{\"image\": 2}" b"#, words: ["--a", #"{"image": 2}"#, "b"]),
    Case(text: #"one\ word two\"three"#, words: ["one word", "two\"three"]),
    Case(text: "a \\\n b", words: ["a", "b"]),
    Case(
      text: "--port $PORT --port=${PORT} http://x:{port}/ '$PORT'",
      words: ["--port", "8123", "--port=8123", "http://x:8123/", "$PORT"]),
    Case(text: "pre${WHO}post \"$WHO said\" $ $1", words: ["premepost", "me said", "$", "$1"]),
    Case(text: "a '' b", words: ["a", "", "b"]),
    Case(text: "x'y'\"z\"", words: ["xyz"]),
  ])
  func `words are split as a shell splits them`(_ example: Case) throws {
    let words = try CommandLineWords.split(example.text, port: 8123, variables: ["WHO": "me"])
    #expect(words == example.words)
  }

  @Test(arguments: [
    ("a && b", "shell"), ("a | b", "shell"), ("a > log", "shell"), ("a $(b)", "shell"), ("a `b`", "shell"),
    ("a 'b", "not closed"), ("a \"b", "not closed"), ("a \\", "backslash"), ("a $NOPE", "$NOPE"),
    ("${A:-b}", "plain"),
  ])
  func `syntax that needs a shell is refused by name`(_ text: String, _ expected: String) {
    #expect { try CommandLineWords.split(text, port: 1, variables: [:]) } throws: { error in
      "\(error)".contains(expected)
    }
  }
}
