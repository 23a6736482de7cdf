internal import FileSystem
internal import FoundationEssentials

#if canImport(Darwin)
  internal import Darwin
#else
  internal import Glibc
#endif

extension Error {
  /// The operating system's message for a failed file operation, if the error is one: `Permission denied` instead of a
  /// domain and a number.
  package var systemMessage: String {
    if let error = self as? POSIXError { return SystemError(code: error.code.rawValue).description }
    guard let error = self as? CocoaError else { return "\(self)" }
    if let cause = error.underlying as? POSIXError { return SystemError(code: cause.code.rawValue).description }
    switch error.code {
    case .fileNoSuchFile, .fileReadNoSuchFile: return "No such file or directory"
    case .fileReadNoPermission, .fileWriteNoPermission: return "Permission denied"
    case .fileWriteFileExists: return "File exists"
    case .fileWriteOutOfSpace: return "No space left on device"
    case .fileWriteVolumeReadOnly: return "Read-only file system"
    case .fileReadTooLarge: return "File too large"
    case .fileReadInvalidFileName, .fileWriteInvalidFileName: return "the file name is not valid"
    case .fileReadUnknown, .fileReadCorruptFile: return "the file cannot be read"
    case .fileWriteUnknown: return "the file cannot be written"
    default: return "the file operation failed (\(error.code.rawValue))"
    }
  }
}
