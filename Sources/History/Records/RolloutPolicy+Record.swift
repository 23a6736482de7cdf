internal import CanonicalJSON
internal import Endpoints
internal import Planning
internal import Storage

extension RolloutPolicy {
  var json: JSONValue {
    .object(present: [
      "deadline": deadline.map { .time(Timestamp(milliseconds: 0) + $0) }, "on_failure": .string(onFailure.rawValue),
      "checks": checks.isEmpty ? nil : .array(checks.map(\.json)),
      "steps": steps.isEmpty ? nil : .array(steps.map(\.json)), "keep_previous": keepPrevious ? true : nil,
    ])
  }

  init(_ record: StoredRecord) throws(StorageError) {
    self.init(
      deadline: record.optionalInteger("deadline").map { .milliseconds($0) },
      onFailure: try record.word("on_failure", as: FailurePolicy.self),
      checks: try record.list("checks").map { inner throws(StorageError) in try VerificationCheck(inner) },
      steps: try record.list("steps").map { inner throws(StorageError) in try RolloutStep(inner) },
      keepPrevious: record.flag("keep_previous"))
  }
}

extension VerificationCheck {
  fileprivate var json: JSONValue {
    [
      "chat": .string(prompt), "status": .int(Int64(expectedStatus)), "contains": .string(contains),
      "within": .time(Timestamp(milliseconds: 0) + .seconds(withinSeconds)),
    ]
  }

  fileprivate init(_ record: StoredRecord) throws(StorageError) {
    self.init(
      prompt: try record.text("chat"), expectedStatus: try record.integer("status"),
      contains: try record.text("contains"), withinSeconds: Double(try record.time("within").milliseconds) / 1000)
  }
}
