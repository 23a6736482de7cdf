import FoundationEssentials
import Glibc

/// Takes a folder over without moving it. Large files are hard-linked where the file system allows it, so that weights do not
/// lie on the disk twice; small ones are copied, so that an edit at the source does not reach into a registered version.
struct FolderCopy {
  /// Files of this size and more are linked. No config, tokenizer or template is so large; weights are.
  var linkFrom: Int64 = 64 << 20
  /// Deeper nesting is an error: most likely a link that leads back up.
  var maximumDepth = 32

  /// - Parameters:
  ///   - source: a folder; links in it are followed, as the Hugging Face cache is made of them.
  ///   - target: a folder to be made.
  func copy(_ source: String, to target: String, depth: Int = 0) throws(ModelError) {
    guard depth < maximumDepth else {
      throw ModelError(
        code: .invalid,
        description: "\(source) is nested deeper than \(maximumDepth) folders; does a link lead back up?")
    }
    do {
      try FileManager.default.createDirectory(atPath: target, withIntermediateDirectories: true)
      for name in try FileManager.default.contentsOfDirectory(atPath: source) {
        let item = source + "/" + name
        var status = stat()
        guard stat(item, &status) == 0 else {
          throw ModelError(code: .invalid, description: "\(item) cannot be read: \(String(cString: strerror(errno)))")
        }
        switch status.st_mode & S_IFMT {
        case S_IFDIR: try copy(item, to: target + "/" + name, depth: depth + 1)
        case S_IFREG: try take(item, to: target + "/" + name, size: Int64(status.st_size))
        default: continue
        }
      }
    } catch let error as ModelError {
      throw error
    } catch {
      throw ModelError(code: .storage, description: "\(source) cannot be copied: \(error)")
    }
  }

  private func take(_ file: String, to target: String, size: Int64) throws {
    if size >= linkFrom, let whole = realpath(file, nil) {
      defer { free(whole) }
      if link(whole, target) == 0 { return }
    }
    // Through the real path: copying a symbolic link would copy the link.
    guard let whole = realpath(file, nil) else {
      throw ModelError(code: .invalid, description: "\(file) cannot be read: \(String(cString: strerror(errno)))")
    }
    defer { free(whole) }
    try FileManager.default.copyItem(atPath: String(cString: whole), toPath: target)
  }
}
