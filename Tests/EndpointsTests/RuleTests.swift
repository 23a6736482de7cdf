import Endpoints
import Testing

@Suite struct `Workspace rules` {
  /// The findings of the rules about a manifest with this spec, without the file name.
  private func validated(
    _ spec: String, name: String = "chat", on cloud: Cloud, region: String? = nil, _ overrides: String...
  ) throws -> [String] {
    let set = read(manifest(name: name, spec))
    #expect(set.findings.isEmpty, "\(set.findings)")
    let rules = try RuleBook(overrides: overrides)
    let manifest = try #require(set.manifests.first)
    let found =
      manifest.limitFindings(rules) + manifest.hardwareFindings(on: WorkspaceSite(cloud, region: region), rules: rules)
    return found.map { String($0.description.dropFirst("f.yaml:".count)) }
  }

  private func gpu(_ word: String, _ more: String = "") -> String {
    "model: m\nentityVersion: \"7\"\nworkloadType: \(word)\n\(more)"
  }

  @Test func `an A10 on Azure is refused with the available hardware`() throws {
    #expect(
      try validated(gpu("A10"), on: .azure) == [
        "8:17: error: spec.workloadType: Azure has no A10; it has T4 (GPU_SMALL, 1x T4 16 GB), "
          + "A100 (GPU_LARGE, 1x A100 80 GB), GPU_LARGE_2 (2x A100 80 GB), GPU_LARGE_4 (4x A100 80 GB), "
          + "GPU_LARGE_8 (8x A100 80 GB) (rule hardware-of-cloud; --rule hardware-of-cloud=warn turns this into a warning)"
      ])
  }

  @Test(arguments: [
    ("T4", Cloud.aws, true), ("T4", .azure, true), ("T4", .gcp, false), ("A10", .aws, true), ("A10", .gcp, false),
    ("L4", .gcp, true), ("L4", .aws, false), ("A100", .azure, true), ("A100", .aws, false), ("H100", .aws, true),
    ("H100", .azure, false), ("CPU", .gcp, true), ("A10", .unknown, true),
  ]) func `a friendly name is refused if the cloud has no such hardware`(
    word: String, cloud: Cloud, isThere: Bool
  ) throws {
    let found = try validated(gpu(word), on: cloud)
    #expect(found.contains { $0.contains("rule hardware-of-cloud;") } != isThere, "\(found)")
    #expect(found.allSatisfy { $0.contains(": error: ") == $0.contains("hardware-of-cloud") }, "\(found)")
  }

  @Test func `the cloud's meaning of the name is reported instead`() throws {
    let found = try validated(gpu("A100"), on: .aws)
    #expect(found.first?.contains("AWS has no A100; GPU_LARGE is 1x L40-class 48 GB there; it has T4 (") == true)
  }

  @Test func `an API value that only other clouds list is a warning, and an unknown value passes`() throws {
    let found = try validated(gpu("GPU_MEDIUM"), on: .azure)
    #expect(found.count == 1)
    #expect(
      found.first?.hasPrefix("8:17: warning: spec.workloadType: GPU_MEDIUM is not listed for Azure") == true)
    #expect(try validated(gpu("GPU_MEDIUM"), on: .unknown).isEmpty)
    let open = read(manifest(gpu("GPU_NEXT_4"))).manifests.first
    #expect(open?.hardwareFindings(on: WorkspaceSite(.aws)).isEmpty == true)
  }

  @Test func `hardware in beta is a warning that says what it requires`() throws {
    let found = try validated(gpu("H100"), on: .aws)
    #expect(
      found == [
        "8:17: warning: spec.workloadType: not every workspace has H100 (GPU_XLARGE, 1x H100 80 GB): it requires "
          + "enrollment per workspace; request it before you rely on it "
          + "(rule beta-enrolment; --rule beta-enrolment=off turns this off)"
      ])
    #expect(try validated(gpu("H100"), on: .aws, "beta-enrolment=off").isEmpty)
    #expect(try validated(gpu("GPU_LARGE"), on: .azure).isEmpty, "an A100 needs no enrolment")
  }

  @Test func `a region is checked only if it is known and listed`() throws {
    #expect(try validated(gpu("H100"), on: .aws, region: "us-west-2", "beta-enrolment=off").isEmpty)
    let found = try validated(gpu("H100"), on: .aws, region: "eu-west-1", "beta-enrolment=off")
    #expect(found.count == 1 && found[0].contains("for eu-west-1; it is listed for us-west-2 (rule region-of-workload"))
    #expect(try validated(gpu("T4"), on: .aws, region: "eu-west-1").isEmpty, "no list includes regions of a T4")
  }

  @Test func `an H100 that scales to zero is a warning until the rule is set to refuse`() throws {
    let spec = gpu("H100", "scaleToZero: true")
    let found = try validated(spec, on: .aws, "beta-enrolment=off")
    #expect(found.count == 1 && found[0].hasPrefix("8:17: warning: spec.scaleToZero: some workspaces refuse"))
    let refused = try validated(spec, on: .aws, "beta-enrolment=off", "h100-scale-to-zero=refuse")
    #expect(refused.count == 1 && refused[0].hasPrefix("8:17: error: "))
    #expect(refused.first?.hasSuffix("--rule h100-scale-to-zero=warn turns this into a warning)") == true)
  }

  @Test func `a size that scales is a warning on accelerators, with its maximum`() throws {
    let found = try validated(gpu("A10", "size: Medium"), on: .aws)
    #expect(
      found.count == 1 && found[0].contains("spec.size: Medium is 2 to 4 replicas; a model with its own entrypoint"))
    #expect(
      found.first?.contains("may get 2 that do not scale, or be refused; use Small to be safe (rule custom-llm") == true
    )
    #expect(try validated(gpu("A10"), on: .aws).isEmpty)
    #expect(try validated(gpu("CPU", "size: Large"), on: .aws).isEmpty)
  }

  @Test func `concurrency is a multiple of four, and may be a range like a size`() throws {
    let uneven = try validated(gpu("T4", "concurrency: {min: 6, max: 6}"), on: .aws)
    #expect(
      uneven
        == ["min", "max"].map {
          "9:16: error: spec.concurrency.\($0): 6 is not a multiple of 4; write 4 or 8 (rule concurrency-in-fours; "
            + "--rule concurrency-in-fours=warn turns this into a warning)"
        })
    #expect(try validated(gpu("T4", "concurrency: {min: 6, max: 6}"), on: .aws, "concurrency-in-fours=2").isEmpty)
    let small = try validated(gpu("CPU", "concurrency: {min: 2, max: 8}"), on: .aws)
    #expect(small.count == 1 && small[0].contains("spec.concurrency.min: 2 is not a multiple of 4; write 4 (rule"))
    let ranged = try validated(gpu("T4", "concurrency: {min: 4, max: 12}"), on: .aws)
    #expect(ranged.count == 1 && ranged[0].contains("spec.concurrency: this is 1 to 3 replicas; a model with"))
    let huge = try validated(gpu("CPU", "concurrency: {min: 1028, max: 1028}"), on: .aws)
    #expect(huge.count == 2 && huge.allSatisfy { $0.contains("warning: ") && $0.contains("(rule max-concurrency;") })
  }

  @Test func `a model on accelerators cannot have route optimization`() throws {
    let found = try validated(gpu("T4", "routeOptimized: true"), on: .aws)
    #expect(
      found.count == 1 && found[0].hasPrefix("4:9: warning: spec.routeOptimized: a model with its own entrypoint"))
    #expect(try validated(gpu("CPU", "routeOptimized: true"), on: .aws).isEmpty)
  }

  @Test func `a number in a rule can be replaced`() throws {
    let entities = (1...3).map { "  - {model: m, entityVersion: \($0), traffic: \($0 == 1 ? 100 : 0)}" }
    let spec = "servedEntities:\n" + entities.joined(separator: "\n")
    #expect(try validated(spec, on: .aws).isEmpty)
    let found = try validated(spec, on: .aws, "max-served-entities=2")
    #expect(
      found.count == 1 && found[0].contains("error: spec.servedEntities: has 3 entities; providers accept at most 2;"))
    let long = try validated(gpu("T4"), name: "chat-prod", on: .aws, "name-length=8")
    #expect(
      long.count == 1 && long[0].hasPrefix("4:9: error: metadata.name: has 9 characters; providers accept at most 8"))
  }

  @Test func `tags are counted together with those that Setpoint adds`() throws {
    func tags(_ count: Int, _ more: String = "") -> String {
      "\(more)tags: {\((1...count).map { "k\($0): v" }.joined(separator: ", "))}"
    }
    #expect(try validated(gpu("T4", tags(48)), on: .aws).isEmpty)
    let found = try validated(gpu("T4", tags(49)), on: .aws)
    #expect(
      found == [
        "4:9: warning: spec.tags: has 49 tags, and Setpoint adds 2 of its own; an endpoint can have at most 50; "
          + "remove some (rule max-tags; --rule max-tags=off turns this off)"
      ])
    #expect(try validated(gpu("T4", tags(48, "deletionPolicy: Retain\n")), on: .aws).count == 1)
    #expect(try validated(gpu("T4", tags(49)), on: .aws, "max-tags=51").isEmpty)
    #expect(try validated(gpu("T4", tags(49)), on: .aws, "max-tags=off").isEmpty)
    #expect(try validated(gpu("T4", tags(49)), on: .aws, "max-tags=refuse").first?.hasPrefix("4:9: error: ") == true)
    #expect(try validated(gpu("T4"), on: .aws, "max-tags=1").isEmpty, "a manifest without tags has none to remove")
  }

  @Test func `the last override wins, and a rule that is off reports nothing`() throws {
    #expect(try validated(gpu("A10"), on: .azure, "hardware-of-cloud=warn", "hardware-of-cloud=off").isEmpty)
  }

  @Test(
    arguments: [
      ("h100-scale-to-zer=off", "rule \"h100-scale-to-zer\" not found; did you mean \"h100-scale-to-zero\"?"),
      ("weights-fit", "\"weights-fit\" is not a valid override; write NAME=off, NAME=warn or NAME=refuse"),
      (
        "weights-fit=",
        "\"\" is not a valid value for weights-fit; write off, warn or refuse, or a number instead of 15"
      ),
      ("beta-enrolment=3", "\"3\" is not a valid value for beta-enrolment; write off, warn or refuse"),
      ("max-served-entities=-1", nil), ("max-served-entities=0", nil), ("=off", nil), ("", nil), ("a=b=c", nil),
    ] as [(String, String?)]) func `an invalid override is refused with the accepted values`(
      text: String, message: String?
    )
  {
    let fault = #expect(throws: RuleFault.self) { try RuleBook(overrides: [text]) }
    if let message { #expect(fault?.description == message) }
  }

  @Test func `a refused manifest counts as unreadable`() throws {
    let set = read(
      manifest(name: "one", gpu("A10")) + "---\n" + manifest(name: "two", gpu("T4", "size: Medium")))
    let validated = set.validated { $0.hardwareFindings(on: WorkspaceSite(.azure)) }
    #expect(validated.manifests.map(\.name) == ["two"])
    #expect(validated.brokenNames == ["one"] && !validated.isComplete)
    #expect(validated.findings.map(\.severity) == [.error, .warning])
    let warned = set.validated { $0.hardwareFindings(on: WorkspaceSite(.aws)) }
    #expect(warned.manifests.count == 2 && warned.isComplete && warned.findings.count == 1)
  }

  @Test func `the environment lists overrides separated by commas or blanks`() {
    #expect(RuleBook.overrides(in: " a=off, b=warn  c=3,") == ["a=off", "b=warn", "c=3"])
    #expect(RuleBook.overrides(in: "").isEmpty)
  }
}
