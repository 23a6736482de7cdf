package import Endpoints
internal import FoundationEssentials

#if canImport(Darwin)
  internal import Darwin
#else
  internal import Glibc
#endif

/// Manifests from files, directories and standard input.
package enum ManifestFiles {
  /// The name that stands for standard input, on the command line and in findings.
  package static let standardInput = "-"
  /// A larger file is refused: a manifest is text that a person wrote.
  package static let largestFile = 32 << 20

  private static let endings: Set<String> = ["yaml", "yml", "json"]

  /// Reads everything that `paths` name. A directory stands for all `.yaml`, `.yml` and `.json` files below it, hidden
  /// ones left out; a file named outright is read whatever its ending. What cannot be read becomes a finding and leaves
  /// the set incomplete, so that nothing is pruned for its sake.
  ///
  /// - Parameter standardInput: gives the bytes of standard input, asked at most once.
  package static func read(
    _ paths: [String], standardInput: () throws -> [UInt8] = { try read(descriptor: STDIN_FILENO) }
  ) -> ManifestSet {
    var reader = ManifestReader()
    var seen: Set<String> = []
    for path in paths {
      if path == Self.standardInput {
        guard seen.insert(path).inserted else { continue }
        read(path, into: &reader) { try standardInput() }
      } else {
        for file in files(at: path, into: &reader) where seen.insert(identity(of: file)).inserted {
          read(file, into: &reader) { try read(file: file) }
        }
      }
    }
    return reader.finish()
  }

  private static func read(_ name: String, into reader: inout ManifestReader, bytes: () throws -> [UInt8]) {
    do {
      reader.read(try bytes(), file: name)
    } catch {
      reader.fail(file: name, (error as? UnreadableFile)?.words ?? "\(error)")
    }
  }

  /// The files that a path stands for, in the order of their names.
  private static func files(at path: String, into reader: inout ManifestReader) -> [String] {
    var status = stat()
    guard stat(path, &status) == 0 else {
      reader.fail(file: path, "cannot read it: \(words(of: errno))")
      return []
    }
    guard isDirectory(status) else { return [path] }
    let found = walk(path, above: [], into: &reader)
    if found.isEmpty { reader.fail(file: path, "no .yaml, .yml or .json file in this directory") }
    return found
  }

  /// - Parameter above: the identities of the directories that lead here: a link back to one of them is a loop.
  private static func walk(_ directory: String, above: Set<String>, into reader: inout ManifestReader) -> [String] {
    let identity = identity(of: directory)
    guard !above.contains(identity) else { return [] }
    let names: [String]
    do {
      names = try FileManager.default.contentsOfDirectory(atPath: directory)
    } catch {
      reader.fail(file: directory, "cannot list this directory: \(words(of: errno))")
      return []
    }
    return names.sorted().filter { !$0.hasPrefix(".") }.flatMap { name -> [String] in
      let path = directory.hasSuffix("/") ? directory + name : directory + "/" + name
      var status = stat()
      guard stat(path, &status) == 0 else {
        // A link to nowhere may have been a manifest.
        if isManifest(name) { reader.fail(file: path, "cannot read it: \(words(of: errno))") }
        return []
      }
      if isDirectory(status) { return walk(path, above: above.union([identity]), into: &reader) }
      return isManifest(name) ? [path] : []
    }
  }

  private static func isManifest(_ name: String) -> Bool {
    name.split(separator: ".", omittingEmptySubsequences: false).dropFirst().last.map {
      endings.contains($0.lowercased())
    } ?? false
  }

  private static func isDirectory(_ status: stat) -> Bool { status.st_mode & S_IFMT == S_IFDIR }

  /// Device and inode, so that a file named twice is read once.
  private static func identity(of path: String) -> String {
    var status = stat()
    return stat(path, &status) == 0 ? "\(status.st_dev):\(status.st_ino)" : path
  }

  private static func read(file path: String) throws(UnreadableFile) -> [UInt8] {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw UnreadableFile(words: "cannot read it: \(words(of: errno))") }
    defer { close(descriptor) }
    return try read(descriptor: descriptor)
  }

  /// Everything up to the end of an open file.
  private static func read(descriptor: Int32) throws(UnreadableFile) -> [UInt8] {
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 64 << 10)
    while true {
      let count = Self.read(descriptor, into: &buffer)
      if count == 0 { return bytes }
      guard count > 0 else {
        if errno == EINTR { continue }
        throw UnreadableFile(words: "cannot read it: \(words(of: errno))")
      }
      bytes.append(contentsOf: buffer[..<count])
      guard bytes.count <= largestFile else {
        throw UnreadableFile(words: "it is larger than \(largestFile >> 20) MiB, which no manifest is")
      }
    }
  }

  private static func read(_ descriptor: Int32, into buffer: inout [UInt8]) -> Int {
    #if canImport(Darwin)
      Darwin.read(descriptor, &buffer, buffer.count)
    #else
      Glibc.read(descriptor, &buffer, buffer.count)
    #endif
  }

  private static func words(of code: Int32) -> String { String(cString: strerror(code)) }
}

/// Why a file could not be read, in the system's words.
private struct UnreadableFile: Error {
  let words: String
}
