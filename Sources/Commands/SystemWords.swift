internal import FoundationEssentials

#if canImport(Darwin)
  internal import Darwin
#else
  internal import Glibc
#endif

extension Error {
  /// The operating system's words for a failed file operation, where that is what this is.
  var systemWords: String {
    if let error = self as? POSIXError { return String(cString: strerror(error.code.rawValue)) }
    guard let error = self as? CocoaError else { return "\(self)" }
    if let cause = error.underlying as? POSIXError { return String(cString: strerror(cause.code.rawValue)) }
    switch error.code {
    case .fileNoSuchFile, .fileReadNoSuchFile: return "there is no such file"
    case .fileReadNoPermission, .fileWriteNoPermission: return "permission denied"
    default: return "\(error)"
    }
  }
}
