import Testing

@testable import Controller

@Suite struct LoggedReasonsTests {
  private let why =
    "there is no registered model main.support.missing (\"setpoint models list\" shows the models there are)"

  @Test func `a long reason is logged in full once, and truncated afterwards`() {
    var logged = LoggedReasons()
    #expect(logged.words("chat.yaml:3:18: \(why)", of: "chat") == "chat.yaml:3:18: \(why)")
    let short = "there is no registered model main.support.missing… (see above)"
    #expect(logged.words(why, of: "chat") == short)
    #expect(logged.words(why, of: "chat") == short, "also the third time")
    #expect(logged.words(why, of: "other") == why, "not logged for the other one yet")
    logged.forget("chat")
    #expect(logged.words(why, of: "chat") == why)
  }

  @Test func `a short reason is logged each time, and so is a different one`() {
    var logged = LoggedReasons()
    #expect(logged.words("does not exist", of: "chat") == "does not exist")
    #expect(logged.words("does not exist", of: "chat") == "does not exist")
    #expect(logged.words(why, of: "chat") == why)
    #expect(logged.words("\(why), again", of: "chat") == "\(why), again")
  }
}
