/// The replicas on record: what each of them runs, and on which accelerators. A value; every decision about them is
/// made from it.
struct ReplicaBook: Sendable {
  /// By ID.
  private var records: [String: ReplicaRecord] = [:]

  init() {}

  subscript(id: String) -> ReplicaRecord? {
    get { records[id] }
    set { records[id] = newValue }
  }

  /// All of them.
  var all: [ReplicaRecord] { Array(records.values) }

  /// Those that have not ended.
  var living: [ReplicaRecord] { records.values.filter { $0.ended == nil } }

  /// Those of an endpoint, by its ID.
  func of(_ endpoint: String) -> [ReplicaRecord] { records.values.filter { $0.endpoint == endpoint } }

  /// The ended replicas of an endpoint without the last few, whose logs are kept.
  func surplus(of endpoint: String, keeping count: Int) -> [ReplicaRecord] {
    let ended = of(endpoint).filter { $0.ended != nil }.sorted { ($0.ended ?? 0, $0.id) > ($1.ended ?? 0, $1.id) }
    return Array(ended.dropFirst(count))
  }

  /// The replica whose log answers for a launch: one that serves, otherwise the newest.
  func logged(_ launch: LaunchConfig, of endpoint: String, serves: (String) -> Bool) -> ReplicaRecord? {
    of(endpoint).filter { $0.launch == launch }.max {
      (serves($0.id) ? 1 : 0, $0.created, $0.id) < (serves($1.id) ? 1 : 0, $1.created, $1.id)
    }
  }

  /// How long the endpoint's newest replica that was ever ready took to start; nil if unknown.
  func lastStart(of endpoint: String) -> Duration? {
    of(endpoint).filter { $0.startedIn != nil }.max { ($0.created, $0.id) < ($1.created, $1.id) }?.startedIn
      .map { .milliseconds($0) }
  }

  /// The phases of the starts of an endpoint's replicas that have not ended, by the replica's ID.
  func starts(of endpoint: String) -> [String: StartTimes] {
    of(endpoint).filter { $0.ended == nil }.reduce(into: [:]) { $0[$1.id] = $1.start }
  }

  /// The events in the lives of an endpoint's replicas that are on record, oldest first.
  func events(of endpoint: String) -> [ReplicaEvent] {
    // Those of one replica stay in order even if they happened at the same time.
    let events = of(endpoint).sorted { ($0.created, $0.id) < ($1.created, $1.id) }.flatMap(\.events)
    return events.enumerated().sorted { ($0.element.at, $0.offset) < ($1.element.at, $1.offset) }.map(\.element)
  }

  /// The number of accelerators that replicas hold. One that is leaving holds its own until it has ended.
  var devicesInUse: Int { Set(living.flatMap(\.devices)).count }
}
