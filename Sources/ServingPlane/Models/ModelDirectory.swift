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
  private let own: [String]
  private let now: @Sendable () -> Int64
  /// Guards reading and writing the aliases.
  private let aliasLock = Mutex(())

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
    try check(model)
    if let number { try checkFree(model, number) }
    let source = try folder(source)
    let survey = try FolderSurvey(of: source, rules: SourceRules(own: own), followsLinks: followsLinks)
    let instructions = try ServingInstructions(folder: source, entrypoint: entrypoint, task: task)
    return try store(model, number, survey, of: source, instructions, by: copy)
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
      created: record["created_at"]?.intValue ?? 0)
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
    _ = try version(model, number)
    try changeAliases(model) { $0[alias] = number }
  }

  /// Removes an alias. A missing one is an error.
  func removeAlias(_ model: String, _ alias: String) throws(ModelError) {
    _ = try version(model, alias: alias)
    try changeAliases(model) { $0[alias] = nil }
  }

  /// Removes the remains of registrations that a killed plane did not finish.
  func removeIncomplete() {
    for name in (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? [] where name.hasPrefix(".incoming-") {
      try? FileManager.default.removeItem(atPath: path + "/" + name)
    }
  }

  // MARK: Inside

  private func versionsPath(_ model: String) -> String { "\(path)/\(model)/versions" }
  private func aliasesPath(_ model: String) -> String { "\(path)/\(model)/aliases.json" }

  private func check(_ model: String) throws(ModelError) {
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

  /// Checks that a number is free, before anything is copied; a concurrent registration is detected when the version is
  /// moved into place.
  private func checkFree(_ model: String, _ number: Int) throws(ModelError) {
    guard (1...Self.highestNumber).contains(number) else {
      throw ModelError(
        code: .invalid, description: "\(number) is not a valid version number: it must be 1 to \(Self.highestNumber)")
    }
    if numbers(model).contains(number) { throw taken(model, number) }
  }

  /// The highest number in the registries from which numbers are taken over.
  private static let highestNumber = Int(Int32.max)

  private func taken(_ model: String, _ number: Int) -> ModelError {
    ModelError(
      code: .exists,
      description: "model \"\(model)\" already has version \(number), and versions are immutable; the highest is "
        + "\(numbers(model).last ?? number); use another number, or omit it to get the next one")
  }

  private func missing(_ model: String, _ number: Int) -> ModelError {
    let present = numbers(model)
    let there =
      present.isEmpty
      ? "the plane has no model with that name; register it with \"setpoint models register \(model) DIR\""
      : "it has " + present.suffix(10).map(String.init).joined(separator: ", ")
    return ModelError(code: .missing, description: "model \"\(model)\" has no version \(number): \(there)")
  }

  private func numbers(_ model: String) -> [Int] {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: versionsPath(model))) ?? []
    return names.compactMap { name in Int(name).flatMap { $0 > 0 && String($0) == name ? $0 : nil } }.sorted()
  }

  /// The folder in which a version's entrypoint runs: of an MLflow model with artifacts, one without, or any other
  /// folder.
  private static let artifactsFolders = ["model/artifacts", "model", "artifacts"]

  /// The contents of a file in the directory; nil if it does not exist.
  private func json(_ file: String) throws(ModelError) -> JSONValue? {
    do {
      return try SecureFile.readText(file).map { try JSONValue(parsing: $0) }
    } catch let error as TargetError {
      throw ModelError(code: .damaged, description: error.message)
    } catch {
      throw ModelError(
        code: .damaged, description: "\(file) is \(error)")
    }
  }

  private func folder(_ source: String) throws(ModelError) -> String {
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

  private func store(
    _ model: String, _ wanted: Int?, _ survey: FolderSurvey, of source: String, _ instructions: ServingInstructions,
    by copy: FolderCopy
  ) throws(ModelError) -> ModelVersion {
    let isMLflow = instructions.isMLflow
    let incoming = path + "/.incoming-" + (try randomName())
    defer { try? FileManager.default.removeItem(atPath: incoming) }
    let hasArtifacts = isMLflow && survey.items.contains(.folder("artifacts"))
    let artifacts = isMLflow ? (hasArtifacts ? "model/artifacts" : "model") : "artifacts"
    let record: JSONValue = [
      "entrypoint": .string(instructions.entrypoint), "task": .string(instructions.task),
      "source": .string(source), "artifacts": .string(artifacts), "created_at": .int(now()),
    ]
    do {
      try FileManager.default.createDirectory(atPath: incoming, withIntermediateDirectories: true)
    } catch {
      throw ModelError(code: .storage, description: "\(incoming) cannot be created: \(error)")
    }
    try copy.copy(survey, to: incoming + "/" + (isMLflow ? "model" : "artifacts"))
    try write(record, to: incoming + "/version.json")
    do {
      try FileManager.default.createDirectory(atPath: versionsPath(model), withIntermediateDirectories: true)
    } catch {
      throw ModelError(code: .storage, description: "\(versionsPath(model)) cannot be created: \(error.systemMessage)")
    }
    var number = wanted ?? (numbers(model).last ?? 0) + 1
    // Renaming onto a non-empty folder fails, so two concurrent registrations get two numbers.
    while rename(incoming, versionsPath(model) + "/\(number)") != 0 {
      guard errno == ENOTEMPTY || errno == EEXIST else {
        throw ModelError(
          code: .storage,
          description: "version \(number) cannot be moved into place: \(SystemError.last)")
      }
      if wanted != nil { throw taken(model, number) }
      number += 1
    }
    return try version(model, number)
  }

  private func changeAliases(_ model: String, _ change: (inout [String: Int]) -> Void) throws(ModelError) {
    let result = aliasLock.withLock { _ -> Result<Void, ModelError> in
      do throws(ModelError) {
        var aliases = try aliases(model)
        change(&aliases)
        let aside = aliasesPath(model) + ".new"
        try write(.object(aliases.mapValues { .int(Int64($0)) }), to: aside)
        guard rename(aside, aliasesPath(model)) == 0 else {
          throw ModelError(
            code: .storage, description: "\(aliasesPath(model)) cannot be written: \(SystemError.last)")
        }
        return .success(())
      } catch {
        return .failure(error)
      }
    }
    try result.get()
  }

  private func write(_ value: JSONValue, to file: String) throws(ModelError) {
    do { try Data(value.bytes()).write(to: URL(filePath: file)) } catch {
      throw ModelError(code: .storage, description: "\(file) cannot be written: \(error.systemMessage)")
    }
  }

  private func randomName() throws(ModelError) -> String {
    do { return try SecureRandom.token(byteCount: 8) } catch {
      throw ModelError(code: .storage, description: "\(error.systemMessage)")
    }
  }
}
