import CanonicalJSON
import Glibc
import NIOCore

/// Finds two kinds of events in a stream, piece by piece: those with token counts, which are taken out if the client did
/// not ask for them, and errors, which may contain secrets.
///
/// Pieces keep their boundaries, except that the beginning of a line is held while its kind is not known yet. That is
/// rare, because a server writes an event at once; and it is bounded.
struct EventFilter: Sendable {
  /// A piece up to the first error, which is not part of it.
  struct Part {
    var passed: ByteBuffer
    /// The line of an error event, and what follows it: to be filtered when the error has been passed on.
    var error: (line: ByteBuffer, rest: ByteBuffer)?
  }

  private enum Kind {
    case plain, usage, error
    /// More of the line has to arrive.
    case unknown
    case unknownError
  }

  /// Whether events with token counts are taken out.
  private let removesUsage: Bool
  /// The beginning of a line whose kind is not known.
  private var held = ByteBuffer()
  /// Whether the current line is passed on as it arrives.
  private var isPassing = false
  /// Whether the rest of the current line is left out: it belongs to an error that is too long.
  private var isSkipping = false
  /// Whether the next line is left out if it is empty, because it ends an event that was taken out.
  private var dropsEmptyLine = false
  /// The counts that were taken out.
  private(set) var usage: (prompt: Int64?, completion: Int64?)?
  /// The number of events with data other than counts and errors. Each has about one token.
  private(set) var eventCount: Int64 = 0

  /// What takes the place of an error that is too long to be held: a secret in the rest of it would not be found.
  static let longError = ByteBuffer(
    string: #"data: {"error": {"message": "the replica reported an error that is too long", "code": 500}}"#)

  /// The most bytes of a line that are held.
  private static let maxHeld = 16 << 10

  init(removingUsage: Bool) { removesUsage = removingUsage }

  /// The next part of the stream.
  mutating func next(_ piece: ByteBuffer) -> Part {
    var bytes = piece
    if held.readableBytes > 0 {
      bytes = held
      held = ByteBuffer()
      bytes.writeImmutableBuffer(piece)
    }
    var kept: [Range<Int>] = []
    var start = 0
    var error: Range<Int>?
    let end = bytes.withUnsafeReadableBytes { raw -> Int in
      var index = 0
      while index < raw.count {
        let lineEnd = raw.offset(of: 0x0A, from: index, to: raw.count).map { $0 + 1 }
        let line = index..<(lineEnd ?? raw.count)
        if isSkipping {
          isSkipping = lineEnd == nil
          kept.append(start..<line.lowerBound)
          // The end of the line is that of what was put in its place.
          start = lineEnd.map { $0 - 1 } ?? raw.count
          index = line.upperBound
          continue
        }
        let kind = isPassing ? .plain : kind(of: line, in: raw, isWhole: lineEnd != nil)
        let isEmpty = !isPassing && line.count == 1 && lineEnd != nil
        isPassing = lineEnd == nil
        let isDropped = dropsEmptyLine && isEmpty || kind == .usage
        dropsEmptyLine = kind == .usage
        if isDropped {
          kept.append(start..<line.lowerBound)
          start = line.upperBound
        }
        if kind == .error {
          error = line
          return line.lowerBound
        }
        if kind == .unknown || kind == .unknownError {
          if line.count <= Self.maxHeld {
            isPassing = false
            return line.lowerBound
          }
          if kind == .unknownError {
            isPassing = false
            isSkipping = true
            error = line
            return line.lowerBound
          }
        }
        index = line.upperBound
      }
      return raw.count
    }
    // Nearly always all of it.
    if start == 0, end == bytes.readableBytes { return Part(passed: bytes) }
    kept.append(start..<end)
    let passed = kept.reduce(into: ByteBuffer()) { $0.writeImmutableBuffer(bytes.slice($1)) }
    if let error {
      let rest = bytes.slice(error.upperBound..<bytes.readableBytes)
      return Part(passed: passed, error: (line: isSkipping ? Self.longError : bytes.slice(error), rest: rest))
    }
    held.writeImmutableBuffer(bytes.slice(end..<bytes.readableBytes))
    return Part(passed: passed)
  }

  /// What is held at the end of the stream; empty if that would be a part of an error.
  mutating func rest() -> ByteBuffer {
    defer { held = ByteBuffer() }
    let isError = held.withUnsafeReadableBytes { raw in
      var cursor = Cursor(raw: raw, line: 0..<raw.count)
      return cursor.takeObjectStart() == true && cursor.startsWith(Self.errorKey) != false
    }
    return isError ? ByteBuffer() : held
  }

  // MARK: A line

  private mutating func kind(of line: Range<Int>, in raw: UnsafeRawBufferPointer, isWhole: Bool) -> Kind {
    var cursor = Cursor(raw: raw, line: line)
    let unknown: Kind = isWhole ? .plain : .unknown
    guard let isObject = cursor.takeObjectStart() else { return unknown }
    guard isObject else { return .plain }
    guard let isError = cursor.startsWith(Self.errorKey) else { return isWhole ? .plain : .unknownError }
    if isError { return isWhole ? .error : .unknownError }
    if isWhole { eventCount += 1 }
    guard removesUsage, let isEmpty = cursor.hasEmptyList(Self.choicesKey) else {
      // Counted when its end has arrived.
      return removesUsage ? unknown : plain(isWhole)
    }
    guard isEmpty else { return plain(isWhole) }
    guard isWhole else { return .unknown }
    let text = raw[line].drop { $0 != UInt8(ascii: "{") }
    guard let event = try? JSONValue(parsing: Array(text)), event["choices"]?.arrayValue?.isEmpty == true,
      let counts = event["usage"], counts.objectValue != nil
    else { return .plain }
    eventCount -= 1
    usage = (counts["prompt_tokens"]?.intValue, counts["completion_tokens"]?.intValue)
    return .usage
  }

  /// A line whose end has not arrived is not looked at again.
  private mutating func plain(_ isWhole: Bool) -> Kind {
    if !isWhole { eventCount += 1 }
    return .plain
  }

  fileprivate static let field = Array("data:".utf8)
  private static let errorKey = Array("\"error\"".utf8)
  private static let choicesKey = Array("\"choices\"".utf8)
}

/// Reads along a line. Where the line ends too early to tell, the results are nil.
private struct Cursor {
  let raw: UnsafeRawBufferPointer
  private var position: Int
  private let end: Int

