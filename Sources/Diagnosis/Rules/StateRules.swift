/// What the endpoint's state says: starts, updates, sleep, and failed requests.
enum StateRules {
  /// The least time after which a rollout counts as overdue.
  static let longRollout: Duration = .seconds(20 * 60)

  static let all = [
    downloading, starting, noReplicas, fewerReplicas, updateFailed, updateOverdue, asleep, waking, engineErrors,
    unavailable, logErrors, telemetryDropped, deploymentFailed, notReady,
  ]

  private static let downloading = DiagnosisRule("downloading-weights") { evidence in
    guard let entity = evidence.entities.first(where: { $0.download != nil }), let progress = entity.download else {
      return nil
    }
    let isDown = !evidence.serves
    return Finding(
      "downloading-weights", isDown ? .failing : .note, weight: 1.5, "the files of \(entity.label) are still arriving",
      measured: [progress], means: "A replica starts once the version's files are complete on this machine.",
      remedies: ["wait; setpoint describe \(evidence.endpoint) shows the progress"])
  }

  private static let starting = DiagnosisRule("starting") { evidence in
    let coming = evidence.entities.filter { $0.starting > 0 && $0.ready == 0 && $0.sleep == nil }
    guard let entity = coming.first, entity.failure == nil, entity.download == nil, !entity.isWaitingForRoom else {
      return nil
    }
    let isDown = !evidence.serves
    return Finding(
      "starting", isDown ? .failing : .note, weight: 1, "a replica of \(entity.label) is starting",
      measured: [
        entity.startPhase.map { phase in
          "it is \(phase)" + (entity.startingFor.map { ", for \(Words.time($0)) now" } ?? "")
        },
        evidence.usualStart.map { "the last start took \(Words.time($0))" },
      ],
      means: isDown ? "Until it is ready, requests wait." : "What served before still answers.",
      remedies: [
        "wait: setpoint wait \(evidence.endpoint)",
        "if it takes unusually long, see where it is: setpoint logs \(evidence.endpoint) --build",
      ])
  }

  /// Traffic goes to an entity that nothing serves, and nothing is done about it.
  private static let noReplicas = DiagnosisRule("no-replicas") { evidence in
    let bare = evidence.serving.filter { entity in
      entity.share > 0 && entity.ready == 0 && entity.starting == 0 && entity.sleep == nil && entity.failure == nil
        && !entity.isWaitingForRoom && entity.download == nil
    }
    guard let entity = bare.first, evidence.source == .plane else { return nil }
    return Finding(
      "no-replicas", .failing, weight: Double(entity.share) / 100,
      "\(entity.label) gets \(entity.share)% of the traffic and has no replica",
      measured: ["0 of \(Words.count(entity.wanted, "replica")) are ready, and none is starting"],
      means: "Its share of the requests waits until it times out.",
      remedies: [
        "read the plane's log for what keeps it from starting one",
        "or send its share elsewhere: traffic of spec.servedEntities, and setpoint apply",
      ])
  }

  private static let fewerReplicas = DiagnosisRule("fewer-replicas") { evidence in
    let short = evidence.serving.filter { entity in
      entity.ready > 0 && entity.ready < entity.wanted && entity.failure == nil && !entity.isWaitingForRoom
    }
    guard let entity = short.first else { return nil }
    return Finding(
      "fewer-replicas", .slow, weight: Double(entity.wanted - entity.ready) / Double(max(1, entity.wanted)),
      "\(entity.label) has \(entity.ready) of \(Words.count(entity.wanted, "replica"))",
      measured: ["\(Words.count(entity.starting, "replica")) starting"],
      means: "The others do the work of those that are missing.",
      remedies: ["wait for the start to end: setpoint describe \(evidence.endpoint) shows its phase"])
  }

