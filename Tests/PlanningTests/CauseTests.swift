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
    ("the server is at its connection limit; retry later", .theirs, "provider"),
    (
      "the plane's machine is at fault: vLLM is not installed for python3", .theirs,
      "the change is retried automatically"
    ),
    ("the plane's machine is at fault: out of memory, failed to load, no such file", .theirs, "fix it"),
    ("No module named 'vllm'", .ours, ""),
    ("something nobody has seen before", .ours, ""),
  ])
  func `a message determines whose fault a failure is`(message: String, cause: CauseClass, plain: String) {
    let found = FailureCause(of: live(v1, pending: v2, update: .failed, message: message))
    #expect(found.cause == cause)
    #expect(found.message.contains(message), "the provider's words are kept")
    #expect(plain.isEmpty || found.message.contains(plain))
  }

  @Test func `one entity that failed through our fault is enough`() {
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
    #expect(found.message.hasPrefix("a: no capacity ("), "the source of the message, and what to do")
    #expect(found.message.contains("); b: out of memory ("))
  }

  @Test func `messages seen during the update count if the provider no longer shows them`() {
    var failed = live(v1, update: .failed)
    failed.evidence = RolloutEvidence(entities: ["qwen3-2": .init(message: "Insufficient capacity in the region")])
    let found = FailureCause(of: failed)
    #expect(found.cause == .theirs)
    #expect(found.message.contains("Insufficient capacity in the region"))
  }

  @Test func `if the provider's message says nothing, a log line does`() {
    var failed = live(v1, pending: v2, update: .failed, message: "The container did not become healthy")
    let entity = failed.pending?.deployments.keys.first ?? ""
    failed.evidence = RolloutEvidence(
      entities: [
        entity: .init(serverLog: ["INFO starting", "vllm serve: error: unrecognized arguments: --tensor", "exited"])
      ])
    let found = FailureCause(of: failed)
    #expect(found.cause == .ours)
    #expect(found.message.contains("an invalid flag: The container did not become healthy"))
    #expect(found.message.contains("its log: vllm serve: error: unrecognized arguments: --tensor"))
  }

  @Test func `a log that mentions the network does not make a failure the provider's`() {
    var failed = live(v1, update: .failed)
    failed.evidence = RolloutEvidence(entities: ["qwen3-2": .init(serverLog: ["connection reset by peer"])])
    let found = FailureCause(of: failed)
    #expect(found.cause == .ours)
    #expect(found.message == "the provider gave no reason")
  }

  @Test func `a failure without a message counts as ours, so nothing is sent again forever`() {
    let found = FailureCause(of: live(v1, update: .failed))
    #expect(found == FailureCause(of: live(v1, update: .failed)))
    #expect(found.cause == .ours)
    #expect(found.message == "the provider gave no reason")
  }

  @Test(arguments: [
    (CallResult.Failure.refused, CallResult.refused("words")), (.notFound, .refused("words")),
    (.conflict, .conflict("words")), (.unavailable, .unavailable("words", retryAfter: .seconds(3))),
  ])
  func `a refused write is ours, a conflict or the provider's`(failure: CallResult.Failure, callResult: CallResult) {
    #expect(CallResult(failure, message: "words", retryAfter: .seconds(3)) == callResult)
  }

  @Test func `a version that is still being registered is a temporary cause`() {
    let callResult = CallResult(.refused, message: "version 3 is PENDING_REGISTRATION")
    #expect(callResult == .unavailable("version 3 is PENDING_REGISTRATION", retryAfter: nil))
  }

  @Test(arguments: [
    ("failed to load the model: HTTPSConnectionPool: Read timed out.", "the network failed"),
    ("Failed to load: 503 Server Error: Service Unavailable for url", "provider's own failure"),
    ("model not supported on node; insufficient capacity, try again later", "no capacity"),
    ("No such file: connection reset by peer while it was fetched", "the network failed"),
    ("unrecognized arguments in an internal error", "provider's own failure"),
  ])
  func `a temporary cause takes precedence over ours in the same message`(message: String, plain: String) {
    let found = FailureCause(of: live(v1, pending: v2, update: .failed, message: message))
    #expect(found.cause == .theirs)
    #expect(found.message.contains(plain))
  }

  @Test(arguments: [
    "Container was OOMKilled: memory limit exceeded", "exceeded memory limit of 16Gi",
    "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2 GiB. GPU 0 has a total capacity of 22 GiB",
  ])
  func `a memory limit is not a quota`(message: String) {
    let found = FailureCause(of: live(v1, pending: v2, update: .failed, message: message))
    #expect(found.cause == .ours)
    #expect(found.message.contains("out of memory") || found.message.contains("OutOfMemory"))
  }

  @Test(arguments: [
    "out of memory: the model does not fit in the GPU's memory", "unknown flag: this vLLM does not know --tensor",
    "unsupported dtype: this GPU has no bfloat16", "There is no capacity: no capacity in the region",
    "vLLM exited with code 137 (SIGKILL): out of memory",
  ])
  func `the class of a cause is named once`(message: String) {
    let words = FailureCause(of: live(v1, pending: v2, update: .failed, message: message)).message
    #expect(words.hasPrefix(message))
  }

  @Test(arguments: [
    ("Container exited with code 137", "SIGKILL", CauseClass.ours), ("exit status 139", "SIGSEGV", .ours),
    ("the server was ended by SIGTERM", "SIGTERM", .theirs), ("exit code: 134", "SIGABRT", .ours),
  ])
  func `an exit by a signal is reported with its name and usual meaning`(
    message: String, name: String, cause: CauseClass
  ) throws {
    let found = FailureCause(of: live(v1, pending: v2, update: .failed, message: message))
    #expect(found.cause == cause)
    #expect(found.message.contains(name))
    let signal = try #require(ProcessSignal.all.first { $0.name == name })
    #expect(found.message.contains(signal.meaning))
  }

  @Test(arguments: [
    (CallResult.Failure.notFound, "Model version 'main.support.qwen3' 2 does not exist."),
    (.notFound, "Registered model 'main.support.qwen3' does not exist."),
    (.notFound, "model \"hello\" has no version 2: it has 1"),
    (.notFound, "model \"hello\" has no version 2: the plane has no model with that name; register it with \"x\""),
    (.refused, "main.support.qwen3 version 2 does not exist"),
    (.refused, "environment_vars: no secret llm/hf on this plane; write its value to /d/secrets/llm/hf"),
    (.refused, "environment_vars: there is no secret llm/hf on this plane; write it"),
    (.refused, "Secret does not exist with scope: llm and key: hf"),
  ])
  func `a model version or a secret that does not exist yet is waited for`(failure: CallResult.Failure, words: String) {
    let callResult = CallResult(failure, message: words)
    #expect(callResult == .missing(words))
    let put = Operation.updateConfig(name: "chat", config: v2.config)
    var memory = Memory(revisions: revisions((v1, .good), (v2, .pending)), attempt: attempt(v2))
    memory.apply(.received(callResult, put, at: now))
    #expect(memory.attempt?.refusal?.cause == .theirs)
    let decision = decided(endpoint(v2), live(v1), memory)
    #expect(decision.reason.code == .retrying)
    #expect(decision.next == .wait(.seconds(1)), "and never held")
    var goingBack = Memory(attempt: attempt(v2, .rollback))
    goingBack.apply(.received(callResult, put, at: now))
    #expect(goingBack.attempt?.refusal?.cause == .ours, "for a rollback, a missing version is a final refusal")
  }

  @Test(arguments: [
    "Endpoint with name 'model-version' does not exist.",
    "endpoint \"chat\" no longer exists: its record in the plane's store is damaged (config version 2 is missing)",
    "unknown model path: the entrypoint names a folder that does not exist",
    "INVALID_PARAMETER_VALUE: the secret reference is no reference; the model does not exist in words only",
  ])
  func `not everything that is missing is waited for`(message: String) {
    #expect(CallResult(.refused, message: message) == .refused(message))
  }
}
