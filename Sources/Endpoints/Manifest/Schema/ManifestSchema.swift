/// The table of every field of a manifest, against which manifests are validated. `examples/full.yaml` and
/// `workspace.yaml` show every field.
package enum ManifestSchema {
  package static let apiVersion = "serving.setpoint.dev/v1alpha1"
  /// The prefix of the API's versions.
  static let group = "serving.setpoint.dev/"
  package static let kind = "ServingEndpoint"
  /// The maximum number of served entities: far above any server's limit, for which there is a rule
  /// (``WorkspaceRule/maxServedEntities``).
  package static let mostServedEntities = 100

  package static let document = ObjectType([
    // The version of the manifest format.
    Field("apiVersion", .word([apiVersion]), .required, example: "apiVersion: \(apiVersion)"),
    Field("kind", .word([kind]), .required, example: "kind: \(kind)"),
    // Name and labels.
    Field("metadata", .object(metadata), .required, example: "metadata: {name: support-chat}"),
    // The desired state of the endpoint.
    Field("spec", .object(spec), .required),
    // Written by the controller on cluster objects.
    Field("status", .anything, support: .withoutMeaning("set by the cluster; ignored in a file")),
  ])

  static let metadata = ObjectType(
    [
      // The endpoint's name at the provider, unique in the workspace or plane.
      Field("name", .text(.endpointName), .required, example: "name: support-chat"),
      // For people and Kubernetes; not sent to the provider. Tags are under spec.tags.
      Field("labels", .textMap(TextMapRule(key: .label, value: .any))),
    ]
      + [
        "namespace", "annotations", "uid", "resourceVersion", "generation", "creationTimestamp", "managedFields",
        "finalizers", "ownerReferences",
      ].map { name in
        // Used by Kubernetes; ignored for the endpoint.
        Field(name, .anything, support: .withoutMeaning("used by Kubernetes; ignored for the endpoint"))
      })

  // MARK: The spec

  /// The registered model: catalog.schema.name, or a bare name in a registry without catalogs.
  private static let model = Field(
    "model", .text(.modelName), .requiredWithout("servedEntities"),
    otherNames: ["entity_name", "entityName", "model_name", "modelName"], example: "model: main.support.qwen3")
  /// The model's version number, an alias such as "@champion", or latest; the plan pins an alias or latest to a number.
  private static let entityVersion = Field(
    "entityVersion", .version, .requiredWithout("servedEntities"),
    otherNames: ["entity_version", "version", "model_version", "modelVersion"], example: "entityVersion: \"7\"")
  /// The accelerator: T4, A10, L4, A100, H100 or CPU, or a workload type of the serving API. Default: CPU.
  private static let workloadType = Field(
    "workloadType", .openWord(Workload.words, noun: "workload type"),
    otherNames: ["workload_type", "gpu", "accelerator"])
  /// How many replicas: Small is 1, Medium 2, Large 4 on a plane; a workspace may define its own sizes. Default: Small.
  private static let size = Field(
    "size", .openWord(["Small", "Medium", "Large"], noun: "size"),
    otherNames: ["workload_size", "workloadSize", "replicas"])
  /// The number of concurrent requests, instead of a size.
  private static let concurrencyField = Field(
    "concurrency", .object(concurrency), otherNames: ["provisioned_concurrency", "provisionedConcurrency"])
  /// Whether all replicas stop when idle. Default: false.
  private static let scaleToZero = Field(
    "scaleToZero", .boolean, otherNames: ["scale_to_zero_enabled", "scaleToZeroEnabled", "scale_to_zero"])
  /// Environment variables of the model server. A value may refer to a secret: {{secrets/scope/key}}.
  private static let environment = Field(
    "environment", .textMap(.environment), otherNames: ["env", "environment_vars", "environmentVars"])
  /// vLLM flags, for serving planes; a workspace runs the model's entrypoint instead.
  private static let engineField = Field("engine", .object(engine), otherNames: ["vllm", "args"])
  /// Settings that only a serving plane has. They apply to the whole endpoint, and changing them starts no replica.
  private static let planeField = Field("plane", .object(plane), otherNames: ["servingPlane", "serving_plane"])

  /// The fields that describe one served entity in the flat form.
  static let flatEntityFields = [model, entityVersion, workloadType, size, concurrencyField, scaleToZero].map(
    \.name)

  static let spec = ObjectType([
    model, entityVersion, workloadType, size, concurrencyField, scaleToZero, environment, engineField, planeField,
    // Several model versions that share the traffic, instead of the flat fields. The spec's environment and engine
    // apply to each of them.
    Field(
      "servedEntities", .list(.object(servedEntity), atMost: mostServedEntities),
      otherNames: ["served_entities", "servedModels", "served_models", "entities"]),
    // How updates are rolled out and verified.
    Field("rollout", .object(rollout)),
    // Tags of the endpoint at the provider. Tags not listed here are not changed.
    Field("tags", .textMap(TextMapRule(key: .tagKey, value: .tagValue))),
    // What happens to the endpoint when its manifest is removed: Delete, or Retain it. Default: Delete.
    Field("deletionPolicy", .word(DeletionPolicy.allCases.map(\.rawValue)), otherNames: ["reclaimPolicy"]),
    // If true, the endpoint is not changed. Default: false.
    Field("suspend", .boolean, otherNames: ["paused"]),
    // A description for people. Set at creation; the API cannot change it later.
    Field("description", .text(.any)),
    // The ID of a workspace's budget policy. Set at creation; the API cannot change it later.
    Field("budgetPolicy", .text(.identifier), otherNames: ["budget_policy_id", "budgetPolicyId"]),
    // Whether a workspace gives the endpoint its own URL, with OAuth only. Changing it requires recreating the endpoint
    // with --allow-recreate. Default: the live value; false for a new endpoint.
    Field("routeOptimized", .boolean, otherNames: ["route_optimized"]),
    // Rate limits and the recording of queries. Only the fields set here are managed.
    Field("gateway", .object(gateway), otherNames: ["ai_gateway", "aiGateway"]),
    // Permissions on a workspace's endpoint: a list of grants, or mode and grants.
    Field("access", .objectOrList(access, field: "grants"), otherNames: ["permissions", "access_control_list"]),
    // Who is notified of updates by email.
    Field("notifications", .object(notifications), otherNames: ["email_notifications", "emailNotifications"]),
    // Where logs, metrics and traces are stored: Unity Catalog tables, or a profile that names them. On a plane, the last
    // segments of the names are views of its own tables.
    Field("telemetry", .object(telemetry), otherNames: ["telemetry_config", "telemetryConfig"]),
  ])

  static let servedEntity = ObjectType([
    // The entity's name in the endpoint. Default: the model's last segment, a dash and the version.
    Field("name", .text(.entityName), otherNames: ["served_model_name"]),
    model.required, entityVersion.required, workloadType, size, concurrencyField, scaleToZero,
    // The percentage of requests. Required with two or more entities; the sum is 100.
    Field(
      "traffic", .integer(0...100), otherNames: ["traffic_percentage", "trafficPercentage", "weight"],
      example: "traffic: 50"),
    environment, engineField,
  ])

  static let engine = ObjectType([
    // vLLM's --dtype. A T4 does not support bfloat16.
    Field("dtype", .word(["auto", "half", "float16", "bfloat16", "float", "float32"]), otherNames: ["data_type"]),
    // vLLM's --max-model-len: the maximum context length in tokens.
    Field("maxModelLen", .integer(1...(.max)), otherNames: ["max_model_len", "max-model-len", "contextLength"]),
    // vLLM's --gpu-memory-utilization: the fraction of GPU memory to use.
    Field(
      "gpuMemoryUtilization", .number(NumberRange(above: 0, upTo: 1)),
      otherNames: ["gpu_memory_utilization", "gpu-memory-utilization"]),
    // Additional vLLM flags, one argument per item, passed unchanged.
    Field("extraArgs", .list(.text(.engineArgument), atMost: 100), otherNames: ["args", "extra_args", "flags"]),
    // LoRA adapters that the engine serves beside the model. Clients request them as ENDPOINT:NAME.
    Field(
      "adapters", .list(.object(adapter), atMost: EngineAdapters.limit),
      otherNames: ["adapter", "lora", "loras", "loraModules", "lora_modules", "lora-modules"]),
  ])

  private static let adapter = ObjectType([
    // The name after the colon: lowercase letters, digits and -.
    Field("name", .text(.adapterName), .required, example: "name: tone"),
    // The registered model of the adapter.
    Field(
      "model", .text(.modelName), .required, otherNames: ["entity_name", "entityName", "model_name", "modelName"],
      example: "model: main.support.tone"),
    // The version number.
    Field(
      "version", .version, .required,
      otherNames: ["entityVersion", "entity_version", "model_version", "modelVersion"], example: "version: \"3\""),
  ])

  // MARK: Rollouts

  static let rollout = ObjectType([
    // How long an update may take before it is reported as overdue. Default: 30m on CPUs, 60m on small and medium GPUs,
    // 120m on others.
    Field("deadline", .duration, otherNames: ["timeout"]),
    // After a failed update: Rollback to the last good revision, or Hold. Default: Rollback.
    Field("onFailure", .word(FailurePolicy.allCases.map(\.rawValue)), otherNames: ["on_failure", "failurePolicy"]),
    // Checks of the new version before it is considered good, in order.
    Field("verify", .list(.object(check), atMost: 20), otherNames: ["checks", "verification"]),
    // Traffic steps for a new model version, each larger than the previous one.
    Field("steps", .list(.object(step), atMost: 20), otherNames: ["canary"]),
    // Whether the replaced version stays deployed without traffic, for a fast rollback. Default: false.
    Field("keepPrevious", .boolean, otherNames: ["keep_previous"]),
  ])

  private static let step = ObjectType([
    // The new version's percentage of traffic; at 0 it is verified before it receives any.
    Field(
      "traffic", .integer(0...99), .required, otherNames: ["traffic_percentage", "weight", "percent"],
      example: "traffic: 10"),
    // How long it stays at this share after its verification has passed. Default: 0s.
    Field("for", .duration, otherNames: ["hold", "duration", "pause"]),
  ])

  private static let check = ObjectType([
    // A user message sent to the new version.
    Field("chat", .text(.prompt), .required, otherNames: ["prompt", "message"], example: "chat: \"Say hello.\""),
    // The expected answer.
    Field("expect", .object(expectation), otherNames: ["expected"]),
  ])

  private static let expectation = ObjectType([
    // The HTTP status. Default: 200.
    Field("status", .integer(100...599), otherNames: ["statusCode"]),
    // Text that the answer must contain. Default: empty; any answer passes.
    Field("contains", .text(.any)),
    // How many seconds the answer may take. Default: 30.
    Field("withinSeconds", .number(NumberRange(above: 0, upTo: 3600)), otherNames: ["within", "timeoutSeconds"]),
  ])
}

extension Field {
  /// The same field, always required.
  fileprivate var required: Field {
    Field(name, type, .required, support: support, otherNames: otherNames, example: example)
  }
}
