import Controller
import Foundation
import Planning
import Testing

@Suite struct PauseFileTests {
  private let scratch: Scratch
  private let file: PauseFile

  init() throws {
    scratch = try Scratch()
    file = PauseFile(path: scratch.file("pause"))
  }

  @Test func `without a file, nothing is paused`() throws {
    #expect(!file.isPaused())
    #expect(file.current()?.reason == nil)
    #expect(!PauseFile(path: scratch.file("no/such/pause")).isPaused())
    try file.resume()
  }

  @Test func `a pause has a reason, which can change, and can be ended`() throws {
    try file.pause(reason: "incident 4711")
    #expect(file.isPaused())
    #expect(file.current()?.reason == "incident 4711")
    try file.pause(reason: "moving house")
    #expect(file.current()?.reason == "moving house")
    #expect(try scratch.names == ["pause"], "and no temporary file is left")
    try file.resume()
    #expect(!file.isPaused())
  }

  @Test(arguments: [
    ("incident 4711\n", "incident 4711"), ("  by hand \t of\u{7} ann\r\nmore\n", "by hand of ann"),
    (String(repeating: "x", count: 5000), String(repeating: "x", count: 1024)),
  ])
  func `the first line of a file written by hand is the reason`(text: String, reason: String) throws {
    try scratch.write(text, to: "pause")
    #expect(file.current()?.reason == reason)
  }

  @Test func `a pause says whether a file or a call is its cause, since when, and how to end it`() throws {
    try scratch.write("incident 4711\nof today\n", to: "pause")
    let time = Date(timeIntervalSince1970: 1_767_225_600)
    try FileManager.default.setAttributes([.modificationDate: time], ofItemAtPath: file.path)
    let byHand = try #require(file.current())
    #expect(byHand.cause == "the file \(file.path)" && byHand.remedy == "remove the file" && byHand.isExplained)
    #expect(byHand.since == Timestamp(milliseconds: 1_767_225_600_000))
    try file.pause(reason: "incident 4712")
    let called = try #require(file.current())
    #expect(called.reason == "incident 4712" && called.cause == "POST /pause")
    #expect(called.remedy == "call POST /resume, or remove the file \(file.path)")
    try scratch.write("\n", to: "pause")
    #expect(file.current()?.isExplained == false)
  }

  @Test(arguments: ["", "\n", " \nsecond line"])
  func `a file without a reason pauses as well, and the message names the file`(text: String) throws {
    try scratch.write(text, to: "pause")
    #expect(file.current()?.reason == "\(file.path) exists and gives no reason")
  }

  @Test func `an unreadable file counts as a pause`() throws {
    try FileManager.default.createDirectory(atPath: file.path, withIntermediateDirectories: false)
    #expect(file.current()?.reason.contains("cannot be read") == true)
    #expect(throws: PauseFileError.self) { try file.resume() }
    #expect(file.isPaused())
  }

  @Test func `a pause that cannot be written is an error that says what to do`() throws {
    let file = PauseFile(path: scratch.file("no/such/pause"))
    let error = #expect(throws: PauseFileError.self) { try file.pause(reason: "x") }
    let words = try #require(error?.description)
    #expect(words.contains(file.path) && words.contains("No such file or directory") && words.contains("its directory"))
  }
}
