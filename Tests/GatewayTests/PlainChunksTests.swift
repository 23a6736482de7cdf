import NIOCore
import Testing

@testable import Gateway

/// Reads pieces, and returns the data, and what follows the plain chunks in the last piece.
private func read(_ pieces: [String]) -> (data: String, isMalformed: Bool, rest: String?) {
  var chunks = PlainChunks()
  var data = ""
  for piece in pieces {
    var bytes = ByteBuffer(string: piece)
    while let part = chunks.next(&bytes) {
      switch part {
      case .data(let buffer): data += String(buffer: buffer)
      case .other: return (data, false, String(buffer: bytes))
      case .malformed: return (data, true, nil)
      }
    }
  }
  return (data, false, nil)
}

@Suite struct PlainChunksTests {
  private static let body = "5\r\nhello\r\n1A\r\nabcdefghijklmnopqrstuvwxyz\r\n0\r\n\r\n"

  @Test func `the data of plain chunks is read up to the last chunk`() {
    #expect(read([Self.body]) == ("helloabcdefghijklmnopqrstuvwxyz", false, "0\r\n\r\n"))
  }

  @Test func `it does not matter where the bytes are divided`() {
    let bytes = Array(Self.body)
    for first in 0...bytes.count {
      for second in first...bytes.count {
        let pieces = [bytes[..<first], bytes[first..<second], bytes[second...]].map { String($0) }
        let result = read(pieces)
        #expect(result.data == "helloabcdefghijklmnopqrstuvwxyz" && !result.isMalformed, "\(pieces)")
        #expect(result.rest?.hasPrefix("0") == true, "\(pieces)")
      }
    }
  }

  @Test(arguments: [
    "5;name=value\r\nhello\r\n", "0\r\nTrailer: x\r\n\r\n", "\r\n", "g\r\n", "0005\r\nhello", "5 \r\nhello", "5\nhello",
    "12345678\r\n", "5\rhello",
  ])
  func `anything else is left as it is`(text: String) {
    let result = read(["2\r\nok\r\n", text])
    if text.hasPrefix("0005") {
      #expect(result == ("okhello", false, nil), "zeros before the size are plain")
    } else {
      #expect(result == ("ok", false, text))
    }
  }

  @Test func `a chunk that is longer than its size is malformed`() {
    #expect(read(["2\r\nhello\r\n"]).isMalformed)
    #expect(read(["5\r\nhello\n"]).isMalformed)
  }

  @Test func `a body is between chunks only after a whole chunk`() {
    var chunks = PlainChunks()
    #expect(chunks.isBetweenChunks)
    for (piece, isBetween) in [("5\r\nhel", false), ("lo", false), ("\r", false), ("\n", true), ("1", false)] {
      var bytes = ByteBuffer(string: piece)
      while chunks.next(&bytes) != nil {}
      #expect(chunks.isBetweenChunks == isBetween, "\(piece)")
    }
  }
}
