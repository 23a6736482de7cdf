import CanonicalJSON
import LibCrypto

/// The launch config of a replica. Entities with the same one share their replicas, so a config that changes only
/// traffic or names starts nothing.
struct LaunchConfig: Hashable, Codable, Sendable {
  /// The registered model's name.
  let model: String
  /// The model version's number.
  let version: Int
  /// The API's name of the accelerator, such as `GPU_MEDIUM` or `CPU`.
  let workloadType: String
  /// The entity's `environment_vars` without the settings for a plane; secret references are kept unresolved.
  let environment: [String: String]
}

extension LaunchConfig {
  /// The launch as one opaque string, which links replicas and entities. Equal launches have equal keys; it contains no
  /// environment values, which may be secret.
  var key: String {
    let environment = JSONValue.object(environment.mapValues { .string($0) })
    let whole: JSONValue = [
      "model": .string(model), "version": .int(Int64(version)), "workload_type": .string(workloadType),
      "environment": environment,
    ]
    return "\(model)/\(version)/\(workloadType)/" + SHA256.hash(whole.bytes()).hexString.prefix(16)
  }
}
