import CanonicalJSON
import FileSystem
import FoundationEssentials
import Glibc
import LibCrypto
import ServingAPI
import Synchronization

/// The plane's model registry: `NAME/versions/N/` with the version's files, next to `NAME/aliases.json`.
///
/// A version is complete or absent: it is assembled elsewhere and renamed into place. The methods block on the disk.
final class ModelDirectory: Sendable {
  let path: String
  let own: [String]
  let now: @Sendable () -> Int64
  /// Guards the aliases, and which versions exist.
  let registrations = Mutex(ReservedVersions())

  /// - Parameters:
  ///   - own: the plane's folders, from which, like from this one, nothing may be registered.
  ///   - now: milliseconds since 1970.
  init(path: String, own: [String] = [], now: @escaping @Sendable () -> Int64) {
    self.path = path
    self.own = own + [path]
    self.now = now
  }

  // MARK: Versions

  /// Registers a folder as a version of a model, which is created if it does not exist.
  ///
  /// - Parameters:
  ///   - source: an absolute path: an MLflow model folder with its own `MLmodel`, a folder with a `config.json`, or the
  ///     folder in which the entrypoint runs.
  ///   - number: the version's number, such as its number in another registry; nil for the next one.
  ///   - entrypoint: the command that serves it; nil to use the one that ``ServingInstructions`` finds.
  ///   - task: nil to use the one that ``ServingInstructions`` finds.
  ///   - followsLinks: whether links may lead out of the folder.
  ///   - copy: how the files are taken over.
  /// - Throws: ``ModelError``; nothing of the version is kept then.
  func register(
    _ model: String, from source: String, as number: Int? = nil, entrypoint: String? = nil, task: String? = nil,
    followsLinks: Bool = false, copy: FolderCopy = FolderCopy()
  ) throws(ModelError) -> ModelVersion {
    let reservation = try reserve(model, as: number)
    defer { release(reservation) }
    let source = try survey(source, entrypoint: entrypoint, task: task, followsLinks: followsLinks)
    return try store(source, as: reservation, by: copy)
  }

  /// A version, complete and servable.
  func version(_ model: String, _ number: Int) throws(ModelError) -> ModelVersion {
    try check(model)
    guard numbers(model).contains(number) else { throw missing(model, number) }
    let folder = versionsPath(model) + "/\(number)"
    let file = folder + "/version.json"
    func damaged(_ why: String) -> ModelError {
      ModelError(
        code: .damaged,
        description:
          "version \(number) of model \"\(model)\" is damaged: \(why); restore \(file), or remove \(folder) and "
          + "register the version again")
    }
    let read: JSONValue?
    do { read = try json(file) } catch { throw damaged(error.description) }
    guard let record = read else { throw damaged("it has no version.json") }
    guard let entrypoint = record["entrypoint"]?.stringValue, let artifacts = record["artifacts"]?.stringValue,
      Self.artifactsFolders.contains(artifacts)
    else { throw damaged("its version.json is incomplete") }
    return ModelVersion(
      model: model, number: number, task: record["task"]?.stringValue ?? "llm/v1/chat", entrypoint: entrypoint,
      artifacts: folder + "/" + artifacts, source: record["source"]?.stringValue ?? "",
      created: record["created_at"]?.intValue ?? 0, size: record["size"]?.intValue)
  }

  /// All versions of a model, oldest first. A damaged one is included with the reason.
  func versions(_ model: String) throws(ModelError) -> [(number: Int, version: Result<ModelVersion, ModelError>)] {
    try checkExists(model)
    return numbers(model).map { number in
      (number, Result { () throws(ModelError) in try version(model, number) })
    }
  }

  /// The names of all models, sorted.
  func models() -> [String] {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []
    return names.filter { ModelName.finding($0) == nil && !numbers($0).isEmpty }.sorted()
  }

  // MARK: Aliases

  /// The aliases of a model and their versions.
  func aliases(_ model: String) throws(ModelError) -> [String: Int] {
    try checkExists(model)
    return try json(aliasesPath(model))?.objectValue?.compactMapValues { $0.intValue.flatMap { Int(exactly: $0) } }
      ?? [:]
  }

  /// The version of an alias.
  func version(_ model: String, alias: String) throws(ModelError) -> ModelVersion {
    guard let number = try aliases(model)[alias] else {
      throw ModelError(code: .missing, description: "model \"\(model)\" has no alias \"\(alias)\"")
    }
    return try version(model, number)
  }

  /// Sets an alias, or moves it.
  func setAlias(_ model: String, _ alias: String, to number: Int) throws(ModelError) {
    if let finding = ModelName.aliasFinding(alias) { throw ModelError(code: .invalid, description: finding) }
    try checkExists(model)
    try registrations.withLock { _ throws(ModelError) in
      _ = try version(model, number)
      try changeAliases(model) { $0[alias] = number }
    }
  }

