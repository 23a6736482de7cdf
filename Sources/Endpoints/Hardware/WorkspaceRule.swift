/// A limit or gate of workspaces, by name. They changed three times in two years and differ between workspaces, so each
/// can be turned off or made a warning or a refusal, and its number can be changed (``RuleBook``).
package enum WorkspaceRule: String, Hashable, Sendable, CaseIterable {
  // Of manifests
  case hardwareOfCloud = "hardware-of-cloud"
  case unlistedHardware = "unlisted-hardware"
  case betaEnrolment = "beta-enrolment"
  case regionOfWorkload = "region-of-workload"
  case h100ScaleToZero = "h100-scale-to-zero"
  case customLLMAutoscaling = "custom-llm-autoscaling"
  case concurrencyInFours = "concurrency-in-fours"
  case maxConcurrency = "max-concurrency"
  case maxServedEntities = "max-served-entities"
  case nameLength = "name-length"
  case maxTags = "max-tags"
  case routeOptimizedLLM = "route-optimized-llm"
  // Of the preflight
  case nameFree = "name-free"
  case modelReady = "model-ready"
  case modelGrants = "model-grants"
  case callerPermission = "caller-permission"
  case creatorIsDeployer = "creator-is-deployer"
  case weightsFit = "weights-fit"
  case bfloat16OnT4 = "bfloat16-on-t4"
  case entrypointTask = "entrypoint-task"
  case entrypointPort = "entrypoint-port"
  case planeAccepts = "plane-accepts"

  /// The effect of a rule's finding.
  package enum Severity: String, Hashable, Sendable, CaseIterable {
    case off
    case warn
    case refuse
  }

  /// The default: `refuse` if docs/serving-api.md is certain, `warn` if its sources disagree or only one of them says
  /// it.
  package var severity: Severity {
    switch self {
    case .hardwareOfCloud, .concurrencyInFours, .maxServedEntities, .nameLength, .nameFree, .modelReady, .modelGrants,
      .callerPermission, .bfloat16OnT4, .planeAccepts:
      .refuse
    case .unlistedHardware, .betaEnrolment, .regionOfWorkload, .h100ScaleToZero, .customLLMAutoscaling, .maxConcurrency,
      .maxTags, .routeOptimizedLLM, .creatorIsDeployer, .weightsFit, .entrypointTask, .entrypointPort:
      .warn
    }
  }

  /// The number in the rule, if it has one.
  package var limit: Int? {
    switch self {
    case .concurrencyInFours: 4
    case .maxConcurrency: 1024
    case .maxServedEntities: 15
    case .nameLength: 63
    case .maxTags: 50
    case .weightsFit: 15
    case .entrypointPort: 8080
    default: nil
    }
  }

  /// The rule's requirement, for the table of rules.
  package var summary: String {
    switch self {
    case .hardwareOfCloud: "the workspace's cloud offers the hardware behind the friendly name"
    case .unlistedHardware: "the API's name is listed for the workspace's cloud"
    case .betaEnrolment: "hardware that is in Beta or requires enrollment may be missing"
    case .regionOfWorkload: "the region has the hardware"
    case .h100ScaleToZero: "an H100 (GPU_XLARGE) does not scale to zero (Q49)"
    case .customLLMAutoscaling: "a model with its own entrypoint has a fixed number of replicas (Q50)"
    case .concurrencyInFours: "provisioned concurrency is a multiple of this number (Q11)"
    case .maxConcurrency: "maximum provisioned concurrency of a model"
    case .maxServedEntities: "maximum number of served entities of an endpoint (Q10)"
    case .nameLength: "maximum length of an endpoint's name (Q12)"
    case .maxTags: "maximum number of tags of an endpoint"
    case .routeOptimizedLLM: "custom LLM serving does not support route optimization"
    case .nameFree: "the endpoint's name is free, or the endpoint belongs to the fleet"
    case .modelReady: "the model version exists and can be served (Q38)"
    case .modelGrants: "the caller may use the model"
    case .callerPermission: "the caller may manage the endpoint"
    case .creatorIsDeployer: "the endpoint's creator, whose identity it uses, is the caller (Q43)"
    case .weightsFit: "the weights fit the accelerator's memory, leaving this percentage free"
    case .bfloat16OnT4: "the entrypoint does not request bfloat16 on a T4"
    case .entrypointTask: "the model's task is llm/v1/chat"
    case .entrypointPort: "the entrypoint listens on this port"
    case .planeAccepts: "a serving plane accepts the config, and its machine can hold the replicas"
    }
  }
}
