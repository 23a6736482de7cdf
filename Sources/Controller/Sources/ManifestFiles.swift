package import Endpoints
internal import Glibc

/// Reads manifests from files, directories and standard input, once.
package enum ManifestFiles {
  /// The name of standard input, on the command line and in findings.
  package static let standardInput = "-"
  /// A larger file is refused: a manifest is text that a person wrote.
  package static let largestFile = FileContents.largestFile

  /// Reads everything that `paths` name. A directory stands for all `.yaml`, `.yml` and `.json` files below it except
  /// hidden ones; an explicitly named file is read whatever its extension. A file that cannot be read becomes a finding
  /// and leaves the set incomplete, so that nothing is pruned because of it.
  ///
  /// - Parameters:
  ///   - excluded: patterns of skipped files below directories.
  ///   - standardInput: returns the bytes of standard input; called at most once.
  package static func read(
    _ paths: [String], excluding excluded: [IgnorePattern] = [],
    standardInput: () throws -> [UInt8] = { try FileContents.read(descriptor: STDIN_FILENO) }
  ) -> ManifestSet {
    var reader = ManifestReader()
    var seen: Set<FileIdentity.INode> = []
    var hasInput = false
    for path in paths {
      if path == Self.standardInput {
        guard !hasInput else { continue }
        hasInput = true
        read(path, isNamed: true, into: &reader) { try standardInput() }
        continue
      }
      for entry in ManifestWalk(path, name: path, excluding: excluded).entries {
        switch entry {
        case .failure(let name, let words): reader.fail(file: name, words)
        case .file(let file) where seen.insert(file.identity.place).inserted:
          read(file.name, isNamed: file.isNamed, into: &reader) {
            try FileContents.read(file: file.path, mayWait: file.isNamed).bytes
          }
        case .file: break
        }
      }
    }
    return reader.finish()
  }

  private static func read(
    _ name: String, isNamed: Bool, into reader: inout ManifestReader, bytes: () throws -> [UInt8]
  ) {
    do {
      reader.read(try bytes(), file: name, isNamed: isNamed)
    } catch {
      reader.fail(file: name, (error as? UnreadableFile)?.message ?? "\(error)")
    }
  }
}
