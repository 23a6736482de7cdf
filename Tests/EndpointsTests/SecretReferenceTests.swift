import Endpoints
import Testing

@Suite struct SecretReferenceTests {
  @Test(arguments: [
    ("{{secrets/llm/hf}}", "llm", "hf"), ("{{secrets/a-b.c/d_e}}", "a-b.c", "d_e"), ("{{secrets/é/ü}}", "é", "ü"),
  ])
  func `a whole value in this form is a reference`(value: String, scope: String, key: String) throws {
    let reference = try #require(SecretReference(value))
    #expect(reference.scope == scope && reference.key == key)
  }

  @Test(arguments: [
    "", "{{", "{{}}", "{{secrets/}}", "{{secrets//}}", "{{secrets/a}}", "{{secrets/a/}}", "{{secrets//b}}",
    "{{secrets/a/b/c}}",
    "{{secrets/a/b}", "{secrets/a/b}", "{{secrets/a/b}} ", " {{secrets/a/b}}", "{{ secrets/a/b }}", "{{secrets/a b/c}}",
    "{{secrets/a/{b}}", "{{Secrets/a/b}}", "x{{secrets/a/b}}", "{{secrets/a/b}}{{secrets/a/c}}",
  ])
  func `anything else is not`(value: String) {
    #expect(SecretReference(value) == nil)
  }

  @Test func `a value that begins like one is meant as one`() {
    #expect(SecretReference.isMeant(by: "{{secret/a}}") && !SecretReference.isMeant(by: "{a}"))
  }
}
