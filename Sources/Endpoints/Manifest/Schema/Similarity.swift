/// Finds the word that a user probably meant.
package enum Similarity {
  /// Returns the candidate closest to `word`, or nil if none is close: the same letters in another case or with other
  /// separators, else up to one edit in a short word and two in a longer one.
  package static func closest(to word: String, among candidates: some Sequence<String>) -> String? {
    let letters = folded(word)
    let bound = letters.count < 5 ? 1 : 2
    var best: (word: String, distance: Int)?
    for candidate in candidates {
      let distance = distance(letters, folded(candidate), atMost: bound)
      if let distance, distance < best?.distance ?? .max { best = (candidate, distance) }
    }
    return best?.word
  }

  /// Whether two words differ only in their digits, like the names of two generations of hardware.
  static func differOnlyInDigits(_ one: String, _ other: String) -> Bool {
    one.filter { !$0.isNumber } == other.filter { !$0.isNumber }
  }

  private static func folded(_ word: String) -> [UInt8] {
    // Words from a manifest are cut here, so that a megabyte of text is not compared letter by letter.
    word.utf8.prefix(100).filter { $0 != UInt8(ascii: "_") && $0 != UInt8(ascii: "-") }.map {
      $0 >= UInt8(ascii: "A") && $0 <= UInt8(ascii: "Z") ? $0 | 0x20 : $0
    }
  }

  /// Returns the number of insertions, deletions, replacements and swaps of adjacent letters between two words; nil if
  /// it exceeds the bound, or if every letter would be replaced.
  private static func distance(_ one: [UInt8], _ other: [UInt8], atMost bound: Int) -> Int? {
    guard abs(one.count - other.count) <= bound else { return nil }
    var beforeLast: [Int] = []
    var last = Array(0...other.count)
    for i in one.indices {
      var row = [i + 1]
      for j in other.indices {
        var cost = min(last[j] + (one[i] == other[j] ? 0 : 1), last[j + 1] + 1, row[j] + 1)
        if i > 0, j > 0, one[i] == other[j - 1], one[i - 1] == other[j] { cost = min(cost, beforeLast[j - 1] + 1) }
        row.append(cost)
      }
      beforeLast = last
      last = row
    }
    let distance = last[other.count]
    return distance <= bound && distance < other.count ? distance : nil
  }
}