  private static let updateFailed = DiagnosisRule("update-failed") { evidence in
    guard let update = evidence.update, update.hasFailed else { return nil }
    let isDown = evidence.serving.isEmpty
    let what = update.version.map { "config version \($0)" } ?? "the last update"
    return Finding(
      "update-failed", isDown ? .failing : .slow, weight: 0.9,
      isDown
        ? "the first config failed to deploy, and nothing is served"
        : "\(what) failed to deploy; the config before it still serves",
      measured: [
        update.entity.map { "the entity that failed: \($0)" }, update.reason.map { "the reason: \($0)" },
        isDown ? nil : "still serving: \(evidence.serving.map(\.label).joined(separator: ", "))",
      ], means: isDown ? "Requests are refused." : "Callers get answers of the previous versions.",
      remedies: [
        "remove the reason in the manifest, and setpoint apply -f FILE",
        "if it was not the config's fault: setpoint retry \(evidence.endpoint)",
      ])
  }

  private static let updateOverdue = DiagnosisRule("update-overdue") { evidence in
    guard let update = evidence.update, !update.hasFailed, let time = update.runningFor else { return nil }
    let limit = max(longRollout, (evidence.usualStart ?? .zero) * 3)
    guard time >= limit, !evidence.entities.contains(where: { $0.isPending && $0.download != nil }) else { return nil }
    return Finding(
      "update-overdue", evidence.serves ? .slow : .failing, weight: 0.8,
      "an update has been in progress for \(Words.time(time))",
      measured: [
        evidence.usualStart.map { "the endpoint's last start took \(Words.time($0))" },
        evidence.entities.first { $0.isPending && $0.ready < $0.wanted }.map { entity in
          "\(entity.ready) of \(Words.count(entity.wanted, "replica")) of \(entity.label) are ready"
        },
      ], means: "A start that takes this long rarely ends well; meanwhile no other change is accepted.",
      remedies: [
        "see what the new version does: setpoint logs \(evidence.endpoint) --build",
        "setpoint run or apply end it at spec.rollout.deadline and roll back",
      ])
  }

  private static let asleep = DiagnosisRule("scaled-to-zero") { evidence in
    let sleeping = evidence.serving.filter { $0.sleep == .asleep && $0.failure == nil }
    guard let entity = sleeping.first else { return nil }
    return Finding(
      "scaled-to-zero", .note, weight: Double(entity.share) / 100,
      "\(sleeping.map(\.label).joined(separator: ", ")) is scaled to zero",
      measured: [
        evidence.load?.idleFor.map { "no request for \(Words.time($0))" },
        evidence.settings.idleAfter.map { "it sleeps after \(Words.time($0)) without requests (spec.plane.idleAfter)" },
        evidence.usualStart.map { "the last start took \(Words.time($0))" },
      ], means: "The next request starts a replica, and waits for it.",
      remedies: [
        "wake it: setpoint query \(evidence.endpoint)", "to keep it awake: scaleToZero: false, or a longer idleAfter",
      ])
  }

  private static let waking = DiagnosisRule("waking") { evidence in
    guard let entity = evidence.serving.first(where: { $0.sleep == .waking && $0.failure == nil }) else { return nil }
    return Finding(
      "waking", .slow, weight: 1, "\(entity.label) is being woken by a request",
      measured: [
        entity.startPhase.map { phase in
          "it is \(phase)" + (entity.startingFor.map { ", for \(Words.time($0)) now" } ?? "")
        },
        evidence.load.map { "\(Words.count($0.waiting, "request")) waiting" },
      ], means: "Requests wait until its first replica is ready.",
      remedies: ["wait: setpoint wait \(evidence.endpoint)", "to keep it awake: scaleToZero: false"])
  }

  private static let engineErrors = DiagnosisRule("engine-errors") { evidence in
    let isMeant: (RequestEvidence.Outcome) -> Bool = { $0.status >= 500 && $0.status != 503 }
    guard let requests = evidence.requests else { return nil }
    let count = requests.count(isMeant)
    let share = requests.share(count)
    guard share >= CapacityRules.noticeable else { return nil }
    return Finding(
      "engine-errors", .failing, weight: share, "\(Words.percent(share)) of the requests fail in the engine (5xx)",
      measured: [
        "\(count) of \(Words.count(requests.total, "request"))", requests.example(isMeant).map { "such as: \($0)" },
        evidence.lines.first { $0.severity >= 17 }.map { "the log: \($0.text)" },
      ], means: "Replicas accepted these requests and did not answer them.",
      remedies: [
        "see them: setpoint requests \(evidence.endpoint) --failed, and setpoint logs \(evidence.endpoint)",
        "if single requests bring engines down, find what they have in common before they are sent again",
      ])
  }

