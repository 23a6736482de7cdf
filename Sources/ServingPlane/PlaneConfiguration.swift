import FoundationEssentials
package import Gateway
package import Scheduling

/// How a serving plane runs.
package struct PlaneConfiguration: Sendable {
  /// Where everything is kept: store, models, token, replicas' output.
  package var dataDirectory: String
  /// The address to listen on.
  package var host = "127.0.0.1"
  /// The port to listen on; 0 picks a free port.
  package var port = 7387
  /// What `python` and `python3` in an entrypoint stand for; nil: what SETPOINT_PYTHON says, else what PATH has.
  package var python: String?
  /// The name of whoever runs the plane: the creator of its endpoints.
  package var user: String
  /// The environment of the plane.
  package var environment: [String: String]
  /// Where replicas have their temporary folders. Short: a socket's path has 108 bytes at most.
  package var temporaryPath = "/tmp"
  /// Requests a replica takes at once, more wait in the endpoint's queue; nil: as many as its engine batches.
  package var requestsPerReplica: Int?
  /// How many requests may wait at an endpoint, and for how long.
  package var admission = AdmissionPolicy()
  /// What callers are granted.
  package var callers = CallerLimits()
  package var timing = ReplicaTiming()
  package var planner = ReplicaPlanner()
  /// The most replicas that one config may ask for; nil: ``replicasWithoutGPUs``, or as many as there are GPUs if that is more.
  package var maximumReplicas: Int?
  package static let replicasWithoutGPUs = 16
  /// The GPUs of the machine; nil: those that nvidia-smi names.
  var accelerators: Accelerators?
  /// How many replicas may start in any window of ``startSpacing``: loading weights takes all of a machine.
  package var startBurst = 4
  package var startSpacing: Duration = .seconds(2)
  /// How long the plane may take to stop: first requests may finish, then replicas are ended. Kubernetes gives 30 s.
  package var shutdownGrace: Duration = .seconds(25)
  /// Whether somebody said where to listen. Otherwise a plane that takes over listens where the one before it does.
  package var isAddressGiven = true
  /// Take the place of the plane that runs on the data directory, where one does.
  package var takesOver = false
  /// Setpoint's version, for messages.
  package var version = "unknown"
  /// How long a plane that has handed over goes on answering what is under way.
  var handoverGrace: Duration { timing.drainDeadline }
  /// How long it keeps connections on which nothing comes.
  package var handoverIdle: Duration = .seconds(15)
  /// How long requests may go on to an endpoint that was deleted.
  package var deletionGrace: Duration = .seconds(5)
  /// Of how many replicas that are over an endpoint keeps the output.
  package var keptOutputs = 4
  /// The largest body of a call of the API, other than queries.
  package var maximumBody = 1 << 20
  /// Where the plane announces itself to the commands of this machine; nil: nowhere.
  package var runtimeDirectory: String?

  /// - Parameter dataDirectory: a relative path counts from the directory the plane was started in.
  package init(dataDirectory: String, user: String, environment: [String: String]) {
    self.dataDirectory = Self.absolute(dataDirectory)
    self.user = user
    self.environment = environment
  }

  /// The part of ``shutdownGrace`` that requests under way have. The rest is for the replicas, which need 8 s at most when all
  /// goes well: a second to break off what is left, ``ReplicaTiming/terminationGrace``, and two for what must be killed.
  var requestGrace: Duration { max(shutdownGrace - timing.terminationGrace - .seconds(3), shutdownGrace / 2) }

  /// The interpreter in force: the given one, else the one that SETPOINT_PYTHON names; a path in it is absolute.
  var interpreter: String? {
    let named = python ?? environment["SETPOINT_PYTHON"]
    guard let named, !named.isEmpty else { return nil }
    return named.contains("/") ? Self.absolute(named) : named
  }

  private static func absolute(_ path: String) -> String {
    path.hasPrefix("/") ? path : FileManager.default.currentDirectoryPath + "/" + path
  }

  /// Where a replica keeps its sockets.
  func temporaryDirectory(of replica: String) -> String { temporaryPath + "/sp-" + replica }

  var storePath: String { dataDirectory + "/setpoint.sqlite" }
  var modelsPath: String { dataDirectory + "/models" }
  var reservePath: String { dataDirectory + "/reserve" }
  var replicasPath: String { dataDirectory + "/replicas" }
  var secretsPath: String { dataDirectory + "/secrets" }
  var tokenPath: String { dataDirectory + "/token" }
  /// Where a new plane asks this one to hand over.
  var takeoverPath: String { dataDirectory + "/takeover.sock" }
  var lockPath: String { dataDirectory + "/lock" }
}
