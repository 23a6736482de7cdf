import CanonicalJSON

/// A LoRA adapter that an engine serves beside its base model.
package struct EngineAdapter: Sendable, Hashable {
  /// The name by which clients request it, after the endpoint's name and a colon.
  package let name: String
  /// The registered model.
  package let model: String
  /// The version number as text, as everywhere in the serving API.
  package let version: String

  package init(name: String, model: String, version: String) {
    self.name = name
    self.model = model
    self.version = version
  }
}

/// The LoRA adapters of a served entity, passed from a manifest to a plane: in one environment variable, as a JSON
/// list, because the serving API has no field for them. An engine loads them when it starts, so a change is a rollout.
package struct EngineAdapters: Sendable, Hashable {
  /// The environment variable that carries the adapters.
  package static let variable = ReservedNames.environmentPrefix + "ADAPTERS"
  /// The maximum number of adapters of an entity: an engine reserves memory for each.
  static let limit = 32

  /// Sorted by name, which is unique.
  package let list: [EngineAdapter]

  /// - Parameter adapters: with different names, in any order.
  package init(_ adapters: [EngineAdapter]) { list = adapters.sorted { $0.name < $1.name } }

  /// Reads the variable's value, by the rules of a manifest.
  package init(parsing text: String) throws(InvalidEngineAdapters) {
    let value: JSONValue
    do { value = try JSONValue(parsing: text) } catch { throw InvalidEngineAdapters("is \(error)") }
    guard let items = value.arrayValue, !items.isEmpty else {
      throw InvalidEngineAdapters("must be a JSON list, such as \(Self.example)")
    }
    guard items.count <= Self.limit else {
      throw InvalidEngineAdapters("has \(items.count) adapters; at most \(Self.limit) are allowed")
    }
    var adapters: [EngineAdapter] = []
    for (index, item) in items.enumerated() {
      let adapter = try Self.adapter(item, at: index)
      guard !adapters.contains(where: { $0.name == adapter.name }) else {
        throw InvalidEngineAdapters("has two adapters named \"\(adapter.name)\"")
      }
      adapters.append(adapter)
    }
    self.init(adapters)
  }

  private static let example = #"[{"model":"main.support.tone","name":"tone","version":"3"}]"#

  private static func adapter(_ item: JSONValue, at index: Int) throws(InvalidEngineAdapters) -> EngineAdapter {
    guard case .object(let members, let alike) = item, alike.isEmpty, members.count == 3,
      let name = members["name"]?.stringValue, let model = members["model"]?.stringValue,
      let version = members["version"]?.stringValue
    else {
      throw InvalidEngineAdapters("[\(index)] must have the texts name, model and version and nothing else")
    }
    let checked: [(field: String, text: String, rule: TextRule)] = [
      ("name", name, .adapterName), ("model", model, .modelName),
    ]
    for (field, text, rule) in checked {
      guard let fault = RecordReader.broken(text, rule) else { continue }
      throw InvalidEngineAdapters(
        "[\(index)].\(field): \(fault.message)" + (fault.suggestion.map { "; " + $0 } ?? ""))
    }
    guard let number = Int(version), number > 0, String(number) == version else {
      throw InvalidEngineAdapters("[\(index)].version: \(shown(version)) is not a version number")
    }
    return EngineAdapter(name: name, model: model, version: version)
  }

  /// The variable's value: canonical JSON; nil if there are no adapters.
  package var text: String? {
    guard !list.isEmpty else { return nil }
    let items = list.map { adapter -> JSONValue in
      ["name": .string(adapter.name), "model": .string(adapter.model), "version": .string(adapter.version)]
    }
    return JSONValue.array(items).text()
  }
}

/// Why the value of ``EngineAdapters/variable`` is not valid.
package struct InvalidEngineAdapters: Error, Sendable, CustomStringConvertible {
  package let description: String

  init(_ words: String) { description = "\(EngineAdapters.variable) \(words)" }
}