  /// Removes an alias. A missing one is an error.
  func removeAlias(_ model: String, _ alias: String) throws(ModelError) {
    _ = try version(model, alias: alias)
    try registrations.withLock { _ throws(ModelError) in try changeAliases(model) { $0[alias] = nil } }
  }

  // MARK: Inside

  func versionsPath(_ model: String) -> String { "\(path)/\(model)/versions" }
  func aliasesPath(_ model: String) -> String { "\(path)/\(model)/aliases.json" }

  func check(_ model: String) throws(ModelError) {
    if let finding = ModelName.finding(model) { throw ModelError(code: .invalid, description: finding) }
  }

  private func checkExists(_ model: String) throws(ModelError) {
    try check(model)
    if numbers(model).isEmpty {
      throw ModelError(
        code: .missing,
        description: "model \"\(model)\" does not exist; register it with \"setpoint models register \(model) DIR\"")
    }
  }

  /// Checks that a number is free, before anything is copied.
  func checkFree(_ model: String, _ number: Int) throws(ModelError) {
    guard (1...Self.highestNumber).contains(number) else {
      throw ModelError(
        code: .invalid, description: "\(number) is not a valid version number: it must be 1 to \(Self.highestNumber)")
    }
    if numbers(model).contains(number) { throw taken(model, number) }
  }

  /// The highest number in the registries from which numbers are taken over.
  private static let highestNumber = Int(Int32.max)

  func taken(_ model: String, _ number: Int) -> ModelError {
    ModelError(
      code: .exists,
      description: "model \"\(model)\" already has version \(number), and versions are immutable; the highest is "
        + "\(numbers(model).last ?? number); use another number, or omit it to get the next one")
  }

  func missing(_ model: String, _ number: Int) -> ModelError {
    let present = numbers(model)
    let there =
      present.isEmpty
      ? "the plane has no model with that name; register it with \"setpoint models register \(model) DIR\""
      : "it has " + present.suffix(10).map(String.init).joined(separator: ", ")
    return ModelError(code: .missing, description: "model \"\(model)\" has no version \(number): \(there)")
  }

  /// The numbers of a model's versions, damaged ones included, in order.
  func numbers(_ model: String) -> [Int] {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: versionsPath(model))) ?? []
    return names.compactMap { name in Int(name).flatMap { $0 > 0 && String($0) == name ? $0 : nil } }.sorted()
  }

  /// The folder in which a version's entrypoint runs: of an MLflow model with artifacts, one without, or any other
  /// folder.
  private static let artifactsFolders = ["model/artifacts", "model", "artifacts"]

  /// The contents of a file in the directory; nil if it does not exist.
  func json(_ file: String) throws(ModelError) -> JSONValue? {
    do {
      return try SecureFile.readText(file).map { try JSONValue(parsing: $0) }
    } catch let error as TargetError {
      throw ModelError(code: .damaged, description: error.message)
    } catch {
      throw ModelError(
        code: .damaged, description: "\(file) is \(error)")
    }
  }

  func folder(_ source: String) throws(ModelError) -> String {
    guard source.hasPrefix("/") else {
      throw ModelError(code: .invalid, description: "the source \"\(source)\" must be an absolute path")
    }
    guard let folder = ResolvedPath.of(source) else {
      throw ModelError(
        code: .invalid, description: "the source \(source) cannot be read: \(SystemError.last)")
    }
    var isDirectory = false
    guard FileManager.default.fileExists(atPath: folder, isDirectory: &isDirectory), isDirectory else {
      throw ModelError(code: .invalid, description: "the source \(source) is not a folder")
    }
    return folder
  }

  /// Called only while ``registrations`` is locked.
  func changeAliases(_ model: String, _ change: (inout [String: Int]) -> Void) throws(ModelError) {
    var aliases = try aliases(model)
    change(&aliases)
    try replace(aliasesPath(model), with: .object(aliases.mapValues { .int(Int64($0)) }))
  }

  /// Writes a file as a whole or not at all. Called only while ``registrations`` is locked.
  func replace(_ file: String, with value: JSONValue) throws(ModelError) {
    let aside = file + Self.draftSuffix
    try write(value, to: aside)
    guard rename(aside, file) == 0 else {
      throw ModelError(code: .storage, description: "\(file) cannot be written: \(SystemError.last)")
    }
  }

  /// The ending of a file's name before the file is moved into place.
  static let draftSuffix = ".new"

  func write(_ value: JSONValue, to file: String) throws(ModelError) {
    do { try Data(value.bytes()).write(to: URL(filePath: file)) } catch {
      throw ModelError(code: .storage, description: "\(file) cannot be written: \(error.systemMessage)")
    }
  }

  func randomName() throws(ModelError) -> String {
    do { return try SecureRandom.token(byteCount: 8) } catch {
      throw ModelError(code: .storage, description: "\(error.systemMessage)")
    }
  }
}
