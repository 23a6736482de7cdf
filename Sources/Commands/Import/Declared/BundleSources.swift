internal import CanonicalJSON
internal import Endpoints
internal import FoundationEssentials
internal import LibYAML

/// The merged files of a bundle: the named ones, and those that its root file includes.
struct BundleSources {
  /// The merged content of all files; targets are not applied.
  private(set) var root: SourcedValue
  /// The folder of the root file; empty: the current folder.
  let folder: String
  /// The files in the order they were read.
  private(set) var files: [String] = []
  /// Parts that are not read although they may be meaningful in a bundle.
  private(set) var omissions: [Finding] = []
  /// What the user should know.
  private(set) var findings: [Finding] = []
  /// The locations, by path, of resources that several files declare, which a bundle does not allow.
  private(set) var repeated: [String: [SourceLocation]] = [:]

  static let next = "pass the databricks.yml of a Databricks bundle, or its folder"

  private static let rootNames = ["databricks.yml", "databricks.yaml", "bundle.yml", "bundle.yaml"]
  private static let extensions = ["yml", "yaml", "json"]

  /// - Parameter paths: files of one bundle, or its folder; `-` is standard input.
  /// - Throws: an ``ErrorReport`` for a file that cannot be read, or is not part of a bundle.
  init(_ paths: [String]) throws {
    let named = try paths.map { path in
      let file = try Self.file(at: path)
      return (path: file, value: try Self.read(file))
    }
    let main = named.first { Self.rootNames.contains(Self.name(of: $0.path)) || $0.value["bundle"] != nil } ?? named[0]
    folder = Self.folder(of: main.path)
    root = main.value
    files = [main.path]
    var seen = Set(([main.path] + Self.rootNames.map { Self.join(folder, $0) }).map(Self.identity))
    for (path, value) in named where seen.insert(Self.identity(path)).inserted { add(path, value) }
    for entry in try included() where seen.insert(Self.identity(entry)).inserted {
      add(entry, try Self.read(entry))
    }
    addForeignSources()
  }

  // MARK: Files

  private static func file(at path: String) throws -> String {
    var isFolder = false
    guard path != "-", FileManager.default.fileExists(atPath: path, isDirectory: &isFolder), isFolder else {
      return path
    }
    let found = rootNames.map { join(path, $0) }.first { FileManager.default.fileExists(atPath: $0) }
    if let found { return found }
    throw ErrorReport("no databricks.yml in \(path)", next: next)
  }

  private static func read(_ path: String) throws -> SourcedValue {
    let value = try SourcedValue.yaml(file: path, next: next)
    if value.members != nil { return value }
    throw ErrorReport("\(path) is not a file of a bundle", place: "\(value.location)", next: next)
  }

  /// Returns the files that the root file includes.
  private mutating func included() throws -> [String] {
    var files: [String] = []
    for entry in root["include"]?.asList ?? [] {
      guard let text = entry.text, !text.isEmpty else {
        throw ErrorReport("an include must be a path", place: "\(entry.location)", next: "write a path or a pattern")
      }
      if text.hasPrefix("/") {
        throw ErrorReport(
          "the bundle includes \(text)", place: "\(entry.location)", why: "includes must be relative paths",
          next: "write the path relative to the folder of databricks.yml")
      }
      let pattern = PathPattern(text: text)
      let matches = pattern.matches(in: folder)
      if matches.isEmpty {
        guard pattern.hasWildcards else {
          throw ErrorReport(
            "the bundle includes \(text), which does not exist", place: "\(entry.location)",
            next: "fix the path or remove it")
        }
        findings.append(Finding(.warning, at: entry.location, path: "include", "\(text) matches no file"))
      }
      if let other = matches.first(where: { !Self.extensions.contains(Self.fileExtension(of: $0)) }) {
        throw ErrorReport(
          "the bundle includes \(other)", place: "\(entry.location)",
          why: "only files that end in .yml, .yaml or .json can be included", next: "narrow the pattern, such as *.yml")
      }
      files += matches
    }
    return files
  }

  private mutating func add(_ path: String, _ value: SourcedValue) {
    files.append(path)
    if let include = value["include"] {
      findings.append(
        Finding(
          .warning, at: include.location, path: "include",
          "is ignored, as in Databricks: only the bundle's root file can include others",
          suggestion: "move it to databricks.yml"))
    }
    for (type, resources) in value["resources"]?.members ?? [:] {
      for (key, resource) in resources.members ?? [:] {
        guard let first = root["resources"]?[type]?[key] else { continue }
        repeated["resources.\(type).\(key)", default: [first.location]].append(resource.location)
      }
    }
    var joins: [JoinedList] = []
    root = root.merging(value, joins: &joins)
  }

  /// A bundle's Python code can create resources too.
  private mutating func addForeignSources() {
    for path in ["python", "experimental.python", "experimental.pydabs"] {
      guard let python = root.value(at: path), !python.saysNothing else { continue }
      omissions.append(
        Finding(
          .warning, at: python.location, path: path, "endpoints created by the bundle's Python code are not read",
          suggestion: "import the live endpoints by name"))
    }
  }

  // MARK: Paths

  private static func name(of path: String) -> String { path.split(separator: "/").last.map(String.init) ?? path }

  private static func fileExtension(of path: String) -> String {
    let name = name(of: path)
    return name.lastIndex(of: ".").map { String(name[name.index(after: $0)...]) } ?? ""
  }

  private static func folder(of path: String) -> String {
    path.lastIndex(of: "/").map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? ""
  }

  static func join(_ folder: String, _ name: String) -> String { folder.isEmpty ? name : "\(folder)/\(name)" }

  /// Returns the same text for the same file, however its path is written.
  private static func identity(_ path: String) -> String {
    path == "-" ? path : URL(filePath: path).resolvingSymlinksInPath().standardizedFileURL.path
  }
}

extension SourcedValue {
  /// Merges another value over this one as bundles do: objects key by key, lists appended, anything else replaced.
  /// Joined lists are added to `joins`.
  func merging(_ other: SourcedValue, path: String = "", joins: inout [JoinedList]) -> SourcedValue {
    switch (content, other.content) {
    case (.object(let members), .object(let others)):
      var merged = members
      for (key, value) in others.sorted(by: { $0.key < $1.key }) {
        let path = path.isEmpty ? key : "\(path).\(key)"
        merged[key] = members[key]?.merging(value, path: path, joins: &joins) ?? value
      }
      return SourcedValue(.object(merged), at: location)
    case (.list(let items), .list(let others)):
      if !items.isEmpty, !others.isEmpty {
        joins.append(JoinedList(path: path, first: location, second: other.location))
      }
      return SourcedValue(.list(items + others), at: location)
    default: return other.isNull ? self : other
    }
  }
}
