import Endpoints
import Planning

typealias ManifestFile = (file: String, bytes: [UInt8])

/// One endpoint of the benchmark's fleet: the manifest that a team would keep, and what the provider and the history
/// report about it after it is applied. Nearly all manifests are the five flat fields; a few have more.
struct GeneratedEndpoint {
  static let fleet = "benchmark"
  static let now = Timestamp(milliseconds: 1_760_000_000_000)
  private static let teams = ["claims", "fraud", "legal", "logistics", "marketing", "search", "support"]

  /// Numbered in the order of names, which is the order of files in a directory.
  private let index: Int
  /// The value of the manifest's tag, if it has tags: what a user edits.
  var tier = "gold"

  init(_ index: Int) { self.index = index }

  private func every(_ number: Int) -> Bool { index.isMultiple(of: number) }

  private var team: String { Self.teams[min(index / 1500, Self.teams.count - 1)] }
  var name: String { "\(team)-chat-\(100_000 + index)" }
  private var model: String { "main.\(team).qwen3_\(index % 50)" }
  private var version: String { "\(index % 30 + 1)" }
  private var hasEntities: Bool { every(10) }
  private var hasAlias: Bool { every(8) && !hasEntities }
  private var hasTags: Bool { every(2) }
  private var hasEnvironment: Bool { every(4) }
  private var hasEngine: Bool { every(20) }
  private var hasChecks: Bool { every(5) }
  private var hasComments: Bool { every(3) }

  /// The registry's answer about an alias of a model.
  static func version(of alias: ModelAlias) -> String? { alias.name == "champion" ? "31" : nil }
}

// The manifest
extension GeneratedEndpoint {
  var file: ManifestFile { ("fleet/\(team)/\(name).yaml", Array(manifest.utf8)) }

  private var manifest: String {
    var text = ""
    if hasComments { text += "# Questions to #\(team)-serving. The model is trained weekly, see the handbook.\n" }
    text += """
      apiVersion: serving.setpoint.dev/v1alpha1
      kind: ServingEndpoint
      metadata:
        name: \(name)
        labels: {team: \(team)}
      spec:

      """
    text += hasEntities ? entities : flat
    if hasEnvironment {
      text += "  environment:\n    VLLM_LOGGING_LEVEL: INFO\n    HF_TOKEN: \"{{secrets/\(team)/hf}}\"\n"
    }
    if hasEngine { text += "  engine:\n    dtype: float16\n    maxModelLen: 16384\n" }
    if hasTags { text += "  tags:\n    cost-center: \"\(4000 + index % 97)\"\n    tier: \(tier)\n" }
    if hasChecks {
      text += """
          rollout:
            deadline: 90m
            verify:
              - chat: "Say hello."
                expect: {status: 200, contains: hello, withinSeconds: 30}

        """
    }
    return text
  }

  private var flat: String {
    """
      model: \(model)\(hasComments ? "   # registered by the training job" : "")
      entityVersion: "\(hasAlias ? "@champion" : version)"
      workloadType: A10
      size: Small
      scaleToZero: \(every(3))

    """
  }

  private var entities: String {
    """
      servedEntities:
        - {name: stable, model: \(model), entityVersion: "\(version)", workloadType: A10, size: Small, traffic: 90}
        - name: next
          model: \(model)
          entityVersion: "31"
          workloadType: A10
          size: Small
          traffic: 10

    """
  }
}

// Live state
extension GeneratedEndpoint {
  private var id: String {
    let digits = String(index, radix: 16)
    return "0f3c9a7e52d14b86" + String(repeating: "0", count: 16 - digits.count) + digits
  }

  /// As a provider's response is read: default names spelled out, every string separate.
  private var config: EndpointConfig {
    if hasEntities {
      return EndpointConfig(entities: [
        entity(name: "stable", version: version, traffic: 90), entity(name: "next", version: "31", traffic: 10),
      ])
    }
    let served = hasAlias ? "31" : version
    return EndpointConfig(entities: [
      entity(name: "qwen3_\(index % 50)-\(served)", version: served, scaleToZero: every(3), traffic: 100)
    ])
  }

  private func entity(name: String, version: String, scaleToZero: Bool = false, traffic: Int) -> ServedEntity {
    ServedEntity(
      name: name, entityName: model, entityVersion: version, workloadType: "GPU_MEDIUM", workloadSize: "Small",
      scaleToZero: scaleToZero, environment: environment, traffic: traffic)
  }

  private var environment: [String: String] {
    var variables: [String: String] = [:]
    if hasEnvironment {
      variables["VLLM_LOGGING_LEVEL"] = "INFO"
      variables["HF_TOKEN"] = "{{secrets/\(team)/hf}}"
    }
    if hasEngine { variables["SETPOINT_ENGINE_ARGS"] = #"["--dtype","float16","--max-model-len","16384"]"# }
    return variables
  }

  private var tags: [String: String] {
    var tags = [FleetTags.fleet: Self.fleet, "created-by": "terraform"]
    if hasTags {
      tags["cost-center"] = "\(4000 + index % 97)"
      tags["tier"] = tier
      tags[FleetTags.owns] = "cost-center,tier"
    }
    return tags
  }

  var observed: ObservedEndpoint {
    let config = config
    let ready = ObservedConfig.Deployment(state: "DEPLOYMENT_READY", message: "")
    let deployments = Dictionary(uniqueKeysWithValues: config.entities.map { ($0.name, ready) })
    return ObservedEndpoint(
      name: name, id: id, creator: "\(team)-ci@example.com",
      active: ObservedConfig(version: 3, config: config, deployments: deployments, startTime: Self.now.milliseconds),
      readiness: .ready, update: .notUpdating, tags: tags, lastUpdated: Self.now.milliseconds)
  }

  /// From the machine that applied the manifest, with an older version before it.
  var memory: Memory {
    let config = config
    let older = EndpointConfig(entities: [entity(name: "older", version: "32", traffic: 100)])
    return Memory(
      revisions: [revision(1, older), revision(2, config)], endpointID: id, lastVersion: 3)
  }

  private func revision(_ number: Int, _ config: EndpointConfig) -> Revision {
    Revision(
      number: number, digest: config.digest, config: config, recordedAt: Self.now,
      sourceCommit: "9f2c1e7ab04d53886e1f0a2b7c9d4e5f60718293", outcome: .good, established: number)
  }
}
