/// Recognizes values that are too simple to be secret: numbers, short words, paths, and lists of them with commas.
enum PlainValue {
  static func isOne(_ value: String) -> Bool {
    guard value.utf8.count <= 128, value.utf8.allSatisfy({ $0 >= 0x20 && $0 < 0x7F }) else { return false }
    return value.split(separator: ",").allSatisfy { item in
      let item = item.trimmingSpaces
      return isNumber(item) || isPath(item) || isWord(item)
    }
  }

  private static func isNumber(_ item: Substring) -> Bool { item.utf8.count <= 10 && Double(item) != nil }

  private static func isPath(_ item: Substring) -> Bool {
    guard ["/", "./", "../", "~/"].contains(where: { item.hasPrefix($0) }) else { return false }
    return item.drop { $0 == "~" }.split(separator: "/").allSatisfy(isWord)
  }

  /// Whether it is a word or a few of them, such as `INFO`, `us-east-1`, `cuda:0`. Longer ones may be a passphrase.
  private static func isWord(_ item: Substring) -> Bool {
    guard item.utf8.count <= 20 else { return false }
    let parts = item.split { "._-:".contains($0) }
    // Several parts with digits may be a license key.
    let mixed = parts.filter { $0.contains(where: \.isLetter) && $0.contains(where: \.isNumber) }
    return mixed.count <= 1 && parts.allSatisfy(isPart)
  }

  private static let numberFormats: Set<Substring> = ["float16", "float32", "bfloat16"]

  /// Whether it is a number, a word in one case, a short word with a number (`eth0`), or a number with a unit (`10GiB`).
  private static func isPart(_ part: Substring) -> Bool {
    if numberFormats.contains(part) { return true }
    guard part.allSatisfy({ $0.isLetter || $0.isNumber }) else { return false }
    let head = part.prefix { $0.isLetter }
    let tail = part.dropFirst(head.count)
    if tail.isEmpty {
      return head.count <= 12 && (head.allSatisfy(\.isUppercase) || head.dropFirst().allSatisfy(\.isLowercase))
    }
    let number = tail.prefix { $0.isNumber }
    let unit = tail.dropFirst(number.count)
    if head.isEmpty { return number.count <= 6 && unit.count <= 3 && unit.allSatisfy(\.isLetter) }
    return head.count <= 4 && number.count <= 2 && unit.isEmpty
  }
}

extension Substring {
  fileprivate var trimmingSpaces: Substring {
    var text = drop { $0 == " " }
    while text.last == " " { text.removeLast() }
    return text
  }
}
