import FoundationEssentials
package import HTTPSupport
package import ModelRegistry
package import Scheduling

/// The configuration of a serving plane.
package struct PlaneConfiguration: Sendable {
  /// The directory for everything: store, models, token, replicas' output.
  package var dataDirectory: String
  /// The address to listen on.
  package var host = "127.0.0.1"
  /// The port to listen on; 0 picks a free port.
  package var port = 7387
  /// What `python` and `python3` in an entrypoint stand for; nil for SETPOINT_PYTHON, otherwise the one on PATH.
  package var python: String?
  /// The name of the user who runs the plane: the creator of its endpoints.
  package var user: String
  /// The plane's environment.
  package var environment: [String: String]
  /// The parent of the replicas' temporary folders. Short: a socket's path has at most 108 bytes.
  package var temporaryPath = "/tmp"
  /// The concurrent requests per replica, unless its endpoint's config says otherwise; more wait in the endpoint's
  /// queue. Nil for as many as its engine batches.
  package var requestsPerReplica: Int?
  /// How many requests may wait at an endpoint, and for how long, unless its config says otherwise.
  package var admission = AdmissionPolicy()
  /// How long an endpoint must be idle before it is scaled to zero, unless its config says otherwise.
  package var idleAfter: Duration = .seconds(30 * 60)
  /// The maximum size of the bodies of all requests that are queued, or were queued and wait for a replica's response,
  /// in bytes; further requests are not queued.
  package var heldBytes = 512 << 20
  /// What applies to an endpoint whose config does not say otherwise.
  var endpointDefaults: PlaneSettings {
    PlaneSettings(idleAfter: idleAfter, concurrency: requestsPerReplica, admission: admission)
  }
  /// The limits for callers.
  package var clients = ClientLimits()
  /// The MLflow server whose registered models the plane serves; nil for those of its own model directory.
  package var mlflow: MLflowServer?
  package var timing = ReplicaTiming()
  package var planner = ReplicaPlanner()
  /// The most replicas that one config may request; nil for ``replicasWithoutGPUs`` or the number of GPUs, whichever is
  /// larger.
  package var maximumReplicas: Int?
  package static let replicasWithoutGPUs = 16
  /// How many replicas may run at once on a machine without GPUs; nil for any number.
  package var slots: Int?
  /// How long an endpoint that scales to zero serves while it has requests and others wait for its places.
  package var swapEvery: Duration = .seconds(30)
  /// How long the load must have needed fewer replicas before some end, if their number follows it.
  package var scaleDownAfter: Duration = .seconds(300)
  /// The GPUs of the machine; nil for those that nvidia-smi lists.
  var accelerators: Accelerators?
  /// What replicas run on; nil for the processes of this machine.
  var backend: (any ReplicaBackend)?
  /// How many replicas may start in any window of ``startSpacing``: loading weights uses all of a machine.
  package var startBurst = 4
  package var startSpacing: Duration = .seconds(2)
  /// How long the plane may take to stop: requests may finish first, then replicas are ended. Kubernetes allows 30 s.
  package var shutdownGrace: Duration = .seconds(25)
  /// Whether the user specified an address. Otherwise a plane that takes over listens where the previous plane does.
  package var isAddressGiven = true
  /// Whether to replace the plane that runs on the data directory, if there is one.
  package var takesOver = false
  /// Setpoint's version, for messages.
  package var version = "unknown"
  /// How long a plane that has handed over continues to answer requests in progress.
  var handoverGrace: Duration { timing.drainDeadline }
  /// How long it keeps idle connections.
  package var handoverIdle: Duration = .seconds(15)
  /// How long requests to a deleted endpoint may continue.
  package var deletionGrace: Duration = .seconds(5)
  /// The number of ended replicas for which an endpoint keeps the output.
  package var keptOutputs = 4
  /// The largest body of an API call other than a query.
  package var maximumBody = 1 << 20
  /// Whether the plane's messages go to ``logPath``. It then keeps that file from growing without limit.
  package var writesOwnLog = false
  /// The size at which that file starts over, in bytes; its last part is kept in a second file.
  package var logLimit: Int64 = 16 << 20
  /// What the plane records about requests and replicas.
  package var telemetry = TelemetryOptions()
  /// The options of its command line that a later start needs, besides the data directory. They are announced.
  package var options: [String] = []
  /// Where the plane announces itself to commands on this machine; nil for nowhere.
  package var runtimeDirectory: String?

  /// - Parameter dataDirectory: a relative path is relative to the directory in which the plane was started.
  package init(dataDirectory: String, user: String, environment: [String: String]) {
    self.dataDirectory = Self.absolute(dataDirectory)
    self.user = user
    self.environment = environment
  }

  /// The part of ``shutdownGrace`` for requests in progress. The rest is for the replicas, which normally need at most
  /// 8 s: a second to cut off what is left, ``ReplicaTiming/terminationGrace``, and two for what must be killed.
  var requestGrace: Duration { max(shutdownGrace - timing.terminationGrace - .seconds(3), shutdownGrace / 2) }

  /// The interpreter in effect: the given one, otherwise SETPOINT_PYTHON; a path in it is absolute.
  var interpreter: String? {
    let named = python ?? environment["SETPOINT_PYTHON"]
    guard let named, !named.isEmpty else { return nil }
    return named.contains("/") ? Self.absolute(named) : named
  }

  /// Returns the path, relative to the directory in which the plane was started unless it is absolute.
  package static func absolute(_ path: String) -> String {
    path.hasPrefix("/") ? path : FileManager.default.currentDirectoryPath + "/" + path
  }

  /// The folder of a replica's sockets.
  func temporaryDirectory(of replica: String) -> String { temporaryPath + "/sp-" + replica }

  var storePath: String { dataDirectory + "/setpoint.sqlite" }
  var telemetryPath: String { dataDirectory + "/telemetry.sqlite" }
  var modelsPath: String { dataDirectory + "/models" }
  /// The versions downloaded from MLflow servers.
  var mlflowPath: String { dataDirectory + "/mlflow" }
  var reservePath: String { dataDirectory + "/reserve" }
  var replicasPath: String { dataDirectory + "/replicas" }
  var secretsPath: String { dataDirectory + "/secrets" }
  var tokenPath: String { dataDirectory + "/token" }
  /// The socket on which a new plane asks this one to hand over.
  var takeoverPath: String { dataDirectory + "/takeover.sock" }
  var lockPath: String { dataDirectory + "/lock" }
  /// The messages of a plane in the background.
  package var logPath: String { dataDirectory + "/plane.log" }
}
