import LibYAML

/// Reads the LoRA adapters of an engine, and checks the rules between them.
struct AdapterDecoder {
  private(set) var findings: [Finding] = []

  /// - Parameters:
  ///   - engine: a record of type ``ManifestSchema/engine``.
  ///   - path: its path, such as `spec.engine`.
  /// - Returns: the valid ones; nil if the field is absent.
  mutating func adapters(of engine: Record, path: String) -> [EngineAdapter]? {
    guard let items = engine.list("adapters") else { return nil }
    var paths: [String: String] = [:]
    var adapters: [EngineAdapter] = []
    for (index, item) in items.enumerated() {
      guard let record = item.record else { continue }
      let path = "\(path).adapters[\(index)]"
      let version = number(record, path)
      guard let name = record.text("name") else { continue }
      if let other = paths[name] {
        report(record, "name", path, "the name \"\(name)\" is already used by \(other)", "choose another")
        continue
      }
      paths[name] = path
      guard let model = record.text("model"), let version else { continue }
      adapters.append(EngineAdapter(name: name, model: model, version: version))
    }
    return adapters
  }

  /// An adapter's version is pinned: only the version of a served entity follows an alias.
  private mutating func number(_ record: Record, _ path: String) -> String? {
    guard let version = record.version("version") else { return nil }
    if case .number(let number) = version { return number }
    report(
      record, "version", path, "aliases and latest are not supported for adapters",
      "write the version number, for example \"3\"")
    return nil
  }

  private mutating func report(
    _ record: Record, _ field: String, _ path: String, _ message: String, _ suggestion: String
  ) {
    findings.append(
      Finding(
        at: record.location(of: field) ?? record.location, path: path + "." + field, message, suggestion: suggestion))
  }
}
