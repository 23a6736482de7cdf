/// The fields besides the config, most of them for workspaces only.
extension ManifestSchema {
  static let concurrency = ObjectType([
    Field(
      "min", .integer(0...(.max)), .required, otherNames: ["min_provisioned_concurrency"], example: "min: 4",
      doc: "The minimum kept ready, a multiple of 4."),
    Field(
      "max", .integer(4...(.max)), .required, otherNames: ["max_provisioned_concurrency"], example: "max: 8",
      doc: "The maximum, a multiple of 4; equal to min for a fixed size."),
  ])

  static let gateway = ObjectType([
    Field(
      "rateLimits", .list(.object(rateLimit), atMost: 100), otherNames: ["rate_limits"],
      doc: "Limits on calls or tokens. An empty list removes every limit."),
    Field(
      "usageTracking", .boolean, otherNames: ["usage_tracking_config", "usage_tracking"],
      doc: "Whether usage is recorded in the system tables."),
    Field(
      "inferenceTable", .object(inferenceTable), otherNames: ["inference_table_config", "inferenceTables"],
      doc: "The table that requests and answers are written to."),
  ])

  private static let rateLimit = ObjectType([
    Field(
      "key", .word(["endpoint", "user", "user_group", "service_principal"]), .required, example: "key: user",
      doc: "Who the limit applies to: the whole endpoint, each user, or a named user, group or service principal."),
    Field(
      "principal", .text(.principalName),
      doc: "The user's email address, the group's name, or the service principal's application ID."),
    Field("calls", .integer(0...(.max)), doc: "Calls per period."),
    Field("tokens", .integer(0...(.max)), doc: "Tokens per period."),
    Field(
      "renewalPeriod", .word(["minute"]), otherNames: ["renewal_period", "period"],
      doc: "The period. Default: minute, the only one supported."),
  ])

  private static let inferenceTable = ObjectType([
    Field(
      "catalog", .text(.identifier), .required, otherNames: ["catalog_name"], example: "catalog: main",
      doc: "The catalog."),
    Field(
      "schema", .text(.identifier), .required, otherNames: ["schema_name"], example: "schema: logs",
      doc: "The schema in the catalog."),
    Field(
      "tableNamePrefix", .text(.identifier), otherNames: ["table_name_prefix", "prefix"],
      doc: "The prefix of the table's name. Default: chosen by the provider."),
    Field(
      "enabled", .boolean,
      doc: "Whether rows are written; if false, only the names are kept. Default: true."),
  ])

  static let access = ObjectType([
    Field(
      "mode", .word(AccessMode.allCases.map(\.rawValue)),
      doc:
        "What happens to grants that are not listed: additive keeps them; exact revokes them, except that whoever "
        + "applies the manifest may still manage the endpoint. Default: additive."),
    Field(
      "grants", .list(.object(grant), atMost: 1000), .required, otherNames: ["access_control_list"],
      example: "grants: [{group: support, level: CanQuery}]", doc: "The grants, one per principal."),
  ])

  private static let grant = ObjectType([
    Field("user", .text(.emailAddress), otherNames: ["user_name"], doc: "A user's email address."),
    Field("group", .text(.principalName), otherNames: ["group_name"], doc: "A group's name."),
    Field(
      "servicePrincipal", .text(.principalName), otherNames: ["service_principal_name", "service_principal"],
      doc: "A service principal's application ID."),
    Field(
      "level", .word(["CanView", "CanQuery", "CanManage"]), .required,
      otherNames: ["permission_level", "permissionLevel", "permission"], example: "level: CanQuery",
      doc: "The permission level."),
  ])

  static let notifications = ObjectType([
    Field(
      "onUpdateSuccess", .list(.text(.emailAddress), atMost: 100), otherNames: ["on_update_success"],
      doc: "Email addresses notified of successful updates."),
    Field(
      "onUpdateFailure", .list(.text(.emailAddress), atMost: 100), otherNames: ["on_update_failure"],
      doc: "Email addresses notified of failed updates."),
  ])

  static let telemetry = ObjectType([
    Field("logsTable", .text(.tableName), otherNames: ["logs_table"], doc: "catalog.schema.table for logs."),
    Field("metricsTable", .text(.tableName), otherNames: ["metrics_table"], doc: "catalog.schema.table for metrics."),
    Field("tracesTable", .text(.tableName), otherNames: ["traces_table"], doc: "catalog.schema.table for traces."),
    Field(
      "samplingFraction", .number(NumberRange(above: 0, upTo: 1, includesLower: true)),
      otherNames: ["sampling_fraction"], doc: "The share of requests whose payload is kept, from 0 to 1."),
    Field(
      "profileId", .text(.identifier), otherNames: ["telemetry_profile_id", "profileID", "profile"],
      doc: "An existing telemetry profile, instead of tables."),
  ])
}
