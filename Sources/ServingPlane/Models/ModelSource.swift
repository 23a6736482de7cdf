import Endpoints

/// Where a plane finds the versions of registered models: its own ``ModelDirectory``, or the registry of another
/// server, whose versions are downloaded before they are served (``MLflowModels``).
protocol ModelSource: Sendable {
  /// Whether versions come from another machine. Then a version is looked up before a config with it is accepted, and
  /// its files are complete before the first replica of it starts, or a replica of another version ends for it.
  var isRemote: Bool { get }

  /// A version as this machine knows it; asks nobody else. Blocks on the disk.
  func version(_ model: String, _ number: Int) throws(ModelError) -> ModelVersion

  /// Makes a version known on this machine: how to serve it, not its files. If the registry cannot be asked, what is
  /// known of the version stays valid.
  func lookUp(_ model: String, _ number: Int) async throws(ModelError)

  /// Returns once the files of a version are complete on this machine. Calls for the same version wait for each other.
  ///
  /// - Throws: ``ModelError``; what has arrived is kept for the next call.
  func fetch(_ model: String, _ number: Int) async throws(ModelError)

  /// Keeps versions from being removed from this machine until they are released as often as they were held: a config
  /// with them is about to be accepted.
  func hold(_ versions: Set<ModelVersionID>)

  func release(_ versions: Set<ModelVersionID>)

  /// How much of a version has arrived; nil if it is not being downloaded.
  func progress(_ model: String, _ number: Int) -> DownloadProgress?
}

extension ModelDirectory: ModelSource {
  var isRemote: Bool { false }

  func lookUp(_ model: String, _ number: Int) {}

  func fetch(_ model: String, _ number: Int) {}

  func hold(_ versions: Set<ModelVersionID>) {}

  func release(_ versions: Set<ModelVersionID>) {}

  func progress(_ model: String, _ number: Int) -> DownloadProgress? { nil }
}

/// How much of a download has arrived, in bytes.
struct DownloadProgress: Hashable, Sendable, CustomStringConvertible {
  var received: Int64
  let total: Int64

  /// `downloading model (1.2 of 4.6 GB)`
  var description: String {
    let units: [(size: Int64, name: String)] = [(1_000_000_000, "GB"), (1_000_000, "MB"), (1_000, "KB")]
    let unit = units.first { total >= $0.size } ?? (size: 1, name: "bytes")
    let words = [min(received, total), total].map { Self.text($0, unit.size) }.joined(separator: " of ")
    return "downloading model (\(words) \(unit.name))"
  }

  /// With one decimal below ten units.
  private static func text(_ bytes: Int64, _ unit: Int64) -> String {
    let whole = bytes / unit
    guard unit > 1, whole < 10 else { return String(whole) }
    return "\(whole).\(bytes % unit * 10 / unit)"
  }
}

extension ReplicaFailure {
  /// Why the files of a model version are not here. A registry that cannot be asked and a full disk are no fault of the
  /// config.
  init(_ error: ModelError) {
    switch error.code {
    case .unavailable: self.init("\(KnownMessage.registryFault): \(error.description)", isWorthRepeating: true)
    case .storage, .cancelled: self = .ofMachine(error.description)
    case .missing: self.init(error.description, isWorthRepeating: true)
    case .invalid, .exists, .inUse, .damaged: self.init(error.description)
    }
  }
}
