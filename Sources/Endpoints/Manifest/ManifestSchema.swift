/// The table of every field a manifest can have. Validation, the Kubernetes schema and the reference page are made of it.
package enum ManifestSchema {
  package static let apiVersion = "serving.setpoint.dev/v1alpha1"
  package static let kind = "ServingEndpoint"
  /// More served entities than this the serving API refuses (contract Q10).
  package static let mostServedEntities = 15

  package static let document = ObjectType([
    Field(
      "apiVersion", .word([apiVersion]), .required, example: "apiVersion: \(apiVersion)",
      doc: "The version of the manifest's form."),
    Field("kind", .word([kind]), .required, example: "kind: \(kind)", doc: "Always \(kind)."),
    Field("metadata", .object(metadata), .required, example: "metadata: {name: support-chat}", doc: "Name and labels."),
    Field("spec", .object(spec), .required, doc: "The endpoint as it should be."),
    Field(
      "status", .anything, support: .withoutMeaning("written by a cluster, without meaning in a file"),
      doc: "Written by the controller on cluster objects."),
  ])

  static let metadata = ObjectType(
    [
      Field(
        "name", .text(.endpointName), .required, example: "name: support-chat",
        doc: "The endpoint's name at the provider, unique in the workspace or plane."),
      Field(
        "labels", .textMap(TextMapRule(key: .label, value: .any)),
        doc: "For people and Kubernetes; kept with the manifest and sent nowhere. Tags are under spec.tags."),
    ]
      + [
        "namespace", "annotations", "uid", "resourceVersion", "generation", "creationTimestamp", "managedFields",
        "finalizers", "ownerReferences",
      ].map { name in
        Field(
          name, .anything, support: .withoutMeaning("belongs to Kubernetes, without meaning for the endpoint"),
          doc: "Kubernetes' own; without meaning for the endpoint.")
      })

  // MARK: The spec

  private static let model = Field(
    "model", .text(.modelName), .requiredWithout("servedEntities"),
    otherNames: ["entity_name", "entityName", "model_name", "modelName"], example: "model: main.support.qwen3",
    doc: "The registered model: catalog.schema.name, or the bare name of a registry without catalogs.")
  private static let entityVersion = Field(
    "entityVersion", .version, .requiredWithout("servedEntities"),
    otherNames: ["entity_version", "version", "model_version", "modelVersion"], example: "entityVersion: \"7\"",
    doc: "A version number of the model, or an alias such as \"@champion\", which is pinned to a number in the plan.")
  private static let workloadType = Field(
    "workloadType", .openWord(Workload.words, noun: "workload type"),
    otherNames: ["workload_type", "gpu", "accelerator"],
    doc: "The accelerator: T4, A10, L4, A100, H100 or CPU, or one of the serving API's own words. Default: CPU.")
  private static let size = Field(
    "size", .openWord(["Small", "Medium", "Large"], noun: "size"),
    otherNames: ["workload_size", "workloadSize", "replicas"],
    doc:
      "How many replicas: Small is 1, Medium 2, Large 4 on a plane; a workspace may have sizes of its own. Default: Small."
  )
  private static let scaleToZero = Field(
    "scaleToZero", .boolean, otherNames: ["scale_to_zero_enabled", "scaleToZeroEnabled", "scale_to_zero"],
    doc: "Whether all replicas stop when no request comes for a while. Default: false.")
  private static let environment = Field(
    "environment", .textMap(.environment), otherNames: ["env", "environment_vars", "environmentVars"],
    doc: "Environment variables of the model server. A value may refer to a secret: {{secrets/scope/key}}.")
  private static let engineField = Field(
    "engine", .object(engine), otherNames: ["vllm", "args"],
    doc: "vLLM flags, for planes that launch vLLM; a workspace takes them from the model's entrypoint instead.")

  /// The fields that describe one served entity in the flat form.
  static let flatEntityFields = [model, entityVersion, workloadType, size, scaleToZero].map(\.name)

  static let spec = ObjectType([
    model, entityVersion, workloadType, size, scaleToZero, environment, engineField,
    Field(
      "servedEntities", .list(.object(servedEntity), atMost: mostServedEntities),
      otherNames: ["served_entities", "servedModels", "served_models", "entities"],
      doc:
        "Several model versions with a split of traffic, instead of the flat fields. environment and engine of the spec "
        + "hold for each of them."),
    Field("rollout", .object(rollout), doc: "How an update is judged."),
    Field(
      "tags", .textMap(TextMapRule(key: .tagKey, value: .any)),
      doc: "Tags of the endpoint at the provider. Tags not named here are left alone."),
    Field(
      "deletionPolicy", .word(DeletionPolicy.allCases.map(\.rawValue)), otherNames: ["reclaimPolicy"],
      doc: "What happens to the endpoint when its manifest goes away: Delete, or Retain it. Default: Delete."),
    Field("suspend", .boolean, otherNames: ["paused"], doc: "True leaves the endpoint alone. Default: false."),
    Field(
      "gateway", .object(gateway), support: .notBuilt("no AI gateway settings are sent"),
      otherNames: ["ai_gateway", "aiGateway"], doc: "AI gateway settings."),
    Field(
      "access", .list(.object(grant), atMost: 1000), support: .notBuilt("no permissions are sent"),
      otherNames: ["permissions", "access_control_list"], doc: "Who may do what with the endpoint."),
    Field(
      "notifications", .object(notifications), support: .notBuilt("no notification settings are sent"),
      otherNames: ["email_notifications", "emailNotifications"], doc: "Who is told of updates by e-mail."),
    Field(
      "telemetry", .object(telemetry), support: .notBuilt("no telemetry settings are sent"),
      otherNames: ["telemetry_config"], doc: "The tables that logs, metrics and traces go to."),
  ])

  static let servedEntity = ObjectType([
    Field(
      "name", .text(.entityName), otherNames: ["served_model_name"],
      doc: "The entity's name in the endpoint. Default: the model's last segment, a dash and the version."),
    model.required, entityVersion.required, workloadType, size, scaleToZero,
    Field(
      "traffic", .integer(0...100), otherNames: ["traffic_percentage", "trafficPercentage", "weight"],
      example: "traffic: 50", doc: "Per cent of the requests. Required with two entities or more; the sum is 100."),
    environment, engineField,
  ])

  static let engine = ObjectType([
    Field(
      "dtype", .word(["auto", "half", "float16", "bfloat16", "float", "float32"]), otherNames: ["data_type"],
      doc: "vLLM's --dtype. A T4 has no bfloat16."),
    Field(
      "maxModelLen", .integer(1...(.max)), otherNames: ["max_model_len", "max-model-len", "contextLength"],
      doc: "vLLM's --max-model-len: the longest context in tokens."),
    Field(
      "gpuMemoryUtilization", .number(NumberRange(above: 0, upTo: 1)),
      otherNames: ["gpu_memory_utilization", "gpu-memory-utilization"],
      doc: "vLLM's --gpu-memory-utilization: the share of the GPU's memory it takes."),
    Field(
      "extraArgs", .list(.text(.engineArgument), atMost: 100), otherNames: ["args", "extra_args", "flags"],
      doc: "Further flags of vLLM, one argument an item, passed on as they stand."),
  ])

  // MARK: Rollouts

  static let rollout = ObjectType([
    Field(
      "deadline", .duration, otherNames: ["timeout"],
      doc:
        "How long an update may take before it is called overdue. Default: 30m on CPUs, 60m on small and medium GPUs, "
        + "120m on others."),
    Field(
      "onFailure", .word(FailurePolicy.allCases.map(\.rawValue)), otherNames: ["on_failure", "failurePolicy"],
      doc: "After a failed update: Rollback to the last good revision, or Hold. Default: Rollback."),
    Field(
      "verify", .list(.object(check), atMost: 20), otherNames: ["checks", "verification"],
      doc: "Questions to the new version before it is called good, in this order."),
    Field(
      "steps", .list(.anything, atMost: 20), support: .notBuilt("an update is rolled out in one step"),
      otherNames: ["canary"], doc: "Shares of traffic to pass through on the way to a new version."),
    Field(
      "keepPrevious", .anything, support: .notBuilt("the previous version is not kept beside the new one"),
      doc: "Whether the previous version stays in the endpoint without traffic."),
  ])

  private static let check = ObjectType([
    Field(
      "chat", .text(.prompt), .required, otherNames: ["prompt", "message"], example: "chat: \"Say hello.\"",
      doc: "A user message sent to the new version."),
    Field("expect", .object(expectation), otherNames: ["expected"], doc: "What a good answer is."),
  ])

  private static let expectation = ObjectType([
    Field("status", .integer(100...599), otherNames: ["statusCode"], doc: "The HTTP status. Default: 200."),
    Field("contains", .text(.any), doc: "A text the answer holds. Default: empty, any answer will do."),
    Field(
      "withinSeconds", .number(NumberRange(above: 0, upTo: 3600)), otherNames: ["within", "timeoutSeconds"],
      doc: "How long the answer may take. Default: 30."),
  ])

  // MARK: Known, and not built yet

  private static let gateway = ObjectType([
    Field("rateLimits", .list(.object(rateLimit), atMost: 100), doc: "Limits on calls or tokens."),
    Field("usageTracking", .boolean, doc: "Whether usage goes to the system tables."),
  ])

  private static let rateLimit = ObjectType([
    Field(
      "key", .word(["endpoint", "user", "user_group", "service_principal"]), .required, doc: "Whom the limit counts."),
    Field("principal", .text(.any), doc: "The group or service principal meant."),
    Field("calls", .integer(1...(.max)), doc: "Calls a period."),
    Field("tokens", .integer(1...(.max)), doc: "Tokens a period."),
    Field("renewalPeriod", .word(["minute"]), .required, doc: "The period."),
  ])

  private static let grant = ObjectType([
    Field("user", .text(.any), doc: "A user's e-mail address."),
    Field("group", .text(.any), doc: "A group's name."),
    Field("servicePrincipal", .text(.any), doc: "A service principal's application id."),
    Field("level", .word(["CanView", "CanQuery", "CanManage"]), .required, doc: "What the principal may do."),
  ])

  private static let notifications = ObjectType([
    Field("onUpdateSuccess", .list(.text(.any), atMost: 100), doc: "Addresses."),
    Field("onUpdateFailure", .list(.text(.any), atMost: 100), doc: "Addresses."),
  ])

  private static let telemetry = ObjectType([
    Field("logsTable", .text(.any), doc: "catalog.schema.table for logs."),
    Field("metricsTable", .text(.any), doc: "catalog.schema.table for metrics."),
    Field("tracesTable", .text(.any), doc: "catalog.schema.table for traces."),
    Field(
      "samplingFraction", .number(NumberRange(above: 0, upTo: 1, includesLower: true)),
      doc: "The share of requests whose payload is kept."),
  ])
}

extension Field {
  /// The same field where nothing can stand in for it.
  fileprivate var required: Field {
    Field(name, type, .required, support: support, otherNames: otherNames, example: example, doc: doc)
  }
}
