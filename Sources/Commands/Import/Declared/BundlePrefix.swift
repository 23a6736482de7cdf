internal import CanonicalJSON
internal import Endpoints
internal import LibYAML

/// The prefix that a target adds to the names of its resources: `presets.name_prefix`, or `[dev USER] ` in development
/// mode.
struct BundlePrefix {
  /// The prefix in the file; nil: `[dev USER] `, with the name of the deploying user.
  let given: SourcedValue?
  private let location: SourceLocation
  private let target: String

  /// - Returns: nil if the target adds no prefix.
  init?(_ target: BundleTarget, root: SourcedValue) {
    let presets = [target.value?["presets"], root["presets"]].compactMap(\.self)
    let given = presets.lazy.compactMap { $0["name_prefix"] }.first { !$0.saysNothing }
    let development = target.value?["mode"].flatMap { $0.text == "development" ? $0 : nil }
    guard let place = given ?? development else { return nil }
    (self.given, location, self.target) = (given, place.location, target.name)
  }

  /// Reports that names are written without the prefix, which is known only at deployment.
  var unknown: Finding {
    Finding(
      .warning, at: location, path: "targets.\(target)",
      "the target adds a prefix to the names of its resources: \"\(given?.plainText ?? "[dev USER] ")\"; it is "
        + "known only at deployment, so the names are used without it",
      suggestion: "write the intended names")
  }

  /// Returns the bundle with the prefix added to each name that it applies to.
  ///
  /// - Parameter prefix: the prefix without references.
  static func applied(_ prefix: String, to root: SourcedValue) -> SourcedValue {
    let word = inNames(prefix)
    let skipsSchemas = root["experimental"]?["skip_name_prefix_for_schema"]?.scalar == .bool(true)
    let types = ["model_serving_endpoints", "registered_models"] + (skipsSchemas ? [] : ["schemas"])
    return root.changing("resources") { resources in
      types.reduce(resources) { resources, type in
        resources.changing(type) { blocks in
          (blocks.members ?? [:]).keys.reduce(blocks) { blocks, key in
            blocks.changing(key) { block in
              block.changing("name") { name in
                name.plainText.map { SourcedValue(word + $0, at: name.location) } ?? name
              }
            }
          }
        }
      }
    }
  }

  /// Converts a prefix as Databricks does for names that allow neither brackets nor blanks: `[dev ann] ` becomes
  /// `dev_ann_`, and `team-` becomes `team`.
  private static func inNames(_ prefix: String) -> String {
    let text = prefix.filter { $0 != "[" }
    let words = text.lowercased().split { !$0.isLetter && !$0.isNumber }.joined(separator: "_")
    return words + (text.last { $0 != " " } == "]" ? "_" : "")
  }
}

extension SourcedValue {
  /// Returns the value with one member changed; unchanged if there is no such member.
  fileprivate func changing(_ key: String, _ change: (SourcedValue) -> SourcedValue) -> SourcedValue {
    guard var members, let member = members[key] else { return self }
    members[key] = change(member)
    return SourcedValue(.object(members), at: location)
  }
}
