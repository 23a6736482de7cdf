/// One version of a registered model, as stored in the model directory.
struct ModelVersion: Hashable, Sendable {
  let model: String
  let number: Int
  /// Such as `llm/v1/chat`.
  let task: String
  /// The command that serves it; empty for a LoRA adapter, which the engine of its base model serves.
  let entrypoint: String
  /// The folder in which the entrypoint runs, or the adapter's.
  let artifacts: String
  /// The folder from which it was registered.
  let source: String
  /// Milliseconds since 1970.
  let created: Int64
  /// The size of its files in bytes; nil if it was registered by a version that did not record it.
  var size: Int64?

  /// Whether it is a LoRA adapter, which cannot be served by itself.
  var isAdapter: Bool { entrypoint.isEmpty }
}

/// The name of a registered model: `catalog.schema.name`, or a bare name.
enum ModelName {
  /// The finding for a name; nil if it is valid. A valid name is also a valid file name.
  static func finding(_ name: String) -> String? {
    guard !name.isEmpty, name.utf8.count <= 255 else { return "a model name must have 1 to 255 characters" }
    let parts = name.split(separator: ".", omittingEmptySubsequences: false)
    guard parts.allSatisfy({ !$0.isEmpty && $0.utf8.allSatisfy(isNameByte) }) else {
      return "the model name \"\(name)\" must consist of letters, digits, - and _, joined by single dots, such as "
        + "main.support.qwen3"
    }
    return nil
  }

  /// The finding for the name of a version to register; nil if it is valid. Manifests accept one or three parts; models
  /// that were registered under other names remain.
  static func registrationFinding(_ name: String) -> String? {
    if let finding = finding(name) { return finding }
    let parts = name.split(separator: ".")
    guard parts.count != 1, parts.count != 3 else { return nil }
    return "the model name \"\(name)\" has \(parts.count) parts, and a manifest could not refer to it; use "
      + "catalog.schema.name, or a bare name without dots, such as \"\(parts.joined(separator: "-"))\""
  }

  /// The finding for an alias; nil if it is valid.
  static func aliasFinding(_ alias: String) -> String? {
    if alias == "latest" { return "the alias \"latest\" is reserved" }
    guard !alias.isEmpty, alias.utf8.count <= 255, alias.utf8.allSatisfy(isNameByte) else {
      return "the alias \"\(alias)\" must consist of letters, digits, - and _"
    }
    if Int(alias) != nil { return "the alias \"\(alias)\" looks like a version number" }
    return nil
  }

  private static func isNameByte(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"),
      UInt8(ascii: "-"), UInt8(ascii: "_"):
      true
    default: false
    }
  }
}

/// Why the model directory refused an operation.
struct ModelError: Error, Hashable, CustomStringConvertible {
  enum Code: Hashable, Sendable {
    /// The request itself is invalid.
    case invalid
    /// The model, version or alias does not exist.
    case missing
    /// The version already exists.
    case exists
    /// Something needs what would be deleted, or is still making what is needed.
    case inUse
    /// The disk failed.
    case storage
    /// The version or the aliases exist but cannot be read.
    case damaged
    /// The registry on another machine did not answer, or refused the plane's credentials.
    case unavailable
    /// The caller left, or the plane is stopping.
    case cancelled
  }

  let code: Code
  let description: String

  static let cancelled = ModelError(
    code: .cancelled, description: "the registration was canceled; nothing was kept")
}
