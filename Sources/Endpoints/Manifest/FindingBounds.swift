/// How much is told of what is wrong. A file of a few megabytes can hold a million faults: nobody reads them, and they would
/// take hundreds of times its size wherever they go. What is beyond a bound is counted.
package enum FindingBounds {
  /// Findings of one document.
  static let inDocument = 100
  /// Findings of one file.
  static let inFile = 100
  /// Findings of a whole source.
  package static let inSet = 1000
  /// Bytes of all of them.
  static let bytesInSet = 256 << 10
  /// After so many documents that cannot be used, the rest of a file is left unread.
  static let unusableDocuments = 1000
  /// Files that are named one by one where many have the same fault.
  static let similarFiles = 3

  /// A text of a finding, cut where it is longer than a person reads.
  static func cut(_ text: String, to longest: Int = 2000) -> String {
    guard text.utf8.count > longest else { return text }
    return String(text.unicodeScalars.prefix(longest)) + "…"
  }

  /// One line for what is beyond the bound.
  static func rest(_ count: Int) -> String { "\(count) more finding\(count == 1 ? " is" : "s are") not listed" }
}
