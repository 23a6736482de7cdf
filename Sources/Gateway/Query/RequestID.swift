/// The ID that follows a request to its replica, and into its response and record.
enum RequestID {
  /// The client's own ID if it can be passed on, otherwise a new one.
  static func make(given: String?, _ random: RandomNumbers) -> String {
    if let given, (1...128).contains(given.utf8.count), given.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) {
      return given
    }
    var numbers = (random.next(), random.next())
    return String(unsafeUninitializedCapacity: 32) { text in
      for index in 0..<32 {
        let digit = UInt8(truncatingIfNeeded: numbers.0 & 15)
        text[index] = digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") - 10 + digit
        numbers = index == 15 ? (numbers.1, 0) : (numbers.0 >> 4, numbers.1)
      }
      return 32
    }
  }
}
