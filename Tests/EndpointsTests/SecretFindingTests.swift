import Endpoints
import Testing

@Suite struct `Secrets` {
  @Test(arguments: [
    "environment: {HF_TOKEN: hunter2}",
    "environment: {HF_TOKEN: \"{{hunter2}}\"}",
    "environment: {PIN: 0x7hunter2, A: [hunter2]}",
    "environment: {A: {b: hunter2}}",
    "environment: hunter2",
    "environment: [hunter2]",
    "environment: {\"A B\": hunter2}",
    "environment: {A: !hunter2x hunter2}",
    "HF_TOKEN: hunter2",
    "engine: {extraArgs: [--api-key=hunter2]}",
    "engine: {extraArgs: --api-key=hunter2}",
    "engine: {extraArgs: [\"--api-key hunter2\"]}",
    "engine: {extraArgs: [{--api-key: hunter2}]}",
    "environment: {A: \"hunter2\\0\"}",
  ]) func `secrets never appear in a finding`(line: String) {
    let found = findings(manifest("model: m\nentityVersion: 7\n" + line.replacing("!hunter2x", with: "!x")))
    #expect(!found.joined().contains("hunter2"), "\(found)")
    #expect(!found.isEmpty)
  }

  @Test func `secrets in plaintext are a warning`() {
    #expect(
      findings(
        manifest("model: m\nentityVersion: 7\nenvironment: {HF_TOKEN: hunter2, TOKENIZERS_PARALLELISM: off-ish}")) == [
          "8:27: warning: spec.environment.HF_TOKEN: looks like a plaintext secret; use a reference to a stored one: "
            + "{{secrets/scope/key}}"
        ])
  }

  @Test func `secrets that are numbers are not shown either`() {
    #expect(
      findings(manifest("model: m\nentityVersion: 7\nenvironment: {PIN: 4711}")) == [
        "8:22: error: spec.environment.PIN: the value is a number, not text; write it in quotes"
      ])
  }
}
