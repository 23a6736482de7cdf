internal import CanonicalJSON
internal import Endpoints
internal import LibYAML

/// One resource in Terraform's JSON.
struct TerraformResource {
  let type: String
  let label: String
  /// Its address, as shown in messages.
  let path: String
  /// The module that contains it, such as `module.serving`; empty: the root.
  var module = ""
  /// `0` or `"a"`, if `count` or `for_each` created it.
  var index: String?
  let body: SourcedValue
  /// The parts marked as sensitive.
  var sensitive: SourcedValue?
  let isConfiguration: Bool
  /// The references in `serving_endpoint_id` of a plan's configuration, if the ID is known only after apply.
  var references: [String] = []

  static let serving = "databricks_model_serving"
  static let next =
    "pass a configuration in JSON (*.tf.json), or the output of \"terraform show -json\" for a state or a plan"

  /// - Throws: an ``ErrorReport`` for a document that is not a configuration, a state or a plan.
  static func all(in root: SourcedValue, _ file: String) throws -> [TerraformResource] {
    if root["resource"] != nil { return declared(in: root) }
    for form in ["values", "planned_values"] {
      if let module = root[form]?["root_module"] { return shown(in: module, root) }
    }
    if root["module"] != nil { return [] }
    let isState = root["terraform_version"] != nil && root["resources"] != nil
    throw ErrorReport(
      isState ? "\(file) is Terraform's own state file" : "\(file) contains no Terraform resources",
      place: "\(root.location)", next: next)
  }

  /// Returns a finding for each module that a configuration calls; modules are not read.
  static func modules(in root: SourcedValue) -> [Finding] {
    (root["module"]?.asList ?? []).flatMap { labelled($0) }.map { label, block in
      Finding(
        .warning, at: block.location, path: "module.\(label)", "resources declared by the module are not read",
        suggestion: "import the output of \"terraform show -json\" instead; it contains them")
    }
  }

  // MARK: A configuration

  /// Returns the resources under `resource.TYPE.NAME`; each of the three may be a list.
  private static func declared(in root: SourcedValue) -> [TerraformResource] {
    (root["resource"]?.asList ?? []).flatMap { types in
      labelled(types).flatMap { type, names in
        labelled(names).map { label, body in
          TerraformResource(
            type: type, label: label, path: "resource.\(type).\(label)", body: body, isConfiguration: true)
        }
      }
    }
  }

  private static func labelled(_ value: SourcedValue) -> [(String, SourcedValue)] {
    (value.members ?? [:]).filter { $0.key != "//" }.sorted { $0.key < $1.key }.flatMap { label, value in
      value.asList.map { (label, $0) }
    }
  }

  /// Whether the configuration creates none of it.
  var isSwitchedOff: Bool { isConfiguration && body["count"]?.plainText == "0" }

  /// Reports that the configuration may create several of it, or none; nil if it creates one.
  var repetition: Finding? {
    guard isConfiguration, let key = ["count", "for_each"].first(where: { body[$0]?.isNull == false }),
      body[key]?.plainText != "1"
    else { return nil }
    return Finding(
      .warning, at: body.location(of: key), path: "\(path).\(key)", "creates any number of endpoints from one block",
      suggestion: "import the output of \"terraform show -json\" instead; it lists each endpoint")
  }

  /// The names that the user may use for it: its address, with and without the module and the index.
  var otherNames: Set<String> {
    let plain = "\(type).\(label)"
    let inModule = module.isEmpty ? plain : "\(module).\(plain)"
    let first = isConfiguration && body["count"] != nil ? ["\(plain)[0]", "\(label)[0]"] : []
    guard let index else { return Set([plain, inModule] + first) }
    return Set([plain, inModule].flatMap { [$0, "\($0)[\(index)]"] } + ["\(label)[\(index)]"])
  }

  // MARK: A state or a plan

