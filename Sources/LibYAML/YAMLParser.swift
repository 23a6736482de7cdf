internal import CYAML

/// Reads YAML or JSON bytes into documents of nodes with positions.
package enum YAMLParser {
  static let byteOrderMark: [UInt8] = [0xEF, 0xBB, 0xBF]

  /// Returns all documents of a file, in order.
  /// - Parameters:
  ///   - bytes: UTF-8, with or without a byte order mark.
  ///   - file: the file name for positions.
  /// - Throws: `YAMLError` at the first fault; see `read` for the documents before and after it.
  package static func documents(
    in bytes: [UInt8], file: String, limits: YAMLLimits = .standard
  ) throws(YAMLError) -> [YAMLDocument] {
    var documents: [YAMLDocument] = []
    var fault: YAMLError?
    read(bytes, file: SourceFile(file), limits: limits) { result in
      switch result {
      case .success(let document): documents.append(document)
      case .failure(let error): fault = error
      }
      return fault == nil
    }
    if let fault { throw fault }
    return documents
  }

  /// Returns the documents of a file that must be JSON, in order.
  /// - Parameters: as for ``documents(in:file:limits:)``.
  /// - Throws: `YAMLError` at the first fault.
  package static func jsonDocuments(
    in bytes: [UInt8], file: String, limits: YAMLLimits = .standard
  ) throws(YAMLError) -> [YAMLDocument] {
    let source = SourceFile(file)
    if let fault = unreadable(bytes, file: source, limits: limits) { throw fault }
    return try JSONDocumentReader.documents(in: bytes, file: source, limits: limits)
  }

  /// Passes on the documents of a file one by one, so that only one needs to be in memory. After a fault it continues
  /// at the next line that begins with `---`, so that one fault does not hide those of the next document.
  ///
  /// A JSON text is read as JSON, whatever the file's name. In a `.json` file, a fault is reported in terms of JSON,
  /// unless the text is valid YAML; a comment of JSON's dialects is a fault in any file.
  ///
  /// - Parameter body: called for each document and each fault, in the order of the file; returns false to stop
  ///   reading.
  package static func read(
    _ bytes: [UInt8], file: SourceFile, limits: YAMLLimits = .standard,
    body: (Result<YAMLDocument, YAMLError>) -> Bool
  ) {
    if let fault = unreadable(bytes, file: file, limits: limits) {
      _ = body(.failure(fault))
      return
    }
    switch json(bytes, file: file, limits: limits) {
    case .success(let documents)?: _ = documents.first { !body(.success($0)) }
    case .failure(let fault)?: _ = body(.failure(fault))
    case nil: readYAML(bytes, file: file, limits: limits, body: body)
    }
  }

  /// Reads a text as JSON; returns nil if it is not JSON and should be read as YAML.
  private static func json(
    _ bytes: [UInt8], file: SourceFile, limits: YAMLLimits
  ) -> Result<[YAMLDocument], YAMLError>? {
    let isNamedSo = file.path.lowercased().hasSuffix(".json")
    guard isNamedSo || JSONDocumentReader.isMeant(by: bytes) else { return nil }
    do throws(YAMLError) {
      return .success(try JSONDocumentReader.documents(in: bytes, file: file, limits: limits))
    } catch {
      // Such a text may be valid YAML, but then the comment would be a part of a value.
      if error.message == JSONDocumentReader.commentFault { return .failure(error) }
      guard isNamedSo else { return nil }
      var isYAML = true
      readYAML(bytes, file: file, limits: limits) { result in
        if case .failure = result { isYAML = false }
        return isYAML
      }
      return isYAML ? nil : .failure(error)
    }
  }

  private static func readYAML(
    _ bytes: [UInt8], file: SourceFile, limits: YAMLLimits, body: (Result<YAMLDocument, YAMLError>) -> Bool
  ) {
    bytes.withUnsafeBufferPointer { whole in
      var start = whole.starts(with: byteOrderMark) ? byteOrderMark.count : 0
      var linesBefore = 0
      var aliasedNodes = 0
      for _ in 0..<mostFaultsPerFile {
        let rest = UnsafeBufferPointer(rebasing: whole[start...])
        let fault = read(
          rest, file: file, linesBefore: linesBefore, limits: limits, aliasedNodes: &aliasedNodes, body: body)
        guard let fault, body(.failure(fault)),
          let next = documentStart(in: whole, from: start, after: fault, linesBefore)
        else { return }
        start = next.offset
        linesBefore = next.line
      }
    }
  }

  /// The number of faults after which the rest of a file is not read: it is probably not YAML.
  private static let mostFaultsPerFile = 100

  /// Runs only libyaml on the bytes, to measure the minimum cost of parsing.
  /// - Returns: the number of events.
  package static func countEvents(in bytes: [UInt8]) throws(YAMLError) -> Int {
    let result: Result<Int, YAMLError> = bytes.withUnsafeBufferPointer { buffer in
      do throws(YAMLError) {
        let reader = try EventReader(buffer, source: SourceFile("-"))
        var events = 0
        repeat {
          try reader.advance()
          events += 1
        } while reader.type != YAML_STREAM_END_EVENT
        return .success(events)
      } catch {
        return .failure(error)
      }
    }
    return try result.get()
  }

  /// Reads until the end (nil), the first fault (returned, not passed to `body`) or until `body` returns false (nil).
  private static func read(
    _ bytes: UnsafeBufferPointer<UInt8>, file: SourceFile, linesBefore: Int, limits: YAMLLimits,
    aliasedNodes: inout Int, body: (Result<YAMLDocument, YAMLError>) -> Bool
  ) -> YAMLError? {
    do throws(YAMLError) {
      let reader = try EventReader(bytes, source: file, linesBefore: linesBefore)
      var composer = Composer(reader, limits: limits, aliasedNodes: aliasedNodes)
      defer { aliasedNodes = composer.aliasedNodes }
      while let document = try composer.next() {
        if !body(.success(document)) { return nil }
      }
      return nil
    } catch {
      return error
    }
  }

  /// Returns the fault of the file as a whole, before any parsing.
  private static func unreadable(_ bytes: [UInt8], file: SourceFile, limits: YAMLLimits) -> YAMLError? {
    let start = SourceLocation(source: file, line: 1, column: 1)
    if bytes.count > limits.bytes {
      return YAMLError(
        location: start, message: "the file has \(bytes.count) bytes; at most \(limits.bytes) are read")
    }
    if bytes.starts(with: [0xFE, 0xFF]) || bytes.starts(with: [0xFF, 0xFE]) {
      return YAMLError(location: start, message: "the file is UTF-16; save it as UTF-8")
    }
    return nil
  }

  /// Returns the next line after a fault that begins a document: its offset and the number of lines before it. A line
  /// that begins with `---` begins a document in any context, including block scalars and open brackets.
  private static func documentStart(
    in bytes: UnsafeBufferPointer<UInt8>, from start: Int, after fault: YAMLError, _ linesBefore: Int
  ) -> (offset: Int, line: Int)? {
    var line = linesBefore
    var offset = start
    while let end = bytes[offset...].firstIndex(of: UInt8(ascii: "\n")) {
      line += 1
      offset = end + 1
      let isBehindFault =
        line >= fault.location.line || (line + 1 == fault.location.line && fault.location.column == 1)
      if isBehindFault, isDocumentMark(bytes[offset...]) { return (offset, line) }
    }
    return nil
  }

  private static func isDocumentMark(_ line: Slice<UnsafeBufferPointer<UInt8>>) -> Bool {
    guard line.starts(with: [UInt8(ascii: "-"), UInt8(ascii: "-"), UInt8(ascii: "-")]) else { return false }
    guard let next = line.dropFirst(3).first else { return true }
    return [UInt8(ascii: " "), UInt8(ascii: "\t"), UInt8(ascii: "\n"), UInt8(ascii: "\r")].contains(next)
  }
}
