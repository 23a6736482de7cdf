extension String {
  /// Whether the text contains these words, compared byte by byte. `contains` compares characters, which costs many times
  /// as much and differs only where a combining mark follows.
  func containsBytes(of words: String) -> Bool {
    let isFound = utf8.withContiguousStorageIfAvailable { text in
      words.utf8.withContiguousStorageIfAvailable { words in Self.contains(text, words) }
    }
    return (isFound ?? nil) ?? contains(words)
  }

  private static func contains(_ text: UnsafeBufferPointer<UInt8>, _ words: UnsafeBufferPointer<UInt8>) -> Bool {
    guard let first = words.first else { return true }
    var start = 0
    while start + words.count <= text.count {
      if text[start] == first, text[start..<(start + words.count)].elementsEqual(words) { return true }
      start += 1
    }
    return false
  }
}
