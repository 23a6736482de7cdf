/// The objects of one commit in git's store, read one by one: nothing is checked out, so no attribute, filter, line
/// ending or encoding of the repository changes a byte.
struct GitObjects: Sendable {
  let git: GitCommand
  /// The bare repository.
  let repository: String
  let limit: Duration

  /// One entry of a tree.
  struct Entry: Hashable, Sendable {
    enum Kind: Hashable, Sendable { case file, link, directory, submodule }

    /// Relative to the tree that was listed.
    let path: String
    let kind: Kind
    /// The object's name.
    let object: String
  }

  /// Enough for more than two million entries.
  private static let longestList = 256 << 20

  /// Returns the entries of a tree, in git's order.
  ///
  /// - Parameters:
  ///   - tree: the object name of a tree or a commit.
  ///   - isDeep: whether to include all subtrees, each directory before its entries.
  func entries(of tree: String, isDeep: Bool) async throws -> [Entry] {
    let output = try await git.run(
      ["ls-tree", "-z", "--full-tree"] + (isDeep ? ["-r", "-t"] : []) + [tree], in: repository,
      mostOutput: Self.longestList, limit: limit)
    return output.bytes.split(separator: 0).compactMap(Self.entry)
  }

  /// Parses `100644 blob 3f2a…<tab>endpoints/a.yaml`; names that are not UTF-8 are repaired, since they are only shown.
  private static func entry(_ line: ArraySlice<UInt8>) -> Entry? {
    guard let tab = line.firstIndex(of: UInt8(ascii: "\t")) else { return nil }
    let fields = line[..<tab].split(separator: UInt8(ascii: " "))
    guard fields.count == 3 else { return nil }
    let kind: Entry.Kind =
      switch String(decoding: fields[0], as: UTF8.self) {
      case "040000": .directory
      case "120000": .link
      case "160000": .submodule
      default: .file
      }
    return Entry(
      path: String(decoding: line[(tab + 1)...], as: UTF8.self), kind: kind,
      object: String(decoding: fields[2], as: UTF8.self))
  }

  // MARK: - Blobs

  /// How many bytes are requested at once.
  private static let batch = 32 << 20

  /// Reads blobs, as many at once as fit into memory.
  ///
  /// - Parameters:
  ///   - objects: their names.
  ///   - largest: the maximum size; larger blobs are not read.
  ///   - body: called once for each, in any order, with nil for one that is too large.
  func blobs(_ objects: Set<String>, largest: Int, _ body: (String, [UInt8]?) -> Void) async throws {
    var group: [(object: String, size: Int)] = []
    for (object, size) in try await sizes(objects) {
      if size > largest {
        body(object, nil)
        continue
      }
      if group.reduce(0, { $0 + $1.size }) + size > Self.batch || group.count == Self.mostOfABatch {
        try await read(group, body)
        group = []
      }
      group.append((object, size))
    }
    try await read(group, body)
  }

  private static let mostOfABatch = 1000

  private func sizes(_ objects: Set<String>) async throws -> [(object: String, size: Int)] {
    guard !objects.isEmpty else { return [] }
    let output = try await git.run(
      ["cat-file", "--batch-check=%(objectname) %(objectsize)"], in: repository, input: Self.lines(objects.sorted()),
      mostOutput: Self.longestList, limit: limit)
    let found = output.text.split(whereSeparator: \.isNewline).compactMap { line -> (object: String, size: Int)? in
      let fields = line.split(separator: " ")
      return fields.count == 2 ? Int(fields[1]).map { (String(fields[0]), $0) } : nil
    }
    guard found.count == objects.count else { throw Self.damaged }
    return found
  }

  private func read(_ group: [(object: String, size: Int)], _ body: (String, [UInt8]?) -> Void) async throws {
    guard !group.isEmpty else { return }
    let output = try await git.run(
      ["cat-file", "--batch=%(objectname) %(objectsize)"], in: repository, input: Self.lines(group.map(\.object)),
      mostOutput: group.reduce(0) { $0 + $1.size + 128 }, limit: limit)
    var rest = output.bytes[...]
    for (object, size) in group {
      guard let end = rest.firstIndex(of: UInt8(ascii: "\n")),
        rest[..<end].elementsEqual("\(object) \(size)".utf8), rest.endIndex - end > size + 1
      else { throw Self.damaged }
      body(object, Array(rest[(end + 1)..<(end + 1 + size)]))
      rest = rest[(end + 1 + size)...].dropFirst()
    }
  }

  private static func lines(_ objects: [String]) -> [UInt8] { Array((objects.joined(separator: "\n") + "\n").utf8) }

  private static let damaged = GitFailure("some of its objects are missing from the local copy")
}
