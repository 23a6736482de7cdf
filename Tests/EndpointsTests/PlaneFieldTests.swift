import Endpoints
import Testing

/// Every field of `spec.plane`, so that a new one cannot be missing from one of the lists in ``PlaneArguments``.
@Suite struct PlaneFieldTests {
  /// A field that contains no others.
  struct Leaf: Sendable, CustomTestStringConvertible {
    /// Its path below `plane`, such as `queue.length`.
    let path: String
    /// Two valid values as Setpoint writes them; empty for a type without values in this test.
    let values: [String]
    /// Whether the values are text.
    let isText: Bool

    var testDescription: String { path }

    /// Returns the settings with only this field: `{queue: {length: 7}}`.
    func settings(_ value: String) -> String {
      path.split(separator: ".").reversed().reduce(isText ? "\"\(value)\"" : value) { "{\($1): \($0)}" }
    }
  }

  static let leaves: [Leaf] = {
    guard case .object(let spec)? = Self.fieldType("spec", in: ManifestSchema.document),
      case .object(let plane)? = Self.fieldType("plane", in: spec)
    else { return [] }
    return Self.fields(below: plane, prefix: "")
  }()

  private static func fieldType(_ name: String, in object: ObjectType) -> FieldType? {
    object.fields.first { $0.name == name }?.type
  }

  private static func fields(below object: ObjectType, prefix: String) -> [Leaf] {
    object.fields.flatMap { field -> [Leaf] in
      let path = prefix + field.name
      switch field.type {
      case .object(let inner): return fields(below: inner, prefix: path + ".")
      case .integer(let range):
        return [Leaf(path: path, values: ["\(range.upperBound)", "\(range.upperBound - 1)"], isText: false)]
      case .boolean: return [Leaf(path: path, values: ["true", "false"], isText: false)]
      case .duration: return [Leaf(path: path, values: ["1h", "1m30s"], isText: true)]
      case .bytes(let range):
        let bounds = [range.upperBound, range.lowerBound]
        return [Leaf(path: path, values: bounds.map { ByteCountText.text(bytes: $0) }, isText: true)]
      case .word(let words): return [Leaf(path: path, values: Array(words.prefix(2)), isText: true)]
      default: return [Leaf(path: path, values: [], isText: true)]
      }
    }
  }

  @Test func `the settings list exactly the fields of the manifest`() {
    #expect(!Self.leaves.isEmpty)
    #expect(PlaneArguments().fields.map { $0.name }.sorted() == Self.leaves.map(\.path).sorted())
  }

  @Test(arguments: leaves)
  func `a value of each field is listed, and survives the variable`(leaf: Leaf) throws {
    try #require(leaf.values.count == 2, "the type of this field needs two values in this test")
    for value in leaf.values {
      let set = read(manifest("model: m\nentityVersion: 7\nscaleToZero: true\nplane: \(leaf.settings(value))"))
      #expect(set.findings.isEmpty, "\(set.findings)")
      let environment = try set.manifests.first?.desired().config.entities.first?.environment
      let text = try #require(environment?[PlaneArguments.variable], "the variable does not have the field")
      let arguments = try PlaneArguments(parsing: text)
      #expect(arguments.text == text)
      let listed = arguments.fields.filter { $0.value != nil }
      #expect(listed.map { "\($0.name): \($0.value ?? "")" } == ["\(leaf.path): \(value)"])
    }
  }
}
