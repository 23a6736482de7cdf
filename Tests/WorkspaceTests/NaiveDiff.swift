import CanonicalJSON

/// How a tool compares that does not know the meaning of fields: what was sent with what is shown, member by member and
/// lists by index. It replaces our own diff if a test removes that.
enum NaiveDiff {
  /// The paths at which they differ.
  static func paths(_ sent: JSONValue?, _ shown: JSONValue?, at path: String = "") -> [String] {
    switch (sent, shown) {
    case (.object(let one, _), .object(let other, _)):
      return Set(one.keys).union(other.keys).sorted().flatMap { key in
        paths(one[key], other[key], at: path.isEmpty ? key : "\(path).\(key)")
      }
    case (.array(let one), .array(let other)):
      return (0..<max(one.count, other.count)).flatMap { index in
        paths(
          one.indices.contains(index) ? one[index] : nil, other.indices.contains(index) ? other[index] : nil,
          at: "\(path)[\(index)]")
      }
    default: return sent == shown ? [] : [path]
    }
  }
}

extension WorkspaceHarness {
  /// What such a tool would call drift after an apply, in the create's body and in that of the last config update.
  var naiveDrift: [String] {
    let shown = shown()
    let created = NaiveDiff.paths(lastBody("POST", "/serving-endpoints"), shown)
    return created + NaiveDiff.paths(lastBody("PUT", "/config"), shown?["config"], at: "config")
  }
}
