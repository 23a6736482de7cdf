/// How servers are known to differ, to change or to misbehave. Each is a switch of the test workspace, with the section
/// or quirk of docs/serving-api.md that describes it.
package struct WorkspaceBehaviors: Hashable, Sendable {
  package init() {}

  // MARK: - The form of responses

  /// Whether `pending_config` is shown after a failure (2.2, B1). A failed first deployment shows it in any case.
  package var keepsPendingAfterFailure = false
  /// Whether an entity reports that it failed, and why, in the last reads of its update (A4).
  package var showsFailureEarly = false
  /// Whether even a failed first deployment shows no config at all (A7).
  package var hidesFirstFailure = false
  /// Whether responses contain members that no SDK knows (Q26).
  package var speaksOfTheFuture = false
  /// At how many reads into an update its state is a value that no SDK knows (1.0).
  package var newWordLooks = 0
  /// The order of entities, routes, tags, grants, limits and the list (Q22, 1.2).
  package var order = WorkspaceOrder.descending
  /// Whether the mirror `served_models` and both names of a route are filled in (Q15).
  package var mirrors = true
  /// Whether `CPU`, `Small`, the traffic of a single entity and the gateway's inner members are filled in if the
  /// request omitted them (Q14, Q17).
  package var fillsDefaults = true
  /// Whether an entity that is sized by concurrency is shown with `Small` instead of a blank size (Q16).
  package var namesSizeBesideConcurrency = false
  /// Whether `burst_scaling_enabled` and plaintext secrets are omitted from responses, as a workspace does (Q20).
  package var dropsWriteOnlyFields = true
  /// Whether empty lists and strings are returned as `null` (Q18).
  package var writesNullForEmpty = false
  /// Whether the response to a tag patch is the bare array of old servers (E6).
  package var answersTagsAsArray = false
  /// Whether an empty `description` is omitted instead of returned as `""` (Q17).
  package var omitsEmptyDescription = false
  /// Whether a telemetry response names the logs table besides the profile (Q21, B5).
  package var echoesLogsTable = false
  /// Whether new endpoints have a telemetry profile that nobody requested (Q21).
  package var givesTelemetry = false
  /// The form of errors (1.7).
  package var errorForm = ErrorForm.json
  /// Whether the list contains Databricks' own `databricks-…` endpoints (E2).
  package var hasFoundationEndpoints = false

  // MARK: - Races and limits

  /// How many creates after a deletion still find the name taken (Q35).
  package var nameLingers = 0
  /// How many read calls after each write are answered with the previous state.
  package var staleReads = 0
  /// How many creates and config updates are allowed in a period (6.3).
  package var writeLimit: WriteLimit?

  // MARK: - Gates

  /// Workload types that this workspace is not enrolled for (Q48).
  package var unavailableWorkloadTypes: Set<String> = []
  /// Models whose entrypoint needs a preview that is off (Q47).
  package var gatedModels: Set<String> = []
  /// Workload types that refuse scale to zero (Q49).
  package var neverAtZero: Set<String> = []
  /// Blocks of the AI Gateway that this kind of endpoint does not accept (E7, B2).
  package var refusedGatewayBlocks: Set<String> = []
  /// Whether a size is accepted together with concurrency, as some field scripts send it (Q5).
  package var allowsSizeWithConcurrency = false

  // MARK: - Identity

  /// The lifetime of a token of `/oidc/v1/token`, by the workspace's clock (1.6).
  package var tokenLife: Duration = .seconds(3600)
  /// Whether the token endpoint's errors are `errorCode`/`errorSummary` instead of `error`/`error_description` (1.6).
  package var speaksOktaErrors = false
  /// Whether `/.well-known/databricks-config` is missing, as on older workspaces (1.6).
  package var hidesHostMetadata = false
}

/// The forms in which error responses have been seen (serving-api.md 1.7).
package enum ErrorForm: String, CaseIterable, Hashable, Sendable {
  /// `{error_code, message}`.
  case json
  /// `{error_code: 400, message}`.
  case numericCode
  /// `{error}`, from API 1.2.
  case old
  /// `{detail, status, scimType}`.
  case scim
  /// `CODE: message`.
  case plainText
  /// The message in `<pre>`.
  case html
  /// Only the status.
  case empty
}

/// The maximum number of creates and config updates in any period of this length.
package struct WriteLimit: Hashable, Sendable {
  package let count: Int
  package let per: Duration

  package init(_ count: Int, per: Duration) {
    self.count = count
    self.per = per
  }

  /// What a workspace allows (serving-api.md 6.3).
  package static let workspace = WriteLimit(50, per: .seconds(300))
}

/// The outcome of a rollout of one model version.
package enum VersionBehavior: Hashable, Sendable {
  /// Ready after this many reads of the endpoint.
  case ready(polls: Int = 1)
  /// Ready after this long by the workspace's clock, however often it is read (serving-api.md 2.5).
  case readyAfter(Duration)
  /// Given up after this many reads, with this message on the served entity.
  case fails(polls: Int = 1, message: String)
  /// In progress forever.
  case hangs
  /// Somebody deletes the endpoint after this many reads (serving-api.md 2.6, rule 7).
  case vanishes(polls: Int = 1)
  /// Refused at once.
  case refused(status: Int = 400, errorCode: String = "INVALID_PARAMETER_VALUE", message: String)
}
