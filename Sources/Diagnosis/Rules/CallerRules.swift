/// What callers do.
enum CallerRules {
  /// From this fraction of the requests on, failures of one kind are a cause.
  static let manyErrors = 0.05
  /// The part of the replicas' time of one caller that is too much while others wait.
  static let mostOfIt = 0.5

  static let all = [dominantCaller, rateLimited, clientErrors, clientsLeft, notPermitted, wrongName]

  /// A caller who keeps the replicas busy while requests wait.
  private static let dominantCaller = DiagnosisRule("dominant-caller") { evidence in
    guard let requests = evidence.requests, requests.byPrincipal.count >= 2 else { return nil }
    let busy = requests.byPrincipal.reduce(0) { $0 + $1.busy }
    guard busy > 0, let top = requests.byPrincipal.max(by: { $0.busy < $1.busy }) else { return nil }
    let share = top.busy / busy
    let refused = requests.count { $0.kind == .queueFull || $0.kind == .waitedTooLong }
    let isShort = (requests.queue?.p95 ?? 0) >= LatencyRules.longWait || refused > 0
    guard share >= mostOfIt, isShort else { return nil }
    let all = requests.byPrincipal.reduce(0) { $0 + $1.requests }
    let who = top.name.map { "\"\($0)\"" } ?? "one caller"
    return Finding(
      "dominant-caller", .slow, weight: 2 + share,
      "\(who) takes \(Words.percent(share)) of the replicas' time, and other requests wait",
      measured: [
        "\(top.requests) of \(Words.count(all, "request")) are from \(who), of \(requests.byPrincipal.count) callers",
        "they took \(Words.time(top.busy)) of \(Words.time(busy)) at replicas, and \(top.tokens) tokens",
        requests.queue.map { "the wait for a replica: \(Words.percentiles($0))" },
      ],
      means: "Waiting callers take turns, but a long request keeps its place at a replica until it ends.",
      remedies: [
        "limit it: spec.gateway.rateLimits with tokens for that user, and setpoint apply",
        "or give it an endpoint of its own, or add replicas",
        "see what it sends: setpoint requests \(evidence.endpoint) --slowest",
      ])
  }

  private static let rateLimited = DiagnosisRule("rate-limited") { evidence in
    guard let requests = evidence.requests else { return nil }
    let count = requests.count { $0.kind == .rateLimit }
    let share = requests.share(count)
    guard share >= CapacityRules.noticeable else { return nil }
    return Finding(
      "rate-limited", .slow, weight: share,
      "\(Words.percent(share)) of the requests are beyond a rate limit, and get 429",
      measured: [
        "\(count) of \(Words.count(requests.total, "request"))",
        requests.example { $0.kind == .rateLimit }.map { "such as: \($0)" },
        "\(Words.count(evidence.settings.rateLimits, "limit")) in spec.gateway.rateLimits",
      ], means: "The endpoint's own settings refuse them; the replicas may be idle.",
      remedies: [
        "raise the limit, or give the caller one of its own: spec.gateway.rateLimits",
        "or slow the client down: it should wait for Retry-After",
      ])
  }

  private static let clientErrors = DiagnosisRule("client-errors") { evidence in
    let isMeant: (RequestEvidence.Outcome) -> Bool = { outcome in
      (400..<499).contains(outcome.status) && ![401, 403, 429].contains(outcome.status)
    }
    return share(evidence, isMeant) { count, share, requests in
      Finding(
        "client-errors", share >= 0.5 ? .failing : .slow, weight: share,
        "\(Words.percent(share)) of the requests are invalid (4xx)",
        measured: [
          "\(count) of \(Words.count(requests.total, "request"))", requests.example(isMeant).map { "such as: \($0)" },
        ], means: "The clients ask for what the endpoint cannot do; a retry fails again.",
        remedies: [
          "see them: setpoint requests \(evidence.endpoint) --failed",
          "too long prompts need a larger spec.engine.maxModelLen; tools need --enable-auto-tool-choice and "
            + "--tool-call-parser in spec.engine.extraArgs",
        ])
    }
  }

  private static let clientsLeft = DiagnosisRule("clients-gave-up") { evidence in
    share(evidence, { $0.status == 499 }) { count, share, requests in
      Finding(
        "clients-gave-up", .slow, weight: share, "\(Words.percent(share)) of the callers left before the answer",
        measured: [
          "\(count) of \(Words.count(requests.total, "request"))",
          requests.latency.map { "a request takes \(Words.percentiles($0))" },
        ],
        means:
          "Their time limits are shorter than the answers take. A client that then retries makes the queue longer.",
        remedies: [
          "raise the clients' time limits (the Databricks SDK's is 60 s), or stream",
          "or make answers faster: the other causes say where the time goes",
        ])
    }
  }

  private static let notPermitted = DiagnosisRule("not-permitted") { evidence in
    share(evidence, { $0.status == 401 || $0.status == 403 }) { count, share, requests in
      Finding(
        "not-permitted", .slow, weight: share,
        "\(Words.percent(share)) of the requests are from callers who may not query",
        measured: [
          "\(count) of \(Words.count(requests.total, "request"))",
          requests.example { $0.status == 401 || $0.status == 403 }.map { "such as: \($0)" },
        ], means: "Their token has no CAN_QUERY on this endpoint.",
        remedies: [
          "grant it with spec.access, or setpoint tokens create NAME --can query --endpoint \(evidence.endpoint)"
        ])
    }
  }

  /// Nothing arrives, and somebody asks for an endpoint that does not exist.
  private static let wrongName = DiagnosisRule("wrong-name") { evidence in
    guard let requests = evidence.requests, requests.total == 0, let unrouted = requests.unrouted, unrouted > 0 else {
      return nil
    }
    let names = requests.unroutedNames.map { "\"\($0)\"" }.joined(separator: ", ")
    return Finding(
      "wrong-name", .slow, weight: 0.8,
      "no request reached \(evidence.endpoint), but callers ask for endpoints that do not exist",
      measured: [
        "no request in the last \(Words.time(evidence.window))",
        "\(Words.count(unrouted, "request")) for unknown endpoints" + (names.isEmpty ? "" : ", such as \(names)"),
      ], means: "A client may have a wrong name or path.",
      remedies: [
        "use /serving-endpoints/\(evidence.endpoint)/invocations, or \"model\": \"\(evidence.endpoint)\" with "
          + "/serving-endpoints as the OpenAI client's base URL",
        "check it from here: setpoint query \(evidence.endpoint)",
      ])
  }

  private static func share(
    _ evidence: Evidence, _ isMeant: (RequestEvidence.Outcome) -> Bool,
    _ make: (_ count: Int, _ share: Double, _ requests: RequestEvidence) -> Finding
  ) -> Finding? {
    guard let requests = evidence.requests else { return nil }
    let count = requests.count(isMeant)
    let share = requests.share(count)
    return share >= manyErrors ? make(count, share, requests) : nil
  }
}
