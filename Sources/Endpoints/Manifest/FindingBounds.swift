/// Limits on the number of findings. A file of a few megabytes can contain a million problems: nobody reads them all,
/// and they would take hundreds of times its size. Findings beyond a limit are only counted.
package enum FindingBounds {
  /// Findings of one document.
  static let inDocument = 100
  /// Findings of one file.
  static let inFile = 100
  /// Findings of a whole source.
  package static let inSet = 1000
  /// Bytes of all findings of a source.
  static let bytesInSet = 256 << 10
  /// The number of unusable documents after which the rest of a file is not read.
  static let unusableDocuments = 1000
  /// The number of files that are listed if many have the same problem.
  static let similarFiles = 3

  /// Returns a finding's text, shortened if it is too long.
  static func cut(_ text: String, to longest: Int = 2000) -> String {
    guard text.utf8.count > longest else { return text }
    return String(text.unicodeScalars.prefix(longest)) + "…"
  }

  /// Returns one line for the findings beyond the limit.
  static func rest(_ count: Int) -> String { "\(count) more finding\(count == 1 ? " is" : "s are") not listed" }
}
