internal import CanonicalJSON
internal import Endpoints
internal import LibYAML
internal import ServingAPI

/// The endpoints in Terraform's JSON: a configuration (`*.tf.json`), or the output of `terraform show -json` for a
/// state or a plan.
struct TerraformFile {
  private(set) var endpoints: [DeclaredEndpoint] = []
  /// Endpoints for which no manifest is written.
  private(set) var skipped: [ImportOutcome] = []
  /// Omitted parts of the file other than members of endpoints.
  private(set) var omissions: [Finding] = []

  /// - Throws: an ``ErrorReport`` for a file that is none of these, or that contains no endpoint.
  init(files: [String]) throws {
    let documents = try files.map { file in
      (file, try SourcedValue.json(file: file, next: TerraformResource.next))
    }
    let resources = try documents.flatMap { file, root in try TerraformResource.all(in: root, file) }
    let servings = resources.filter { $0.type == TerraformResource.serving && !$0.isSwitchedOff }
    let others = resources.filter { $0.type.hasPrefix(TerraformResource.serving + "_") }
    omissions = documents.flatMap { TerraformResource.modules(in: $0.1) }
    guard resources.contains(where: { $0.type == TerraformResource.serving }) || !others.isEmpty else {
      throw ErrorReport(
        "no \(TerraformResource.serving) in \(files.joined(separator: ", "))", next: TerraformResource.next)
    }
    for serving in servings { endpoints.append(endpoint(serving)) }
    for permissions in resources where permissions.type == "databricks_permissions" { add(permissions, servings) }
    for other in others {
      let name = other.body["name"]?.text ?? other.path
      skipped.append(.skipped(name: name, why: "it is a \(other.type), which manifests do not support"))
    }
  }

  // MARK: Endpoints

  private mutating func endpoint(_ resource: TerraformResource) -> DeclaredEndpoint {
    var open: [References.Open] = []
    var body = resource.body
    if let sensitive = resource.sensitive { body = body.masked(by: sensitive, open: &open) ?? body }
    // The state of a configuration holds values; nothing in it is a reference.
    let dialect = References(dialect: .terraform, value: { _ in nil })
    if resource.isConfiguration || resource.body.holdsUnknown { body = dialect.resolve(body, open: &open) ?? body }
    if let finding = resource.repetition { omissions.append(finding) }
    let lifecycle = (body["lifecycle"]?.asList ?? []).first
    var endpoint = DeclaredEndpoint(
      label: resource.label, path: resource.path,
      body: body.inWordsOfTheAPI.converted(to: WireCreateRequest.self, flags: .terraform),
      isRetained: lifecycle?["prevent_destroy"]?.plainText == "true", open: open)
    endpoint.settled = Self.settled
    endpoint.otherNames = resource.otherNames
    return endpoint
  }

  /// Terraform's own members, and settings that concern only Terraform.
  private static let settled: Set = [
    "lifecycle", "provider", "depends_on", "count", "for_each", "timeouts", "connection", "provisioner", "//", "id",
    "serving_endpoint_id", "endpoint_url", "effective_budget_policy_id", "provider_config",
  ]

  // MARK: Permissions

  private mutating func add(_ permissions: TerraformResource, _ servings: [TerraformResource]) {
    guard let id = permissions.servingEndpointID else { return }
    guard let index = permissions.subject(among: servings) else {
      omissions.append(
        Finding(
          .warning, at: id.location, path: "\(permissions.path).serving_endpoint_id",
          "the endpoint is unknown, so the grants are omitted",
          suggestion: "add them under access"))
      return
    }
    var open: [References.Open] = []
    let entries = permissions.body["access_control"].map { SourcedValue(.list($0.asList), at: $0.location) }
    let isResolvable = permissions.isConfiguration || permissions.body.holdsUnknown
    let resolved =
      isResolvable
      ? entries.flatMap { References(dialect: .terraform, value: { _ in nil }).resolve($0, open: &open) } : entries
    endpoints[index].grants += (resolved?.items ?? []).map {
      $0.converted(to: WireAccessEntry.self, flags: .terraform)
    }
    endpoints[index].open += open.map {
      References.Open(path: "access_control\($0.path)", on: $0.on, location: $0.location)
    }
  }
}
