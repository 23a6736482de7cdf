/// The fields besides the config, most of them for workspaces only.
extension ManifestSchema {
  static let concurrency = ObjectType([
    // The minimum kept ready, a multiple of 4.
    Field("min", .integer(0...(.max)), .required, otherNames: ["min_provisioned_concurrency"], example: "min: 4"),
    // The maximum, a multiple of 4; equal to min for a fixed size.
    Field("max", .integer(4...(.max)), .required, otherNames: ["max_provisioned_concurrency"], example: "max: 8"),
  ])

  static let gateway = ObjectType([
    // Limits on calls or tokens. An empty list removes every limit.
    Field("rateLimits", .list(.object(rateLimit), atMost: 100), otherNames: ["rate_limits"]),
    // Whether usage is recorded in the system tables.
    Field("usageTracking", .boolean, otherNames: ["usage_tracking_config", "usage_tracking"]),
    // The table that requests and answers are written to.
    Field("inferenceTable", .object(inferenceTable), otherNames: ["inference_table_config", "inferenceTables"]),
  ])

  private static let rateLimit = ObjectType([
    // Who the limit applies to: the whole endpoint, each user, or a named user, group or service principal.
    Field("key", .word(["endpoint", "user", "user_group", "service_principal"]), .required, example: "key: user"),
    // The user's email address, the group's name, or the service principal's application ID; on a plane, the name of
    // the token or group.
    Field("principal", .text(.principalName)),
    // Calls per period.
    Field("calls", .integer(0...(.max))),
    // Tokens per period.
    Field("tokens", .integer(0...(.max))),
    // The period. Default: minute, the only one supported.
    Field("renewalPeriod", .word(["minute"]), otherNames: ["renewal_period", "period"]),
  ])

  private static let inferenceTable = ObjectType([
    // The catalog.
    Field("catalog", .text(.identifier), .required, otherNames: ["catalog_name"], example: "catalog: main"),
    // The schema in the catalog.
    Field("schema", .text(.identifier), .required, otherNames: ["schema_name"], example: "schema: logs"),
    // The prefix of the table's name. Default: chosen by the provider.
    Field("tableNamePrefix", .text(.identifier), otherNames: ["table_name_prefix", "prefix"]),
    // Whether rows are written; if false, only the names are kept. Default: true.
    Field("enabled", .boolean),
  ])

  static let access = ObjectType([
    // What happens to grants that are not listed: additive keeps them; exact revokes them, except that whoever applies
    // the manifest may still manage the endpoint. Default: additive.
    Field("mode", .word(AccessMode.allCases.map(\.rawValue))),
    // The grants, one per principal.
    Field(
      "grants", .list(.object(grant), atMost: 1000), .required, otherNames: ["access_control_list"],
      example: "grants: [{group: support, level: CanQuery}]"),
  ])

  private static let grant = ObjectType([
    // A user's email address; on a plane, the name of a token.
    Field("user", .text(.principalName), otherNames: ["user_name"]),
    // A group's name.
    Field("group", .text(.principalName), otherNames: ["group_name"]),
    // A service principal's application ID; on a plane, the name of a token.
    Field("servicePrincipal", .text(.principalName), otherNames: ["service_principal_name", "service_principal"]),
    // The permission level.
    Field(
      "level", .word(["CanView", "CanQuery", "CanManage"]), .required,
      otherNames: ["permission_level", "permissionLevel", "permission"], example: "level: CanQuery"),
  ])

  static let notifications = ObjectType([
    // Email addresses notified of successful updates; on a plane also URLs of webhooks.
    Field("onUpdateSuccess", .list(.text(.notificationAddress), atMost: 100), otherNames: ["on_update_success"]),
    // The same for failed updates.
    Field("onUpdateFailure", .list(.text(.notificationAddress), atMost: 100), otherNames: ["on_update_failure"]),
  ])

  static let telemetry = ObjectType([
    // catalog.schema.table for logs.
    Field("logsTable", .text(.tableName), otherNames: ["logs_table"]),
    // catalog.schema.table for metrics.
    Field("metricsTable", .text(.tableName), otherNames: ["metrics_table"]),
    // catalog.schema.table for traces.
    Field("tracesTable", .text(.tableName), otherNames: ["traces_table"]),
    // The share of requests whose payload is kept, from 0 to 1.
    Field(
      "samplingFraction", .number(NumberRange(above: 0, upTo: 1, includesLower: true)),
      otherNames: ["sampling_fraction"]),
    // An existing telemetry profile, instead of tables.
    Field("profileId", .text(.identifier), otherNames: ["telemetry_profile_id", "profileID", "profile"]),
  ])
}
