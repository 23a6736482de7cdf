internal import CanonicalJSON
internal import Endpoints
internal import Planning
internal import Storage

extension Attempt {
  /// All fields except those with their own column.
  var details: JSONValue {
    .object(present: [
      "base": base.json, "checks": .digest(checksDigest), "correction": correction?.json, "step": step?.json,
      "acceptance": acceptance.map {
        .object(present: ["at": .time($0.at), "version": $0.version.map { .int($0) }])
      },
      "refusal": refusal.map {
        .object(present: [
          "cause": .string($0.cause.rawValue), "words": .string($0.message),
          "may_have_arrived": $0.mayHaveArrived ? true : nil,
        ])
      },
      "verification": verification.map {
        [
          "verdict": $0.verdict.json, "checks": .digest($0.checksDigest), "first": .time($0.firstAskedAt),
          "last": .time($0.lastAskedAt),
        ]
      },
    ])
  }

  init(
    digest: ConfigDigest, kind: Kind, revision: Int, openedAt: Timestamp, details: StoredRecord
  ) throws(StorageError) {
    self.init(
      digest: digest, kind: kind, revision: revision, base: try Base(details.record("base")), openedAt: openedAt,
      correction: try details.record("correction").map { record throws(StorageError) in try Correction(record) },
      checksDigest: try details.digest("checks"),
      step: try details.record("step").map { record throws(StorageError) in try RolloutStep(record) },
      acceptance: try details.record("acceptance").map { record throws(StorageError) in
        Acceptance(at: try record.time("at"), version: record.optionalInteger("version"))
      },
      refusal: try details.record("refusal").map { record throws(StorageError) in
        Refusal(
          cause: try record.word("cause", as: CauseClass.self), message: try record.text("words"),
          mayHaveArrived: record.flag("may_have_arrived"))
      },
      verification: try details.record("verification").map { record throws(StorageError) in
        Verification(
          verdict: try Verdict(record.record("verdict")), checksDigest: try record.digest("checks"),
          firstAskedAt: try record.time("first"),
          lastAskedAt: try record.time("last"))
      })
  }
}

extension Attempt.Base {
  fileprivate var json: JSONValue {
    switch self {
    case .absent: ["absent": true]
    case .present(let id, let version, let lastUpdated, let hadFailed):
      .object(present: [
        "id": .string(id), "version": version.map { .int($0) }, "last_updated": .int(lastUpdated),
        "had_failed": hadFailed ? true : nil,
      ])
    }
  }

  fileprivate init(_ record: StoredRecord?) throws(StorageError) {
    guard let record else { throw StorageError(.damaged, "a recorded attempt is damaged: its base is missing") }
    if record.flag("absent") {
      self = .absent
    } else {
      self = .present(
        id: try record.text("id"), version: record.optionalInteger("version"),
        lastUpdated: try record.time("last_updated").milliseconds, hadFailed: record.flag("had_failed"))
    }
  }
}

extension RolloutStep {
  var json: JSONValue {
    ["traffic": .int(Int64(traffic)), "hold": .time(Timestamp(milliseconds: 0) + hold)]
  }

  init(_ record: StoredRecord) throws(StorageError) {
    self.init(
      traffic: try record.integer("traffic"), hold: try record.time("hold") - Timestamp(milliseconds: 0))
  }
}

extension Verdict {
  fileprivate var json: JSONValue {
    switch self {
    case .passed: ["word": "passed"]
    case .failed(let words): ["word": "failed", "words": .string(words)]
    case .inconclusive(let words): ["word": "inconclusive", "words": .string(words)]
    }
  }

  fileprivate init(_ record: StoredRecord?) throws(StorageError) {
    let words = record?.optionalText("words") ?? ""
    switch record?.optionalText("word") {
    case "passed": self = .passed
    case "failed": self = .failed(words)
    case "inconclusive": self = .inconclusive(words)
    default: throw StorageError(.damaged, "a recorded attempt is damaged: its verdict is unknown")
    }
  }
}

extension Correction {
  var json: JSONValue { ["target": .digest(target), "live": .digest(live), "at": .time(at)] }

  init(_ record: StoredRecord) throws(StorageError) {
    self.init(target: try record.digest("target"), live: try record.digest("live"), at: try record.time("at"))
  }
}
