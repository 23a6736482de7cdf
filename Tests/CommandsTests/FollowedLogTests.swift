import Commands
import Testing

@Suite struct FollowedLogTests {
  @Test(arguments: [
    (["a\nb\n", "a\nb\nc\n"], [["a", "b"], ["c"]], "lines are appended"),
    (["a\nb\nc\n", "b\nc\nd\n"], [["a", "b", "c"], ["d"]], "the oldest lines are dropped"),
    (["a\nb\n", "a\nb\n"], [["a", "b"], []], "nothing new"),
    (["a\nb\n", "x\ny\n"], [["a", "b"], ["x", "y"]], "everything is new"),
    (["", "a\n"], [[], ["a"]], "an empty log begins"),
    (["a\na\n", "a\na\na\n"], [["a", "a"], ["a"]], "equal lines are counted"),
    (["a\n\nb\n", "a\n\nb\n\n"], [["a", "", "b"], [""]], "blank lines are lines"),
  ])
  func `only new lines are shown`(readings: [String], newLines: [[String]], why: String) {
    var log = FollowedLog()
    #expect(readings.map { log.newLines(in: $0) } == newLines, "\(why)")
  }
}
