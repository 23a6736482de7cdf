/// The replicas of one served entity of a config.
package struct EntityReplicas: Hashable, Sendable {
  /// The served entity's name.
  package let entity: String
  /// Its launch; see ``Replica``.
  package let launch: String
  /// The desired number of replicas.
  package let count: Int
  /// How many of them a config needs before it gets traffic, and an update makes room for. The others follow the load;
  /// during an update they take only free places.
  package let least: Int
  /// The number of the machine's places that each of them takes: its accelerators, or a slot on a CPU, if those are
  /// limited.
  package let places: Int

  /// - Parameter least: nil for all of them.
  package init(entity: String, launch: String, count: Int, least: Int? = nil, places: Int = 1) {
    self.entity = entity
    self.launch = launch
    self.count = max(0, count)
    self.least = min(max(0, least ?? count), self.count)
    self.places = max(0, places)
  }
}

/// The desired replicas of a config version.
package struct ReplicaSet: Hashable, Sendable {
  /// The config version.
  package let version: Int
  package let entities: [EntityReplicas]

  package init(version: Int, entities: [EntityReplicas]) {
    self.version = version
    self.entities = entities
  }
}

/// One step. Each step is idempotent.
package enum ReplicaStep: Hashable, Sendable {
  /// Create a replica of the launch and start it.
  case start(launch: String)
  /// Send it no new requests, and stop it when it has none left or its time is up.
  case drain(id: String)
  /// Stop a replica at once that never served.
  case stop(id: String)
  /// Forget an ended replica.
  case remove(id: String)
  /// Route traffic by the target, whose replicas are ready; it becomes the serving config.
  case switchTraffic(version: Int)
  /// Give up the target, because its entity does not start for this cause. The serving config stays.
  case declareFailed(version: Int, entity: String, cause: String)
}

/// The steps to take now, and the time of the next check if nothing happens before.
package struct ReplicaPlan: Hashable, Sendable {
  package var steps: [ReplicaStep] = []
  /// The end of the back-off that a start waits for.
  package var lookAgainAt: Duration?
  /// The launches that should start but cannot for lack of resources on the machine.
  package var withoutRoom: [String] = []

  package init() {}
}
