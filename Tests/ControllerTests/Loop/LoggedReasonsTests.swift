import Testing

@testable import Controller

@Suite struct LoggedReasonsTests {
  private let why =
    "there is no registered model main.support.missing (\"setpoint models list\" shows the models there are)"

  @Test func `a long reason is logged in full once, and truncated afterwards`() {
    var logged = LoggedReasons()
    #expect(logged.text("chat.yaml:3:18: \(why)", of: "chat") == "chat.yaml:3:18: \(why)")
    let short = "there is no registered model main.support.missing… (see above)"
    #expect(logged.text(why, of: "chat") == short)
    #expect(logged.text(why, of: "chat") == short, "also the third time")
    #expect(logged.text(why, of: "other") == why, "not logged for the other one yet")
    logged.forget("chat")
    #expect(logged.text(why, of: "chat") == why)
  }

  @Test func `a short reason is logged each time, and so is a different one`() {
    var logged = LoggedReasons()
    #expect(logged.text("does not exist", of: "chat") == "does not exist")
    #expect(logged.text("does not exist", of: "chat") == "does not exist")
    #expect(logged.text(why, of: "chat") == why)
    #expect(logged.text("\(why), again", of: "chat") == "\(why), again")
  }
}