  init(raw: UnsafeRawBufferPointer, line: Range<Int>) {
    self.raw = raw
    position = line.lowerBound
    end = line.upperBound
  }

  /// Goes to the first key of an object after `data:`.
  ///
  /// - Returns: whether there is an object.
  mutating func takeObjectStart() -> Bool? {
    for byte in EventFilter.field {
      guard position < end else { return nil }
      guard raw[position] == byte else { return false }
      position += 1
    }
    guard let brace = nextToken else { return nil }
    guard brace == UInt8(ascii: "{") else { return false }
    position += 1
    return nextToken == nil ? nil : true
  }

  /// Whether these bytes are next.
  func startsWith(_ bytes: [UInt8]) -> Bool? {
    for (offset, byte) in bytes.enumerated() {
      guard position + offset < end else { return nil }
      guard raw[position + offset] == byte else { return false }
    }
    return true
  }

  /// Goes to the first key of that name. A quote in a string has a backslash before it, so that a name with both quotes
  /// is a key, or a whole string.
  ///
  /// - Returns: whether its value is an empty list.
  mutating func hasEmptyList(_ key: [UInt8]) -> Bool? {
    while let quote = raw.offset(of: UInt8(ascii: "\""), from: position, to: end) {
      position = quote
      guard let isKey = startsWith(key) else { return nil }
      guard isKey else {
        position += 1
        continue
      }
      position += key.count
      for byte in [UInt8(ascii: ":"), UInt8(ascii: "["), UInt8(ascii: "]")] {
        guard let next = nextToken else { return nil }
        guard next == byte else { return false }
        position += 1
      }
      return true
    }
    return nil
  }

  /// The next byte that is not a space, after going to it.
  private var nextToken: UInt8? {
    mutating get {
      while position < end, raw[position] == 0x20 { position += 1 }
      return position < end ? raw[position] : nil
    }
  }
}

extension UnsafeRawBufferPointer {
  /// The offset of the first such byte in a range.
  fileprivate func offset(of byte: UInt8, from start: Int, to end: Int) -> Int? {
    guard start < end, let baseAddress, let found = memchr(baseAddress + start, CInt(byte), end - start) else {
      return nil
    }
    return UnsafeRawPointer(found) - baseAddress
  }
}
