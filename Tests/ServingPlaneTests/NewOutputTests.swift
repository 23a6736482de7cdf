import FoundationEssentials
import Glibc
import Telemetry
import Testing

@testable import ServingPlane

@Suite struct NewOutputTests {
  private let data = TestData()
  private var file: OutputFile { OutputFile(data.path + "/output.log") }

  private func write(_ text: String) throws { try Data(text.utf8).write(to: URL(filePath: file.path)) }

  /// As its replica does, which keeps the file open.
  private func append(_ text: String) throws {
    let descriptor = open(file.path, O_WRONLY | O_APPEND)
    try #require(descriptor >= 0)
    defer { close(descriptor) }
    #expect(Glibc.write(descriptor, text, text.utf8.count) == text.utf8.count)
  }

  @Test func `lines are read once, and only when they are whole`() throws {
    #expect(file.lines(after: nil, isOver: false) == nil, "the file does not exist yet")
    try write("one\ntwo\nthr")
    let first = try #require(file.lines(after: nil, isOver: false))
    #expect(first.lines == ["one", "two"] && !first.hasMore)
    #expect(file.lines(after: first.position, isOver: false) == nil)
    try append("ee\n\nfour\n")
    let second = try #require(file.lines(after: first.position, isOver: false))
    #expect(second.lines == ["three", "", "four"])
    #expect(file.lines(after: second.position, isOver: false) == nil)
  }

  @Test func `the last line of a replica that has ended needs no line feed`() throws {
    try write("one\nlast words")
    let all = try #require(file.lines(after: nil, isOver: true))
    #expect(all.lines == ["one", "last words"])
    #expect(file.lines(after: all.position, isOver: true) == nil)
  }

  @Test func `a file that was truncated or replaced is read from its beginning`() throws {
    try write("one\ntwo\n")
    let first = try #require(file.lines(after: nil, isOver: false))
    file.rotate(limit: 5)
    #expect(file.lines(after: first.position, isOver: false) == nil, "nothing is new yet")
    try append("3\n")
    let truncated = try #require(file.lines(after: first.position, isOver: false))
    #expect(truncated.lines == ["3"])
    try FileManager.default.moveItem(atPath: file.path, toPath: file.path + ".old")
    try write("another file that is longer\n")
    let replaced = try #require(file.lines(after: truncated.position, isOver: false))
    #expect(replaced.lines == ["another file that is longer"])
  }

  @Test func `a read is bounded, and the next one continues behind it`() throws {
    try write((0..<100).map { "line \($0)\n" }.joined())
    var (lines, position): ([String], LogPosition?) = ([], nil)
    var reads = 0
    while let output = file.lines(after: position, isOver: false, limit: 100) {
      lines += output.lines
      position = output.position
      reads += 1
      #expect(output.hasMore == (lines.count < 100))
    }
    #expect(lines == (0..<100).map { "line \($0)" })
    #expect(reads > 5)
  }

  @Test func `of a line that is longer than a read, the beginning is kept and the rest is passed over`() throws {
    try write("a\n" + String(repeating: "x", count: 350) + "\nb\n")
    var (lines, position): ([String], LogPosition?) = ([], nil)
    while let output = file.lines(after: position, isOver: false, limit: 100) {
      lines += output.lines
      position = output.position
    }
    #expect(lines == ["a", String(repeating: "x", count: 100), "b"])
  }

  @Test func `what is not a file is not read`() throws {
    let (target, link) = (data.path + "/target", data.path + "/link")
    try Data("one\n".utf8).write(to: URL(filePath: target))
    try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: target)
    #expect(OutputFile(target).lines(after: nil, isOver: true)?.lines == ["one"])
    #expect(OutputFile(link).lines(after: nil, isOver: true) == nil)
    #expect(OutputFile(data.path).lines(after: nil, isOver: true) == nil)
    let pipe = data.path + "/pipe"
    #expect(mkfifo(pipe, 0o600) == 0)
    #expect(OutputFile(pipe).lines(after: nil, isOver: true) == nil)
  }
}
