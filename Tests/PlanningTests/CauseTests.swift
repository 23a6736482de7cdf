import Endpoints
import Planning
import Testing

@Suite struct CauseTests {
  @Test(arguments: [
    (
      "torch.OutOfMemoryError: CUDA out of memory. GPU 0 has a total capacity of 22 GiB", CauseClass.ours,
      "out of memory"
    ),
    ("ValueError: Bfloat16 is only supported on GPUs with compute capability of at least 8.0", .ours, "loaded"),
    ("vllm serve: error: unrecognized arguments: --tensor", .ours, "flag"),
    ("Insufficient capacity in the region", .theirs, "no capacity"),
    ("The quota for GPU_MEDIUM is used up", .theirs, "quota"),
    ("Internal error. Please try again later", .theirs, "provider"),
    ("something nobody has seen before", .ours, ""),
  ])
  func `a message says whose fault it was`(message: String, cause: CauseClass, plain: String) {
    let found = FailureCause(of: live(v1, pending: v2, update: .failed, message: message))
    #expect(found.cause == cause)
    #expect(found.words.contains(message), "the provider's words are kept")
    #expect(plain.isEmpty || found.words.contains(plain))
  }

  @Test func `one entity through our fault is enough`() {
    let pending = ObservedConfig(
      version: 6, config: v2.config,
      deployments: [
        "a": .init(state: "DEPLOYMENT_FAILED", message: "no capacity"),
        "b": .init(state: "DEPLOYMENT_FAILED", message: "out of memory"),
        "c": .init(state: "DEPLOYMENT_READY", message: "internal error"),
      ])
    let failed = ObservedEndpoint(
      name: "chat", id: "id", pending: pending, readiness: .notReady, update: .failed)
    let found = FailureCause(of: failed)
    #expect(found.cause == .ours)
    #expect(found.words.hasPrefix("no capacity: a: no capacity ("), "what it is, whose words, and what to do")
    #expect(found.words.contains("); out of memory: b: out of memory ("))
  }

  @Test func `what was seen while it ran counts where the provider shows nothing any more`() {
    var failed = live(v1, update: .failed)
    failed.evidence = RolloutEvidence(entities: ["qwen3-2": .init(message: "Insufficient capacity in the region")])
    let found = FailureCause(of: failed)
    #expect(found.cause == .theirs)
    #expect(found.words.contains("Insufficient capacity in the region"))
  }

  @Test func `where the provider's words say nothing, a line of the log does`() {
    var failed = live(v1, pending: v2, update: .failed, message: "The container did not become healthy")
    let entity = failed.pending?.deployments.keys.first ?? ""
    failed.evidence = RolloutEvidence(
      entities: [
        entity: .init(serverLog: ["INFO starting", "vllm serve: error: unrecognized arguments: --tensor", "exited"])
      ])
    let found = FailureCause(of: failed)
    #expect(found.cause == .ours)
    #expect(found.words.contains("a wrong flag: The container did not become healthy"))
    #expect(found.words.contains("its log says: vllm serve: error: unrecognized arguments: --tensor"))
  }

  @Test func `a log that speaks of the network does not make a failure theirs`() {
    var failed = live(v1, update: .failed)
    failed.evidence = RolloutEvidence(entities: ["qwen3-2": .init(serverLog: ["connection reset by peer"])])
    let found = FailureCause(of: failed)
    #expect(found.cause == .ours)
    #expect(found.words == "the provider gave no reason")
  }

  @Test func `no message counts as ours: nothing is sent again for ever`() {
    let found = FailureCause(of: live(v1, update: .failed))
    #expect(found == FailureCause(of: live(v1, update: .failed)))
    #expect(found.cause == .ours)
    #expect(found.words == "the provider gave no reason")
  }

  @Test(arguments: [
    (400, nil as String?, "refused"), (403, nil, "refused"), (404, "RESOURCE_DOES_NOT_EXIST", "refused"),
    (409, nil, "conflict"), (400, "RESOURCE_ALREADY_EXISTS", "conflict"), (401, nil, "unavailable"),
    (408, nil, "unavailable"), (429, nil, "unavailable"), (500, nil, "unavailable"), (503, nil, "unavailable"),
    (400, "RESOURCE_EXHAUSTED", "unavailable"), (302, nil, "unavailable"),
  ])
  func `a refused write is ours, a conflict or theirs`(status: Int, code: String?, word: String) {
    let receipt = Receipt(failure: status, errorCode: code, message: "words", retryAfter: .seconds(3))
    switch receipt {
    case .refused(let words): #expect(word == "refused" && words == "words")
    case .conflict(let words): #expect(word == "conflict" && words == "words")
    case .unavailable(let words, let after):
      #expect(word == "unavailable" && words == "words" && after == .seconds(3))
    case .accepted, .lost: Issue.record("\(receipt)")
    }
  }

  @Test func `a version still being registered is a matter of time`() {
    let receipt = Receipt(failure: 400, message: "version 3 is PENDING_REGISTRATION")
    #expect(receipt == .unavailable("version 3 is PENDING_REGISTRATION", retryAfter: nil))
  }
}