  /// Returns the resources of a module and its submodules, with references in place of values that a plan does not know
  /// yet.
  private static func shown(in module: SourcedValue, _ root: SourcedValue) -> [TerraformResource] {
    let name = module["address"]?.text ?? ""
    let own = (module["resources"]?.items ?? []).compactMap { resource -> TerraformResource? in
      guard resource["mode"]?.text != "data", let type = resource["type"]?.text, let values = resource["values"],
        let label = resource["name"]?.text
      else { return nil }
      let address = resource["address"]?.text ?? "\(type).\(label)"
      var shown = TerraformResource(
        type: type, label: label, path: address, module: name,
        index: resource["index"].flatMap { $0.text.map { "\"\($0)\"" } ?? $0.plainText },
        body: withUnknown(values, of: type, address, root), sensitive: resource["sensitive_values"],
        isConfiguration: false)
      if type == "databricks_permissions" { shown.references = references(of: shown, in: root) }
      return shown
    }
    return own + (module["child_modules"]?.items ?? []).flatMap { shown(in: $0, root) }
  }

  /// Adds the values that a plan lists in `after_unknown`, which are known only after apply.
  private static func withUnknown(
    _ values: SourcedValue, of type: String, _ address: String, _ root: SourcedValue
  ) -> SourcedValue {
    let change = root["resource_changes"]?.items?.first { $0["address"]?.text == address }
    guard let unknown = change?["change"]?["after_unknown"] else { return values }
    // The server chooses an endpoint's own ID; in permissions the ID says which endpoint they are for.
    return values.filled(from: unknown, keys: type == serving ? personal : personal.union(["serving_endpoint_id"]))
  }

  /// Members that the server never fills in.
  private static let personal: Set = [
    "name", "entity_name", "entity_version", "model_name", "model_version", "environment_vars", "key", "value",
    "user_name", "group_name", "service_principal_name", "permission_level", "calls", "tokens", "principal",
    "catalog_name", "schema_name",
  ]

  private static func references(of resource: TerraformResource, in root: SourcedValue) -> [String] {
    var module = root["configuration"]?["root_module"]
    for name in moduleNames(resource.module) { module = module?["module_calls"]?[name]?["module"] }
    let declared = module?["resources"]?.items?.first {
      $0["type"]?.text == resource.type && $0["name"]?.text == resource.label
    }
    return (declared?["expressions"]?["serving_endpoint_id"]?["references"]?.items ?? []).compactMap(\.text)
  }

  /// `["a", "b"]` of `module.a[0].module.b["x.y"]`.
  private static func moduleNames(_ address: String) -> [String] {
    var names: [String] = []
    var depth = 0
    var word = ""
    for character in address + "." {
      switch character {
      case "[": depth += 1
      case "]": depth -= 1
      case "." where depth == 0:
        names.append(word)
        word = ""
      default: if depth == 0 { word.append(character) }
      }
    }
    return names.enumerated().filter { $0.offset % 2 == 1 }.map(\.element)
  }

  // MARK: Permissions

  /// The ID of the endpoint that the permissions are for; nil if they are for something else.
  var servingEndpointID: SourcedValue? { body["serving_endpoint_id"].flatMap { $0.isBlank ? nil : $0 } }

  /// Returns the index of the endpoint that these permissions are for; nil if it is unknown.
  func subject(among servings: [TerraformResource]) -> Int? {
    guard let id = servingEndpointID?.text else { return nil }
    let texts = isConfiguration ? [id] : references
    let known = servings.firstIndex { $0.body["serving_endpoint_id"]?.text == id }
    if !isConfiguration, let known, !holdsUnknownID { return known }
    let mentions = texts.flatMap(Self.mentions)
    guard let label = mentions.first?.label, mentions.allSatisfy({ $0.label == label }) else { return nil }
    let candidates = servings.indices.filter { servings[$0].label == label && servings[$0].module == module }
    if candidates.count < 2 { return candidates.first }
    let wanted = mentions.lazy.compactMap(\.index).first ?? index
    return candidates.first { servings[$0].index == wanted && wanted != nil }
  }

  private var holdsUnknownID: Bool { servingEndpointID?.holdsUnknown ?? false }

  /// Returns the endpoints that an expression refers to: `databricks_model_serving.NAME`, with or without an index.
  private static func mentions(in text: String) -> [(label: String, index: String?)] {
    text.split(separator: "\(serving).", omittingEmptySubsequences: false).dropFirst().map { rest in
      let label = rest.prefix { $0.isLetter || $0.isNumber || $0 == "_" || $0 == "-" }
      let after = rest.dropFirst(label.count)
      let index = after.first == "[" ? after.dropFirst().prefix { $0 != "]" } : ""
      let isLiteral = index.allSatisfy(\.isNumber) || index.hasPrefix("\"")
      return (String(label), index.isEmpty || !isLiteral ? nil : String(index))
    }
  }
}
