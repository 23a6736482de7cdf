package import CanonicalJSON
internal import Endpoints

extension Plan {
  /// The object that `diff -o json` prints. Empty members are omitted.
  package var json: JSONValue {
    var members: [String: JSONValue] = [
      "kind": "Plan", "target": .string(target), "summary": summary,
      "changes": .array(changes.filter { $0.action != .none }.map(\.json)),
    ]
    if let blockedDeletions { members["blockedDeletions"] = .string(blockedDeletions) }
    return .object(members)
  }

  private var summary: JSONValue {
    var counts = Dictionary(
      uniqueKeysWithValues: PlanAction.allCases.filter { $0 != .none }.map { ($0.rawValue, JSONValue.int(0)) })
    for change in changes where change.action != .none {
      counts[change.action.rawValue] = .int((counts[change.action.rawValue]?.intValue ?? 0) + 1)
    }
    counts["unchanged"] = .int(Int64(unchanged))
    return .object(counts)
  }
}

extension EndpointChange {
  var json: JSONValue {
    var members: [String: JSONValue] = [
      "endpoint": .string(endpoint), "action": .string(action.rawValue), "reason": .string(reason.code.rawValue),
      "fields": .array(fields.map(\.json)), "operations": .array(operations.map { ["call": .string($0.call)] }),
    ]
    if !reason.detail.isEmpty { members["detail"] = .string(reason.detail) }
    if let blockedBy { members["blockedBy"] = .string(blockedBy) }
    if let sent { members["sent"] = sent.json }
    if let rollout = forecast?.json { members["rollout"] = rollout }
    if let degraded { members["degraded"] = .string(degraded) }
    if !warnings.isEmpty { members["warnings"] = .array(warnings.map { .string($0) }) }
    if !ignored.isEmpty { members["ignored"] = .array(ignored.map(\.json)) }
    return .object(members)
  }
}

extension SentRollout {
  var json: JSONValue {
    var members: [String: JSONValue] = [
      "call": .string(call), "at": .string(at.text()), "revision": .int(Int64(revision)),
    ]
    if let next { members["next"] = .string(next) }
    return .object(members)
  }
}

extension RolloutForecast {
  /// Nil if there is nothing to say.
  fileprivate var json: JSONValue? {
    guard effect != nil else { return nil }
    var members: [String: JSONValue] = [:]
    if let refusal { members["refusal"] = .string(refusal) }
    if failsAtOnce { members["failsAtOnce"] = .bool(true) }
    if let room { members["room"] = .string(room.rawValue) }
    if let lastStart { members["lastStartSeconds"] = .double(lastStart / .seconds(1)) }
    if let expectedWaitSeconds { members["expectedWaitSeconds"] = .int(expectedWaitSeconds) }
    return .object(members)
  }
}

extension FieldChange {
  /// A value that is hidden is null, and `redacted` is true. `fromRedacted` and `toRedacted` tell which one, because a
  /// value that does not exist is null too.
  var json: JSONValue {
    var members: [String: JSONValue] = [
      "path": .string(path), "effect": .string(effect.rawValue),
      "from": isFromHidden ? .null : from.map { .string($0) } ?? .null,
      "to": isToHidden ? .null : to.map { .string($0) } ?? .null,
    ]
    if isFromHidden || isToHidden { members["redacted"] = .bool(true) }
    if isFromHidden { members["fromRedacted"] = .bool(true) }
    if isToHidden { members["toRedacted"] = .bool(true) }
    return .object(members)
  }
}

extension IgnoredDifference {
  var json: JSONValue { ["path": .string(path), "live": .string(live), "why": .string(why)] }
}
