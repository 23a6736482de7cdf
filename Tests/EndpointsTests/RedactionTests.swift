import Endpoints
import Testing

/// Text from outside is shown without secrets.
@Suite struct RedactionTests {
  @Test(arguments: [
    ("the key swordfish-12 was refused", "the key [redacted] was refused"),
    ("swordfish-12swordfish-123", "[redacted][redacted]"),
    (#"{"env": "line one of it\nline two of it"}"#, #"{"env": "[redacted]"}"#),
    ("it begins: line one of it", "it begins: [redacted]"),
    (#"quoted: a \"quoted\" one"#, "quoted: [redacted]"),
    ("level INFO stays", "level INFO stays"),
  ])
  func `a known value is redacted everywhere, however it is written`(text: String, shown: String) {
    let redaction = Redaction([
      "swordfish-12", "swordfish-123", "line one of it\nline two of it", "a \"quoted\" one", "INFO",
    ])
    #expect(redaction.applied(to: text) == shown)
  }

  @Test(arguments: [
    ("swordfish-12\u{301} is invalid", "[redacted]\u{301} is invalid"),
    ("pass-caf\u{E9}-1 or pass-cafe\u{301}-1", "[redacted] or [redacted]"),
  ])
  func `a combining mark or another Unicode form does not hide a known value`(text: String, shown: String) {
    #expect(Redaction(["swordfish-12", "pass-caf\u{E9}-1"]).applied(to: text) == shown)
  }

  @Test(arguments: [
    ("HF_TOKEN=hf_abcDEF123456789xyz is invalid.", "HF_TOKEN=[redacted] is invalid."),
    ("token 'dapi0123456789abcdef01'.", "token '[redacted]'."),
    ("Authorization: Bearer eyJhbGciOiJIUzI1.eyJzdWIiOiIx.abc-DEF", "Authorization: Bearer [redacted]"),
    ("key sk-proj-1234567890abcdef, again", "key [redacted], again"),
    ("AKIAIOSFODNN7EXAMPLE", "[redacted]"),
    ("GET https://user:s3cr3t-word@host:8080/path failed", "GET https://user:[redacted]@host:8080/path failed"),
    ("redis://:pass1word@cache", "redis://:[redacted]@cache"),
  ])
  func `text with the shape of a credential is redacted too, whoever owns it`(text: String, shown: String) {
    #expect(Redaction([]).applied(to: text) == shown)
  }

  @Test(arguments: [
    "sk-learn-is-not-a-secret", "hf_hub is missing", "see https://host:8080/a@b", "eyJ", "dosed with care 12345",
    "main.support.qwen3 version 7", "unrecognized arguments: --tensor-parallel-size 2", "größer als 5 € 😀",
    "model hf_3 on host-1.example.com", "https://example.com/?q=a:b@c",
  ])
  func `ordinary words are not redacted`(text: String) { #expect(Redaction([]).applied(to: text) == text) }
}
