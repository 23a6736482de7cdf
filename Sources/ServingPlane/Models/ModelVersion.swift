/// One version of a registered model, as it lies in the model directory.
struct ModelVersion: Hashable, Sendable {
  let model: String
  let number: Int
  /// Such as `llm/v1/chat`.
  let task: String
  /// The command line that serves it.
  let entrypoint: String
  /// The folder the entrypoint runs from.
  let artifacts: String
  /// The folder it was registered from.
  let source: String
  /// Milliseconds since 1970.
  let created: Int64
}

/// The name of a registered model: `catalog.schema.name`, or a bare name.
enum ModelName {
  /// What is wrong with a name; nil if nothing is. A good name is also a good file name.
  static func finding(_ name: String) -> String? {
    guard !name.isEmpty, name.utf8.count <= 255 else { return "a model name must have 1 to 255 characters" }
    let parts = name.split(separator: ".", omittingEmptySubsequences: false)
    guard parts.allSatisfy({ !$0.isEmpty && $0.utf8.allSatisfy(isNameByte) }) else {
      return "the model name \"\(name)\" must be letters, digits, - and _, in parts joined by single dots, such as "
        + "main.support.qwen3"
    }
    return nil
  }

  /// What is wrong with an alias; nil if nothing is.
  static func aliasFinding(_ alias: String) -> String? {
    if alias == "latest" { return "the alias \"latest\" is reserved" }
    guard !alias.isEmpty, alias.utf8.count <= 255, alias.utf8.allSatisfy(isNameByte) else {
      return "the alias \"\(alias)\" must be letters, digits, - and _"
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

/// Why the model directory would not do something.
struct ModelError: Error, Hashable, CustomStringConvertible {
  enum Code: Hashable, Sendable {
    /// The request is wrong in itself.
    case invalid
    /// There is no such model, version or alias.
    case missing
    /// There is such a version already.
    case exists
    /// The disk would not.
    case storage
    /// The version or the aliases are there, and cannot be read.
    case damaged
    /// The caller went away, or the plane stops.
    case cancelled
  }

  let code: Code
  let description: String

  static let cancelled = ModelError(
    code: .cancelled, description: "The registration was canceled; nothing was kept.")
}
