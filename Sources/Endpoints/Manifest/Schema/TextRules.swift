extension TextRule {
  static let any = TextRule()

  static let prompt = TextRule { $0.isEmpty ? Fault("is empty") : nil }

  static let word = TextRule(longest: 63) { $0.isEmpty ? Fault("is empty") : nil }

  /// Letters, digits, `-` and `_`, but not one of the provider's own names (serving-api.md Q12). A server's maximum
  /// length is a rule (``WorkspaceRule/nameLength``); Kubernetes accepts 253.
  static let endpointName = TextRule(longest: 253) { name in
    if name.utf8.starts(with: "databricks-".utf8) {
      return Fault(
        "names starting with \"databricks-\" are reserved for Databricks' own endpoints", suggestion: "choose another"
      )
    }
    return nameFault(name)
  }

  /// The same characters; default names are derived to match (serving-api.md Q13).
  static let entityName = TextRule(longest: 63, check: nameFault)

  /// The name of a LoRA adapter, which follows the endpoint's name and a colon in a request's `model`.
  static let adapterName = TextRule(longest: 63) { name in
    guard let first = name.utf8.first else { return Fault("is empty", suggestion: "for example tone") }
    let isAllowed = { (byte: UInt8) in
      byte == UInt8(ascii: "-") || (byte.isAlphanumeric && !(UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte))
    }
    if let stranger = name.unicodeScalars.first(where: { !$0.isASCII || !isAllowed(UInt8(ascii: $0)) }) {
      return Fault(
        "\(shown(name)) contains \(shown(String(stranger))); an adapter's name may contain lowercase letters, digits "
          + "and \"-\"")
    }
    return first.isAlphanumeric ? nil : Fault("\(shown(name)) does not start with a letter or a digit")
  }

  private static func nameFault(_ name: String) -> Fault? {
    guard let first = name.utf8.first else { return Fault("is empty") }
    if !name.utf8.allSatisfy(\.isNameByte),
      let stranger = name.unicodeScalars.first(where: { !$0.isASCII || !UInt8(ascii: $0).isNameByte })
    {
      return Fault(
        "\(shown(name)) contains \(shown(String(stranger))); a name may contain letters, digits, \"-\" and \"_\"",
        suggestion: likeness(of: name).map { "for example \"\($0)\"" })
    }
    return first.isAlphanumeric ? nil : Fault("\(shown(name)) does not start with a letter or a digit")
  }

  /// Returns a valid name that the user may have meant: its words joined by dashes; nil if too little of the name would
  /// remain.
  private static func likeness(of name: String) -> String? {
    guard !name.unicodeScalars.contains(where: { !$0.isASCII && $0.properties.isAlphabetic }) else { return nil }
    let words = name.split { $0.isASCII ? !$0.utf8.allSatisfy { $0.isAlphanumeric || $0 == UInt8(ascii: "_") } : true }
    let meant = words.joined(separator: "-")
    let kept = words.reduce(0) { $0 + $1.count }
    guard kept >= 2, kept * 2 > name.count, meant.utf8.first?.isAlphanumeric == true, meant.utf8.count <= 63,
      !meant.hasPrefix("databricks-")
    else { return nil }
    return meant
  }

  /// `catalog.schema.name`, or a bare name.
  static let modelName = TextRule(longest: 255) { name in
    if name.isEmpty { return Fault("is empty", suggestion: "for example main.support.qwen3") }
    if isOrdinaryModel(name) { return nil }
    if let split = withVersion(name) { return split }
    if let stranger = name.unicodeScalars.first(where: {
      "/:@".unicodeScalars.contains($0) || $0.properties.isWhitespace
    }) {
      return Fault(
        "\(shown(name)) contains \(shown(String(stranger))), which is not allowed in a registered model's name")
    }
    let segments = name.split(separator: ".", omittingEmptySubsequences: false)
    if segments.contains(where: \.isEmpty) { return Fault("\(shown(name)) has an empty part between dots") }
    if segments.count == 2 || segments.count > 3 {
      return Fault(
        "\(shown(name)) has \(segments.count) parts; a model is catalog.schema.name, or a bare name without dots")
    }
    return nil
  }

  /// Whether the name has one or three parts of letters, digits, `-` and `_`: a quick check that nearly every model
  /// passes.
  private static func isOrdinaryModel(_ name: String) -> Bool {
    var points = 0
    var part = 0
    for byte in name.utf8 {
      if byte == UInt8(ascii: ".") {
        guard part > 0 else { return false }
        points += 1
        part = 0
      } else {
        guard byte.isNameByte else { return false }
        part += 1
      }
    }
    return part > 0 && (points == 0 || points == 2)
  }

  /// Returns a fault for `models:/m/7`, `m@champion` and `m/7`, in which other tools combine model and version.
  private static func withVersion(_ name: String) -> Fault? {
    let plain = name.hasPrefix("models:/") ? String(name.dropFirst(8)) : name
    guard let mark = plain.lastIndex(where: { $0 == "@" || $0 == "/" }) else { return nil }
    let version = plain[mark] == "@" ? plain[mark...] : plain[plain.index(after: mark)...]
    let model = plain[..<mark]
    guard !model.isEmpty, version.count > 1 || plain[mark] == "/", !version.isEmpty else { return nil }
    return Fault(
      "\(shown(name)) contains both model and version",
      suggestion: "write model: \(model) and entityVersion: \"\(version)\"")
  }

  static let label = TextRule(longest: 317) { $0.isEmpty ? Fault("is empty") : nil }

  /// One vLLM argument. Never shown, because flags can contain keys.
  static let engineArgument = TextRule(longest: 4096, isSecret: true) { EngineArguments.fault(inExtra: $0) }
}

extension TextMapRule {
  static let environment = TextMapRule(
    key: TextRule(longest: 255) { name in
      if name.utf8.starts(with: ReservedNames.environmentPrefix.utf8) {
        return Fault(
          "variables starting with \"\(ReservedNames.environmentPrefix)\" are reserved for Setpoint",
          suggestion: fieldsByVariable[name].map { "write \($0)" } ?? "choose another name")
      }
      let isName = name.utf8.allSatisfy { $0.isAlphanumeric || $0 == UInt8(ascii: "_") }
      guard isName, let first = name.utf8.first, first > UInt8(ascii: "9") else {
        return Fault(
          "\(shown(name)) is not a valid variable name; use letters, digits and \"_\", not starting with a digit")
      }
      return nil
    },
    value: TextRule(longest: 65_536, isSecret: true) { value in
      guard SecretReference.isMeant(by: value), SecretReference(value) == nil else { return nil }
      return Fault("is not a valid secret reference of the serving API", suggestion: "write {{secrets/scope/key}}")
    },
    checkEntry: { name, value in
      guard !value.isEmpty, !SecretReference.isMeant(by: value), isNameOfSecret(name) else { return nil }
      return Fault(
        "looks like a plaintext secret", suggestion: "use a reference to a stored one: {{secrets/scope/key}}",
        severity: .warning)
    })

  /// What a manifest has instead of the variables that Setpoint sets.
  private static let fieldsByVariable = [
    EngineArguments.variable: "the flags under engine", PlaneArguments.variable: "the settings under plane",
    EngineAdapters.variable: "the list under engine.adapters",
  ]

  private static func isNameOfSecret(_ name: String) -> Bool {
    ["TOKEN", "KEY", "SECRET", "PASSWORD"].contains { name == $0 || name.hasSuffix("_" + $0) }
  }
}
