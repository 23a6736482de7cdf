internal import CYAML

/// libyaml's parser on one buffer: events in order, and errors with a message and a position.
///
/// The buffer must outlive the reader; libyaml reads it in place. Only one event is alive at a time.
struct EventReader: ~Copyable {
  private let parser: UnsafeMutablePointer<yaml_parser_t>
  private let event: UnsafeMutablePointer<yaml_event_t>
  private let bytes: UnsafeBufferPointer<UInt8>
  private let source: SourceFile
  /// The number of lines in the file before the buffer.
  private let linesBefore: Int

  /// - Throws: `YAMLError` if libyaml cannot allocate its buffers.
  init(_ bytes: UnsafeBufferPointer<UInt8>, source: SourceFile, linesBefore: Int = 0) throws(YAMLError) {
    let parser = UnsafeMutablePointer<yaml_parser_t>.allocate(capacity: 1)
    guard yaml_parser_initialize(parser) == 1 else {
      parser.deallocate()
      throw YAMLError(
        location: SourceLocation(source: source, line: 1, column: 1), message: "out of memory while reading YAML")
    }
    yaml_parser_set_encoding(parser, YAML_UTF8_ENCODING)
    yaml_parser_set_input_string(parser, bytes.baseAddress, bytes.count)
    self.parser = parser
    self.bytes = bytes
    self.source = source
    self.linesBefore = linesBefore
    event = .allocate(capacity: 1)
    event.initialize(to: yaml_event_t())
  }

  deinit {
    yaml_event_delete(event)
    event.deallocate()
    yaml_parser_delete(parser)
    parser.deallocate()
  }

  /// Replaces the current event by the next one.
  /// - Throws: `YAMLError` with libyaml's problem and its position.
  func advance() throws(YAMLError) {
    yaml_event_delete(event)
    guard yaml_parser_parse(parser, event) == 1 else { throw problem() }
  }

  var type: yaml_event_type_t { event.pointee.type }

  /// The start of the current event.
  var mark: SourceMark { mark(event.pointee.start_mark) }

  /// The start of the current event, with the file.
  var location: SourceLocation { location(of: mark) }

  /// Returns the location of a mark, with the file.
  func location(of mark: SourceMark) -> SourceLocation { SourceLocation(source: source, mark: mark) }

  /// The start of the current event in the buffer, in bytes or, if the buffer contains more than ASCII, before that.
  var characterOffset: Int { event.pointee.start_mark.index }

  /// The name that the current alias event refers to.
  var aliasName: String { String(cString: event.pointee.data.alias.anchor) }

  /// The anchor on the current scalar or collection.
  var anchor: String? {
    switch type {
    case YAML_SCALAR_EVENT: string(event.pointee.data.scalar.anchor)
    case YAML_SEQUENCE_START_EVENT: string(event.pointee.data.sequence_start.anchor)
    case YAML_MAPPING_START_EVENT: string(event.pointee.data.mapping_start.anchor)
    default: nil
    }
  }

  /// The tag on the current collection.
  var collectionTag: String? {
    switch type {
    case YAML_SEQUENCE_START_EVENT: string(event.pointee.data.sequence_start.tag)
    case YAML_MAPPING_START_EVENT: string(event.pointee.data.mapping_start.tag)
    default: nil
    }
  }

  /// Whether the current scalar event has neither anchor nor tag, and so can be a key as it is.
  var isBareScalar: Bool {
    event.pointee.data.scalar.anchor == nil && event.pointee.data.scalar.tag == nil
  }

  /// The text of the current scalar event.
  var scalarText: String {
    let start = UnsafePointer<UInt8>(event.pointee.data.scalar.value)
    return String(decoding: UnsafeBufferPointer(start: start, count: event.pointee.data.scalar.length), as: UTF8.self)
  }

  /// The tag of the current scalar event.
  var scalarTag: String? { string(event.pointee.data.scalar.tag) }

  /// The style of the current scalar event.
  var scalarStyle: YAMLScalar.Style {
    switch event.pointee.data.scalar.style {
    case YAML_SINGLE_QUOTED_SCALAR_STYLE: .singleQuoted
    case YAML_DOUBLE_QUOTED_SCALAR_STYLE: .doubleQuoted
    case YAML_LITERAL_SCALAR_STYLE: .literal
    case YAML_FOLDED_SCALAR_STYLE: .folded
    default: .plain
    }
  }

  private func string(_ text: UnsafeMutablePointer<yaml_char_t>?) -> String? {
    text.map { String(cString: $0) }
  }

  private func mark(_ mark: yaml_mark_t) -> SourceMark {
    SourceMark(line: linesBefore &+ mark.line &+ 1, column: mark.column &+ 1)
  }

  private func location(_ mark: yaml_mark_t) -> SourceLocation { location(of: self.mark(mark)) }
}

extension EventReader {
  /// Returns libyaml's error with its explanation: a file that is not YAML at all, or what is probably wrong.
  private func problem() -> YAMLError {
    let state = parser.pointee
    let words = state.problem.map { String(cString: $0) } ?? "not valid YAML"
    let syntax = linesBefore == 0 ? ForeignSyntax(bytes, file: source.path) : nil
    let foreign = syntax.map { "the file looks like \($0.rawValue), not YAML (\(words))" }
    switch state.error {
    case YAML_MEMORY_ERROR:
      return YAMLError(location: location(state.mark), message: "out of memory while reading YAML")
    case YAML_READER_ERROR:
      return YAMLError(location: place(ofByte: state.problem_offset), message: foreign ?? readerMessage(words, state))
    default:
      return YAMLError(location: location(state.problem_mark), message: foreign ?? scannerMessage(words, state))
    }
  }

  private func readerMessage(_ words: String, _ state: yaml_parser_t) -> String {
    guard state.problem_value >= 0 else { return "not readable as UTF-8: \(words); save the file as UTF-8" }
    let value = String(state.problem_value, radix: 16, uppercase: true)
    if words.hasPrefix("control") {
      let code = String(repeating: "0", count: max(0, 4 - value.count)) + value
      return "\(words): U+\(code); in a double-quoted string, write it as \"\\u\(code)\""
    }
    return "not readable as UTF-8: \(words) (byte 0x\(value)); save the file as UTF-8"
  }

  private func scannerMessage(_ words: String, _ state: yaml_parser_t) -> String {
    YAMLProblem(
      problem: words, context: state.context.map { String(cString: $0) }, began: mark(state.context_mark),
      mark: mark(state.problem_mark), offset: offset(of: state.problem_mark), text: bytes, firstLine: linesBefore + 1
    ).message
  }

  /// Returns the offset in bytes of a mark, whose index counts characters from the start of the buffer.
  private func offset(of mark: yaml_mark_t) -> Int {
    var characters = 0
    for (offset, byte) in bytes.enumerated() where byte & 0xC0 != 0x80 {
      if characters == mark.index { return offset }
      characters += 1
    }
    return bytes.count
  }

  /// Returns the line and column of a byte that libyaml's reader rejected, for which it reports no mark.
  private func place(ofByte offset: Int) -> SourceLocation {
    var line = 1
    var column = 1
    for byte in bytes.prefix(offset) {
      if byte == UInt8(ascii: "\n") {
        line += 1
        column = 1
      } else if byte & 0xC0 != 0x80 {
        column += 1
      }
    }
    return SourceLocation(source: source, line: linesBefore + line, column: column)
  }
}
