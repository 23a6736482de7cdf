import Scheduling

// What goes into a machine with every event, and what comes out.
extension EndpointMachine {
  /// An action for the shell.
  enum Action: Hashable, Sendable {
    /// Record the endpoint.
    case save
    /// Download the files of the launch's model version, and report the outcome.
    case download(LaunchConfig)
    /// Route requests according to ``EndpointMachine/routing`` from now on. Comes before the stops that follow from it.
    case route
    /// Start a replica of the launch under this ID.
    case start(id: String, launch: LaunchConfig, configVersion: Int64)
    /// Stop a replica once its requests are answered.
    case drain(id: String)
    /// Stop a replica at once.
    case stop(id: String)
  }

  /// The facts passed with every event.
  struct EventContext {
    /// Relative to any fixed moment.
    let now: Duration
    /// Milliseconds since 1970.
    let wall: Int64
    /// The free places of this machine that the endpoint may take; nil if it is not bounded.
    let room: Int?
    /// Places that other endpoints are about to free.
    var freeing = 0
    /// Places that other endpoints may free at some time, those included.
    var reclaimable = 0
    /// Whether the launches that scale to zero must be put to sleep now, for another endpoint.
    var givesUp = false
    /// How many places of surplus replicas must be given up now, for another endpoint.
    var sheds = 0
    /// The name of that endpoint, if it is known.
    var yieldsTo: String?
    /// What the gateway knows of the endpoint's requests.
    var load = RequestLoad()
    /// The number of places that a replica of a workload type needs.
    var places: (String) -> Int = { _ in 1 }
    /// What a place is.
    var unit = RoomUnit.gpu
    /// Whether model versions come from another machine.
    var isRemote = false
    /// Generates the ID of a new replica.
    let newID: () -> String
  }
}
