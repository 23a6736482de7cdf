import Diagnosis
import Testing

@Suite struct CauseTests {
  @Test func `failures come before what is slow`() {
    #expect(Cause.Severity.failing < .slow)
    #expect(Cause.Severity.slow < .note)
  }
}
