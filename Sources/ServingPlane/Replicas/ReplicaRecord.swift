import CanonicalJSON
import FoundationEssentials
import Gateway

/// The stored record of a replica, by which a plane finds it again after being killed.
struct ReplicaRecord: Hashable, Codable, Sendable, Identifiable {
  /// 16 hex digits, never reused.
  let id: String
  /// The endpoint's ID, not its name: a name can be reused.
  let endpoint: String
  let launch: LaunchConfig
  /// The config version for which it was started.
  let configVersion: Int64
  /// The port of its address; 0 if it has none.
  let port: Int
  /// The host of its address; nil for this machine's loopback address.
  private let host: String?
  /// The path of its Unix socket, if that is its address.
  private let socket: String?
  /// The GPUs assigned to it.
  let devices: [Int]
  /// Milliseconds since 1970.
  let created: Int64
  /// Whether it has ever been ready.
  var wasReady = false
  /// How long it took from this record to its first token, in milliseconds; nil until it is ready, or if an earlier
  /// version wrote the record.
  var startedIn: Int64?
  /// When the phases of its start after the first were first seen, in milliseconds since 1970, by the phase's name.
  var phases: [String: Int64]?
  /// The names by which it can be queried; nil until it is ready, or if an earlier version wrote the record.
  var models: [String]?
  /// Why it ended, if it ended by itself.
  var failure: ReplicaFailure?
  /// Why it was told to stop, as the end of a sentence; nil if it was not, or if the reason is unknown.
  var stopReason: String?
  /// When it ended, in milliseconds since 1970.
  var ended: Int64?
  /// What its backend needs to find it.
  var handle = ReplicaHandle()
  /// Whether this plane has started or adopted it. Not stored.
  var isStarted = false

  /// The members that are stored under their own names. Those of the handle stand beside them, as they did when every
  /// replica was a process: a plane of an earlier version can read what this one writes.
  private enum CodingKeys: String, CodingKey, CaseIterable {
    case id, endpoint, launch, configVersion, port, host, socket, devices, created, wasReady, startedIn, models, failure
    case ended, phases, stopReason
  }

  init(
    id: String, endpoint: String, launch: LaunchConfig, configVersion: Int64, placement: ReplicaPlacement,
    created: Int64
  ) {
    self.id = id
    self.endpoint = endpoint
    self.launch = launch
    self.configVersion = configVersion
    switch placement.address {
    case .tcp(let host, let port):
      self.port = port
      self.host = host == Self.loopback ? nil : host
      socket = nil
    case .unixSocket(let path):
      port = 0
      host = nil
      socket = path
    }
    devices = placement.devices
    self.created = created
    handle = placement.handle
  }

  private static let loopback = "127.0.0.1"

  /// Where it answers.
  var address: UpstreamAddress {
    if let socket { .unixSocket(path: socket) } else { .tcp(host: host ?? Self.loopback, port: port) }
  }

  // MARK: In the store

  /// Reads a stored document.
  init(document: String) throws {
    self = try JSONDecoder().decode(Self.self, from: Data(document.utf8))
    let own = Set(CodingKeys.allCases.map(\.stringValue))
    let members = try JSONValue(parsing: document).objectValue ?? [:]
    handle = ReplicaHandle(members: members.filter { !own.contains($0.key) })
  }

  /// The document to store.
  func document() throws -> String {
    let own = try JSONValue(parsing: Array(JSONEncoder().encode(self))).objectValue ?? [:]
    return JSONValue.object(handle.members.merging(own) { $1 }).text()
  }
}