  /// 503s whose reason no other rule has.
  private static let unavailable = DiagnosisRule("unavailable") { evidence in
    guard let requests = evidence.requests else { return nil }
    let isMeant: (RequestEvidence.Outcome) -> Bool = { $0.status == 503 || $0.kind == .noReplica }
    let count = requests.count(isMeant)
    let share = requests.share(count)
    guard share >= CapacityRules.noticeable else { return nil }
    return Finding(
      "unavailable", .failing, weight: share / 2, "\(Words.percent(share)) of the requests found no replica (503)",
      measured: [
        "\(count) of \(Words.count(requests.total, "request"))", requests.example(isMeant).map { "such as: \($0)" },
      ], means: "No replica could take them in time.",
      remedies: ["the other causes say why; setpoint describe \(evidence.endpoint) shows the replicas"])
  }

  private static let logErrors = DiagnosisRule("log-errors") { evidence in
    let errors = evidence.lines.filter { $0.severity >= 17 }
    guard evidence.serves, let last = errors.first else { return nil }
    return Finding(
      "log-errors", .note, weight: 0.2, "the engines' logs have \(Words.count(errors.count, "error"))",
      measured: ["the last one: \(last.text)"], means: "An error in the log is not always one for a caller.",
      remedies: ["read them: setpoint logs \(evidence.endpoint)"])
  }

  private static let telemetryDropped = DiagnosisRule("telemetry-dropped") { evidence in
    guard let dropped = evidence.dropped, dropped.rows > 0 else { return nil }
    return Finding(
      "telemetry-dropped", .note, weight: 0.1,
      "\(Words.count(dropped.rows, "telemetry row")) of the plane were dropped: figures may be too low",
      measured: [
        dropped.causes.isEmpty ? nil : dropped.causes.joined(separator: ", "),
        dropped.lastFailure.map { "the last failed write: \($0)" },
      ], means: "No request was affected; what was not recorded cannot be diagnosed.",
      remedies: ["free the plane's disk, or raise setpoint serve --telemetry-size"])
  }

  /// What a workspace says about its deployments, where nothing more is known.
  private static let deploymentFailed = DiagnosisRule(["deployment-failed"]) { evidence in
    guard evidence.source == .workspace else { return [] }
    return evidence.entities.compactMap { entity -> Finding? in
      let words = entity.state.uppercased()
      guard words.contains("FAILED") || words.contains("ABORTED"), entity.failure == nil else { return nil }
      return Finding(
        "deployment-failed", evidence.isReady ? .slow : .failing, weight: Double(entity.share) / 100,
        "the deployment of \(entity.label) failed",
        measured: ["\(entity.state): \(entity.message.isEmpty ? "no message" : entity.message)"],
        means: "The workspace could not start the version.",
        remedies: [
          "read its build and server logs: setpoint logs \(evidence.endpoint) --build",
          "after a correction: setpoint apply -f FILE; without one: setpoint retry \(evidence.endpoint)",
        ])
    }
  }

  private static let notReady = DiagnosisRule("not-ready") { evidence in
    guard !evidence.isReady else { return nil }
    let words = evidence.entities.filter { !$0.message.isEmpty }.map { "\($0.label): \($0.message)" }
    return Finding(
      "not-ready", .failing, weight: 0.1, "the provider reports that the endpoint is not ready",
      measured: words, means: "Requests may wait or fail.",
      remedies: ["see its replicas and events: setpoint describe \(evidence.endpoint)"], isFallback: true)
  }
}
