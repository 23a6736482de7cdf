internal import FoundationEssentials
internal import ServingAPI

/// A directory for imported manifests, one file each.
struct ManifestDirectory {
  let path: String
  /// Whether existing files are replaced.
  let replaces: Bool

  /// - Returns: the files' paths.
  /// - Throws: an ``ErrorReport``. If a file exists and must not be replaced, nothing is written.
  func write(_ manifests: [ImportedManifest]) throws -> [String] {
    let files = named(manifests)
    let existing = replaces ? [] : files.map(\.path).filter { FileManager.default.fileExists(atPath: $0) }
    guard existing.isEmpty else {
      throw ErrorReport(
        existing.count == 1 ? "a file already exists" : "files already exist",
        place: existing.joined(separator: ", "), why: "nothing was written",
        next: "use another directory, or replace them with --force")
    }
    do {
      try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
      for (file, manifest) in files {
        // Another process may create the file in the meantime; a link is replaced, not followed.
        try Data(manifest.text.utf8).write(to: URL(filePath: file), options: replaces ? .atomic : .withoutOverwriting)
      }
    } catch {
      throw ErrorReport("cannot write the manifests to \(path)", why: error.systemMessage)
    }
    return files.map(\.path)
  }

  /// Returns a safe file name for each manifest: an endpoint's name is safe, but a source's label may contain anything.
  /// Names that a case-insensitive file system treats as equal get numbers.
  private func named(_ manifests: [ImportedManifest]) -> [(path: String, manifest: ImportedManifest)] {
    var taken: Set<String> = []
    return manifests.map { manifest in
      let safe = manifest.name.map { $0.isASCII && ($0.isLetter || $0.isNumber) || "-_".contains($0) ? $0 : "-" }
      let stem = Self.stem(of: String(safe))
      var name = stem
      var number = 1
      while !taken.insert(name.lowercased()).inserted {
        number += 1
        name = "\(stem)-\(number)"
      }
      return ("\(path)/\(name).yaml", manifest)
    }
  }

  /// Returns a name that does not begin with a dash, which would be parsed as an option.
  private static func stem(of name: String) -> String {
    let trimmed = name.drop { $0 == "-" }.prefix(200)
    let end = trimmed.lastIndex { $0 != "-" }
    return end.map { String(trimmed[...$0]) } ?? "endpoint"
  }
}
