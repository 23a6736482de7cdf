internal import Endpoints
internal import Planning

/// The state of a live endpoint in a word or two (serving-api.md 2.2).
struct EndpointState: Hashable, Sendable {
  let text: String
  let style: TextStyle

  /// - Parameter isFailurePast: whether a failed update that the provider still reports is over.
  init(_ endpoint: ObservedEndpoint, isFailurePast: Bool = false) {
    self.init(
      readiness: endpoint.readiness, update: isFailurePast ? .notUpdating : endpoint.update,
      isEmpty: endpoint.active == nil && endpoint.pending == nil && endpoint.update == .notUpdating)
  }

  init(readiness: Readiness, update: UpdateState, isEmpty: Bool = false) {
    switch (readiness, update) {
    case (_, .notUpdating) where isEmpty: (text, style) = ("Empty", .muted)
    case (.ready, .notUpdating): (text, style) = ("Ready", .good)
    case (.ready, .inProgress): (text, style) = ("Ready, updating", .changed)
    case (.ready, .failed): (text, style) = ("Ready, update failed", .warning)
    case (.ready, .canceled): (text, style) = ("Ready, update canceled", .warning)
    case (.notReady, .notUpdating): (text, style) = ("Not ready", .failed)
    case (.notReady, .inProgress): (text, style) = ("Updating", .changed)
    case (.notReady, .failed): (text, style) = ("Failed", .failed)
    case (.notReady, .canceled): (text, style) = ("Not ready, update canceled", .failed)
    // States newer than this version are shown unchanged.
    case (.unknown(let word), let update): (text, style) = ("\(word), \(update.shown)", .warning)
    case (let readiness, .unknown(let word)): (text, style) = ("\(readiness.shown), \(word)", .warning)
    }
  }
}

extension Readiness {
  var shown: String {
    switch self {
    case .ready: "Ready"
    case .notReady: "Not ready"
    case .unknown(let word): word
    }
  }
}

extension UpdateState {
  var shown: String {
    switch self {
    case .notUpdating: "not updating"
    case .inProgress: "updating"
    case .failed: "update failed"
    case .canceled: "update canceled"
    case .unknown(let word): word
    }
  }
}

extension EndpointConfig {
  /// `main.support.qwen3/7`, with the traffic share of each if there are several.
  var modelText: String { modelText { _ in nil } }

  /// Returns the same text with the alias of each version that has one: `main.support.qwen3/7 (@champion)`.
  func modelText(alias: (ServedEntity) -> String?) -> String {
    entities.map { entity in
      let model = "\(entity.entityName)/\(entity.entityVersion)" + (alias(entity).map { " (\($0))" } ?? "")
      return entities.count == 1 ? model : "\(model) \(entity.traffic)%"
    }.joined(separator: ", ")
  }
}
