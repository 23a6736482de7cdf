/// The ID that follows a request to its replica, and into its response and record.
enum RequestID {
  /// The client's own ID if it can be passed on, otherwise a new one.
  static func make(given: String?, _ random: RandomNumbers) -> String {
    if let given, (1...128).contains(given.utf8.count), given.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) {
      return given
    }
    return random.hexDigits(words: 2)
  }
}
