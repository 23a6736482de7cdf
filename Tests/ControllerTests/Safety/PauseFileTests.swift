import Controller
import Foundation
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
    #expect(file.reason() == nil)
    #expect(!PauseFile(path: scratch.file("no/such/pause")).isPaused())
    try file.resume()
  }

  @Test func `a pause has a reason, which can change, and can be ended`() throws {
    try file.pause(reason: "incident 4711")
    #expect(file.isPaused())
    #expect(file.reason() == "incident 4711")
    try file.pause(reason: "moving house")
    #expect(file.reason() == "moving house")
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
    #expect(file.reason() == reason)
  }

  @Test(arguments: ["", "\n", " \nsecond line"])
  func `a file without a reason pauses as well, and the message names the file`(text: String) throws {
    try scratch.write(text, to: "pause")
    #expect(file.reason() == "\(file.path) exists and gives no reason")
  }

  @Test func `an unreadable file counts as a pause`() throws {
    try FileManager.default.createDirectory(atPath: file.path, withIntermediateDirectories: false)
    #expect(file.reason()?.contains("cannot be read") == true)
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
