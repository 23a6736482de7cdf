internal import CanonicalJSON
internal import LibYAML

/// Values in Terraform's notation.
extension SourcedValue {
  /// Whether Terraform treats the value as unset.
  var isBlank: Bool {
    switch content {
    case .scalar(let value): value.isNull || value == .string("")
    case .list(let items): items.isEmpty
    case .object(let members): members.isEmpty
    }
  }

  /// A value that is known only after apply.
  static func knownAfterApply(at location: SourceLocation) -> SourcedValue {
    SourcedValue("${known after apply}", at: location)
  }

  /// Whether it contains unknown values of a plan.
  var holdsUnknown: Bool {
    switch content {
    case .scalar(let value): value == .string("${known after apply}")
    case .list(let items): items.contains(where: \.holdsUnknown)
    case .object(let members): members.values.contains(where: \.holdsUnknown)
    }
  }

  /// Returns the value with references in place of values that the plan does not know yet.
  ///
  /// - Parameters:
  ///   - unknown: the plan's `after_unknown` for this value.
  ///   - keys: the members that the user sets; nil: every member. The server chooses the others if they are not set.
  func filled(from unknown: SourcedValue, keys: Set<String>?) -> SourcedValue {
    switch (content, unknown.content) {
    case (.object(var members), .object(let marks)):
      for (key, mark) in marks {
        let isMarked = mark.scalar == .bool(true)
        if isMarked, keys?.contains(key) ?? true {
          members[key] = .knownAfterApply(at: location)
        } else if key == "environment_vars", mark.members?.isEmpty == false {
          let variables = members[key] ?? SourcedValue(.object([:]), at: location)
          members[key] = variables.filled(from: mark, keys: nil)
        } else if let member = members[key] {
          members[key] = member.filled(from: mark, keys: keys)
        }
      }
      return SourcedValue(.object(members), at: location)
    case (.list(let items), .list(let marks)):
      // The server chooses the name of a served entity if none is set.
      let inner = keys?.subtracting(["name"])
      let filled = items.enumerated().map { marks.indices.contains($0) ? $1.filled(from: marks[$0], keys: inner) : $1 }
      return SourcedValue(.list(filled), at: location)
    default: return self
    }
  }

  /// Returns the value without the parts marked as sensitive.
  ///
  /// - Parameter open: receives the removed parts.
  func masked(by sensitive: SourcedValue, path: String = "", open: inout [References.Open]) -> SourcedValue? {
    switch (content, sensitive.content) {
    case (_, .scalar(.bool(true))):
      if !isBlank { open.append(References.Open(path: path, on: "sensitive", location: location)) }
      return nil
    case (.object(let members), .object(let marks)):
      var kept = members
      for (key, mark) in marks.sorted(by: { $0.key < $1.key }) {
        kept[key] = members[key].flatMap {
          $0.masked(by: mark, path: path.isEmpty ? key : "\(path).\(key)", open: &open)
        }
      }
      return SourcedValue(.object(kept), at: location)
    case (.list(let items), .list(let marks)):
      let kept = items.enumerated().compactMap { index, item in
        marks.indices.contains(index) ? item.masked(by: marks[index], path: "\(path)[\(index)]", open: &open) : item
      }
      return SourcedValue(.list(kept), at: location)
    default: return self
    }
  }

  // MARK: The API's words

  /// Blocks that occur once; Terraform's JSON may write them as a list of one.
  private static let single: Set = [
    "config", "traffic_config", "auto_capture_config", "ai_gateway", "email_notifications", "telemetry_config",
    "external_model", "inference_table_config", "usage_tracking_config", "fallback_config", "guardrails",
    "table_names", "lifecycle", "input", "output", "pii",
  ]
  /// Blocks that may occur several times; Terraform's JSON may write a single one without a list.
  private static let several: Set = [
    "served_entities", "served_models", "routes", "tags", "rate_limits", "access_control",
  ]
  /// Numbers that a state stores as 0 if they are not set.
  private static let zeroIsUnset: Set = [
    "min_provisioned_throughput", "max_provisioned_throughput", "provisioned_model_units",
    "min_provisioned_concurrency", "max_provisioned_concurrency", "calls", "tokens",
  ]

  /// A resource's block converted to the API's body.
  var inWordsOfTheAPI: SourcedValue {
    guard let members else { return self }
    var result: [String: SourcedValue] = [:]
    for (key, member) in members where !member.isBlank && !(Self.zeroIsUnset.contains(key) && member.scalar == .int(0))
    {
      if key == "environment_vars" {
        result[key] = member
      } else if Self.several.contains(key) {
        let items = member.asList.map { key == "served_models" ? $0.servedModel : $0.inWordsOfTheAPI }
        result[key] = SourcedValue(.list(items), at: member.location)
      } else if Self.single.contains(key), member.asList.count == 1 {
        result[key] = member.asList[0].inWordsOfTheAPI
      } else {
        result[key] = member.inWordsOfTheAPI
      }
    }
    return SourcedValue(.object(result), at: location)
  }

  /// Adds Terraform's default for the older block: scaling to zero (serving-api.md 5.2).
  private var servedModel: SourcedValue {
    let model = inWordsOfTheAPI
    guard var members = model.members, members["scale_to_zero_enabled"] == nil else { return model }
    members["scale_to_zero_enabled"] = SourcedValue(.scalar(.bool(true)), at: model.location)
    return SourcedValue(.object(members), at: model.location)
  }
}
