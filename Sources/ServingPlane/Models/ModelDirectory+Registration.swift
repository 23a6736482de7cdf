import CanonicalJSON
import FileSystem
import FoundationEssentials
import Glibc
import ServingAPI
import Synchronization

/// The versions that are being registered.
struct ReservedVersions: Hashable, Sendable {
  /// The numbers by model.
  var numbers: [String: Set<Int>] = [:]
  /// The folders in which the versions are assembled, and to which models are downloaded.
  var folders: Set<String> = []
  /// The folders that are being removed.
  var removals: Set<String> = []
}

/// The number of a version that is being registered. No other registration gets it.
struct VersionReservation: Hashable, Sendable {
  let model: String
  let number: Int
  /// The folder in which the version is assembled.
  let folder: String
}

/// A folder that can be registered.
struct SurveyedFolder: Sendable {
  /// Its resolved path.
  let path: String
  let survey: FolderSurvey
  let instructions: ServingInstructions
}

// The steps of a registration: reserve a number, survey the folder, take its files.
extension ModelDirectory {
  /// Reserves a number; it must be released.
  ///
  /// - Parameter number: nil for the one after the highest that the model has or had.
  func reserve(_ model: String, as number: Int?) throws(ModelError) -> VersionReservation {
    try check(model)
    let folder = path + "/" + Self.incomingPrefix + (try randomName())
    return try registrations.withLock { reserved throws(ModelError) in
      let others = reserved.numbers[model] ?? []
      if let number {
        try checkFree(model, number)
        guard !others.contains(number) else {
          throw ModelError(code: .inUse, description: "version \(number) of model \"\(model)\" is being registered")
        }
      }
      let highest = max(numbers(model).last ?? 0, others.max() ?? 0, highestDeleted(model))
      let assigned = number ?? highest + 1
      reserved.numbers[model, default: []].insert(assigned)
      reserved.folders.insert(folder)
      return VersionReservation(model: model, number: assigned, folder: folder)
    }
  }

  func release(_ reservation: VersionReservation) {
    registrations.withLock { reserved in
      reserved.folders.remove(reservation.folder)
      reserved.numbers[reservation.model]?.remove(reservation.number)
      if reserved.numbers[reservation.model]?.isEmpty == true { reserved.numbers[reservation.model] = nil }
    }
  }

  /// Checks a folder as a whole, and how to serve it. The parameters are those of ``register``.
  ///
  /// - Parameter isDownload: whether it is the plane's own download.
  func survey(
    _ source: String, entrypoint: String?, task: String?, followsLinks: Bool, isDownload: Bool = false
  ) throws(ModelError) -> SurveyedFolder {
    let source = try folder(source)
    let rules = SourceRules(own: isDownload ? [] : own)
    let survey = try FolderSurvey(of: source, rules: rules, followsLinks: followsLinks)
    let instructions = try ServingInstructions(folder: source, entrypoint: entrypoint, task: task)
    return SurveyedFolder(path: source, survey: survey, instructions: instructions)
  }

  /// Reserves the folder to which a model is downloaded; it must be released. The folder is kept when the plane ends,
  /// so that the download can be resumed.
  func reserveDownload(of model: HubModel) throws(ModelError) -> String {
    let folder = path + "/" + Self.downloadPrefix + model.fileName
    let isFree = registrations.withLock { reserved in reserved.folders.insert(folder).inserted }
    guard isFree else {
      throw ModelError(code: .inUse, description: "\(model.repository) is being downloaded by another registration")
    }
    return folder
  }

  func releaseDownload(_ folder: String) {
    registrations.withLock { reserved in _ = reserved.folders.remove(folder) }
  }

  /// Takes the files, and moves the complete version into place.
  ///
  /// - Parameter origin: what the version shows as its source; nil for the folder's path.
  func store(
    _ source: SurveyedFolder, as reservation: VersionReservation, origin: String? = nil, by copy: FolderCopy
  ) throws(ModelError) -> ModelVersion {
    let (model, number, incoming) = (reservation.model, reservation.number, reservation.folder)
    defer { try? FileManager.default.removeItem(atPath: incoming) }
    let isMLflow = source.instructions.isMLflow
    let hasArtifacts = isMLflow && source.survey.items.contains(.folder("artifacts"))
    // The model and its number are for whoever finds the folder of an interrupted registration.
    let record: JSONValue = [
      "entrypoint": .string(source.instructions.entrypoint), "task": .string(source.instructions.task),
      "source": .string(origin ?? source.path), "created_at": .int(now()), "size": .int(source.survey.bytes),
      "artifacts": .string(isMLflow ? (hasArtifacts ? "model/artifacts" : "model") : "artifacts"),
      "model": .string(model), "version": .int(Int64(number)),
    ]
    try makeFolder(incoming)
    try write(record, to: incoming + "/version.json")
    var copy = copy
    copy.registered = RegisteredFiles(in: versionFolders)
    try copy.copy(source.survey, to: incoming + "/" + (isMLflow ? "model" : "artifacts"))
    try registrations.withLock { _ throws(ModelError) in
      try makeFolder(versionsPath(model))
      guard rename(incoming, versionsPath(model) + "/\(number)") != 0 else { return }
      guard errno != ENOTEMPTY, errno != EEXIST else { throw taken(model, number) }
      throw ModelError(
        code: .storage, description: "version \(number) cannot be moved into place: \(SystemError.last)")
    }
    return try version(model, number)
  }

  /// The folders of all versions.
  private var versionFolders: [String] {
    models().flatMap { model in numbers(model).map { versionsPath(model) + "/\($0)" } }
  }

  private func makeFolder(_ path: String) throws(ModelError) {
    do { try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true) } catch {
      throw ModelError(code: .storage, description: "\(path) cannot be created: \(error.systemMessage)")
    }
  }

  /// The beginning of the names of folders in which versions are assembled.
  static let incomingPrefix = ".incoming-"
  /// The beginning of the names of folders to which models are downloaded.
  static let downloadPrefix = ".download-"
}
