internal import CanonicalJSON
internal import Endpoints
internal import Planning
internal import Storage

extension Memory {
  /// The fields without their own table.
  var notes: JSONValue {
    .object(present: [
      "held_while_absent": heldWhileAbsent?.json,
      "setbacks": backoffs.isEmpty
        ? nil : .object(Dictionary(uniqueKeysWithValues: backoffs.map { ($0.rawValue, $1.json) })),
      "corrections": corrections.isEmpty ? nil : .array(corrections.map(\.json)),
      "target_check": targetCheck.map {
        .object(present: [
          "digest": .digest($0.digest), "at": .time($0.at), "problem": $0.problem.map { .string($0) },
        ])
      },
      "applied_telemetry": appliedTelemetry.map { .digest($0) }, "policy": policy?.json,
    ])
  }

  mutating func readNotes(_ record: StoredRecord) throws(StorageError) {
    heldWhileAbsent = try record.record("held_while_absent").map { inner throws(StorageError) in try HeldConfig(inner) }
    for kind in Operation.Kind.allCases {
      guard let backoff = record.record("setbacks")?.record(kind.rawValue) else { continue }
      backoffs[kind] = try TransientFailure(backoff)
    }
    corrections = try record.list("corrections").map { inner throws(StorageError) in try Correction(inner) }
    targetCheck = try record.record("target_check").map { inner throws(StorageError) in
      TargetCheck(
        digest: try inner.digest("digest"), at: try inner.time("at"), problem: inner.optionalText("problem"))
    }
    appliedTelemetry = record.optionalDigest("applied_telemetry")
    policy = try record.record("policy").map { inner throws(StorageError) in try RolloutPolicy(inner) }
  }
}

extension HeldConfig {
  fileprivate var json: JSONValue {
    .object(present: [
      "digest": .digest(digest), "cause": .string(cause.rawValue), "target": target.map { .digest($0) },
      "circumstances": circumstances.map { .digest($0) }, "stalled": isStalled ? true : nil,
    ])
  }

  fileprivate init(_ record: StoredRecord) throws(StorageError) {
    self.init(
      digest: try record.digest("digest"), cause: try record.word("cause", as: Cause.self),
      target: record.optionalDigest("target"), circumstances: record.optionalDigest("circumstances"),
      isStalled: record.flag("stalled"))
  }
}

extension TransientFailure {
  fileprivate var json: JSONValue {
    .object(present: [
      "digest": digest.map { .digest($0) }, "failures": .int(Int64(failures)), "until": .time(until),
      "words": .string(message), "refusal": isRefusal ? true : nil,
    ])
  }

  fileprivate init(_ record: StoredRecord) throws(StorageError) {
    self.init(
      digest: record.optionalDigest("digest"), failures: try record.integer("failures"),
      until: try record.time("until"), message: try record.text("words"), isRefusal: record.flag("refusal"))
  }
}
