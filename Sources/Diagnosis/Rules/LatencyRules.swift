/// Requests that succeed and take long.
enum LatencyRules {
  /// From this fraction of cold starts on, they are a cause.
  static let manyColdStarts = 0.05
  /// Milliseconds of waiting from which a caller notices it.
  static let longWait = 500.0
  /// Milliseconds until the first token, without the wait for a replica, that are long.
  static let longPrefill = 1000.0
  /// Tokens of a prompt that are many.
  static let longPrompt = 1000.0
  /// Milliseconds between two tokens that are slower than reading.
  static let slowToken = 100.0
  /// Requests of a replica from which its mean says something.
  static let enoughRequests = 20

  static let all = [coldStarts, queueTime, prefill, decode, slowReplica, longAnswers]

  private static let coldStarts = DiagnosisRule("cold-starts") { evidence in
    guard let requests = evidence.requests, requests.coldStarts > 0 else { return nil }
    let share = requests.share(requests.coldStarts)
    guard share >= manyColdStarts else { return nil }
    return Finding(
      "cold-starts", .slow, weight: 1 + share,
      "\(Words.percent(share)) of the requests waited for a replica to start",
      measured: [
        "\(requests.coldStarts) of \(Words.count(requests.total, "request")) found no replica",
        requests.coldStart.map { "they waited \(Words.percentiles($0))" },
        evidence.settings.idleAfter.map { "the endpoint is scaled to zero after \(Words.time($0)) without requests" },
      ],
      means: "The endpoint sleeps between requests that are further apart than its idle time.",
      remedies: [
        "stay awake for longer: spec.plane.idleAfter", "or never sleep: scaleToZero: false",
        "or wake it before it is needed: setpoint query \(evidence.endpoint)",
      ])
  }

  /// Most of the time to the first token is the wait for a replica.
  private static let queueTime = DiagnosisRule("queue-time") { evidence in
    guard let requests = evidence.requests, let queue = requests.queue, queue.p95 >= longWait else { return nil }
    let whole = max(requests.firstToken?.p95 ?? requests.latency?.p95 ?? queue.p95, queue.p95)
    let share = queue.p95 / whole
    // A wait for a start is another cause.
    guard share >= 0.5, requests.share(requests.coldStarts) < manyColdStarts else { return nil }
    return Finding(
      "queue-time", .slow, weight: share,
      "requests wait for a free replica: \(Words.percent(share)) of the time until the first token",
      measured: [
        "the wait for a replica: \(Words.percentiles(queue))",
        requests.firstToken.map { "the first token: \(Words.percentiles($0))" },
        "\(Words.count(evidence.serving.reduce(0) { $0 + $1.ready }, "replica")) ready",
        evidence.load.map { "now \($0.waiting) waiting and \($0.inFlight) at replicas" },
      ], means: "All replicas are busy when a request comes; the model itself is not what takes long.",
      remedies: [
        "add replicas: raise size, or concurrency.max so that their number follows the load",
        "if the engines have room (setpoint top), let each take more: spec.plane.concurrency",
      ])
  }

  /// Most of the time to the first token is the model reading the prompt.
  private static let prefill = DiagnosisRule("long-prompts") { evidence in
    guard let requests = evidence.requests, let first = requests.firstToken, let prompts = requests.tokensIn else {
      return nil
    }
    let time = first.p95 - (requests.queue?.p95 ?? 0)
    guard time >= longPrefill, time >= first.p95 / 2, prompts.p95 >= longPrompt else { return nil }
    let hits = evidence.prefixHitRate
    guard hits ?? 0 < 0.5 else { return nil }
    return Finding(
      "long-prompts", .slow, weight: time / max(first.p95, 1),
      "the first token takes long because prompts are long",
      measured: [
        "the first token: \(Words.percentiles(first))",
        "of it, about \(Words.time(time)) are not the wait for a replica",
        "prompts: \(Words.whole(prompts.p50)) tokens for half, \(Words.whole(prompts.p95)) for the longest 5%",
        hits.map { "\(Words.percent($0)) of their tokens were found in the prefix cache" },
      ], means: "The engine reads the whole prompt before it writes the first token.",
      remedies: [
        "put what prompts have in common (instructions, documents) at their beginning, and send them to the same replica: "
          + "spec.plane.affinity: prefix",
        "check that the prefix cache is on (--enable-prefix-caching), and shorten prompts",
        "for long ones beside short ones, --max-num-batched-tokens in spec.engine.extraArgs bounds what one step reads",
      ])
  }

  private static let decode = DiagnosisRule("slow-tokens") { evidence in
    guard let between = evidence.requests?.betweenTokens, between.p50 >= slowToken else { return nil }
    let running = evidence.engines.compactMap(\.runningMean).max()
    return Finding(
      "slow-tokens", .slow, weight: min(1, between.p50 / 1000),
      "answers are written slowly: \(Words.time(between.p50)) a token",
      measured: [
        "between two tokens: \(Words.percentiles(between))",
        running.map { "up to \(Words.number($0)) requests at once on average in one engine" },
      ],
      means:
        "One step of the engine takes that long: the model is large for the hardware, or many requests share a step.",
      remedies: [
        "share it among fewer: spec.plane.concurrency, with more replicas",
        "or use a faster workloadType, or a smaller or quantized model",
      ])
  }

  /// One replica is much slower than the others.
  private static let slowReplica = DiagnosisRule("slow-replica") { evidence in
    let groups = (evidence.requests?.byReplica ?? []).filter { $0.requests >= enoughRequests && $0.meanBusy > 0 }
    guard groups.count >= 2, let worst = groups.max(by: { $0.meanBusy < $1.meanBusy }) else { return nil }
    let others = groups.filter { $0 != worst }.map(\.meanBusy).sorted()
    guard !others.isEmpty else { return nil }
    let usual = others[others.count / 2]
    guard worst.meanBusy >= 2 * usual, worst.meanBusy - usual >= 100 else { return nil }
    let all = groups.reduce(0) { $0 + $1.requests }
    let name = worst.name ?? "?"
    return Finding(
      "slow-replica", .slow, weight: 1 + Double(worst.requests) / Double(max(1, all)),
      "replica \(name) is \(Words.number(worst.meanBusy / max(usual, 1))) times as slow as the others",
      measured: [
        "a request takes \(Words.time(worst.meanBusy)) there, and \(Words.time(usual)) at the others, on average",
        "it answered \(worst.requests) of \(Words.count(all, "request"))",
      ],
      means:
        "Replicas of a launch do the same work; a slow one shares its cores or its GPU with something else, or its "
        + "GPU is throttled.",
      remedies: [
        "look at its machine's load (top, nvidia-smi: clocks and temperature)",
        "see its log: setpoint logs \(evidence.endpoint)", "give replicas cores of their own, or use fewer replicas",
      ])
  }

  private static let longAnswers = DiagnosisRule("long-answers") { evidence in
    guard let requests = evidence.requests, let latency = requests.latency, let first = requests.firstToken,
      let answers = requests.tokensOut, answers.p50 >= longPrompt, latency.p50 - first.p50 >= 0.8 * latency.p50
    else { return nil }
    return Finding(
      "long-answers", .note, weight: (latency.p50 - first.p50) / max(latency.p50, 1),
      "requests take long because answers are long",
      measured: [
        "answers: \(Words.whole(answers.p50)) tokens for half, \(Words.whole(answers.p95)) for the longest 5%",
        "a request: \(Words.percentiles(latency))",
      ], means: "Nothing waits; the time goes into writing.",
      remedies: ["set max_tokens in requests, or ask for shorter answers", "stream, so that callers can read along"])
  }
}
