import HTTPSupport

/// What a principal may read in the plane's messages about an endpoint that it sees. Pure.
struct MessageView: Hashable, Sendable {
  /// Whether it may read what engines print, which may repeat what callers have sent.
  let seesOutput: Bool
  /// Whether it may know the names of all endpoints.
  let seesEveryEndpoint: Bool

  init(seesOutput: Bool, seesEveryEndpoint: Bool) {
    self.seesOutput = seesOutput
    self.seesEveryEndpoint = seesEveryEndpoint
  }

  /// - Parameter level: the principal's on the endpoint.
  init(_ principal: Principal, _ level: EndpointLevel?) {
    self.init(seesOutput: level == .manage, seesEveryEndpoint: principal.rights.covers(.view))
  }

  /// What precedes an engine's output, up to the end of a message.
  static let outputMark = "; the log: "
  /// What precedes the names of the endpoints that hold room.
  static let holdersMark = "; endpoints that hold room and do not scale to zero: "
  /// What precedes the name of the endpoint that got a replica's place, and the closing quotation mark.
  static let successorMark = "gave its place to endpoint \""
  static let unnamedSuccessor = "gave its place to another endpoint"

  /// The message without what an engine has printed, for callers who are not known.
  static func withoutOutput(_ message: String) -> String {
    MessageView(seesOutput: false, seesEveryEndpoint: true).shown(message)
  }

  /// The message without what the principal may not read.
  func shown(_ message: String) -> String {
    var text = message
    if !seesOutput, let output = text.firstRange(of: Self.outputMark) { text.removeSubrange(output.lowerBound...) }
    guard !seesEveryEndpoint else { return text }
    if let holders = text.firstRange(of: Self.holdersMark) {
      // An endpoint's name has no semicolon.
      let end = text[holders.upperBound...].firstIndex(of: ";") ?? text.endIndex
      text.removeSubrange(holders.lowerBound..<end)
    }
    if let name = text.firstRange(of: Self.successorMark), let end = text[name.upperBound...].firstIndex(of: "\"") {
      text.replaceSubrange(name.lowerBound...end, with: Self.unnamedSuccessor)
    }
    return text
  }
}
