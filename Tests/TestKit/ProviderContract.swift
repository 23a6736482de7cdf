package import Endpoints
package import ServingAPI

/// What every provider guarantees, whatever is behind it. The double and the real providers run the same suite, so what
/// is tested against the double holds against a plane.
package struct ProviderContract: Sendable, CustomStringConvertible {
  package let name: String
  /// - Throws: ``ContractViolation``, or the provider's own error.
  package let check: @Sendable (ContractFixture) async throws -> Void

  package var description: String { name }
}

/// A provider to be tested, and models that it can serve.
package struct ContractFixture: Sendable {
  package let provider: any ServingProvider
  /// The name of an endpoint that does not exist yet and that the test may create.
  package let endpoint: String
  /// Two versions of a model that can be served, and one that is accepted and then fails.
  package let good: ServedEntity
  package let better: ServedEntity
  package let failing: ServedEntity
  /// The pause between two checks.
  package let pause: @Sendable () async throws -> Void
  /// How many checks an update may take.
  package let looks: Int

  package init(
    provider: any ServingProvider, endpoint: String, good: ServedEntity, better: ServedEntity, failing: ServedEntity,
    looks: Int = 100, pause: @escaping @Sendable () async throws -> Void = {}
  ) {
    self.provider = provider
    self.endpoint = endpoint
    self.good = good
    self.better = better
    self.failing = failing
    self.looks = looks
    self.pause = pause
  }
}

/// A provider does not do what the contract requires.
package struct ContractViolation: Error, CustomStringConvertible {
  package let description: String
}

extension ProviderContract {
  /// Every clause.
  package static let clauses: [ProviderContract] = [
    ProviderContract(name: "an endpoint that was never created is absent, and deleting it is not an error") { fixture in
      try expect(try await fixture.observe() == .absent, "absent")
      try await fixture.provider.delete(fixture.endpoint)
    },
    ProviderContract(name: "a created endpoint is visible at once, ready later, with config and tags") { fixture in
      let writeResponse = try await fixture.create([fixture.good], tags: ["setpoint-fleet": "f", "team": ""])
      try expect(!writeResponse.id.isEmpty && writeResponse.announcedVersion != nil, "a receipt with id and version")
      let endpoint = try await fixture.settled()
      try expect(endpoint.id == writeResponse.id, "the id of the receipt")
      try expect(endpoint.readiness == .ready && endpoint.update == .notUpdating, "ready and settled")
      try expect(endpoint.active?.version == writeResponse.announcedVersion, "the announced version")
      try expect(fixture.config(fixture.good).isMet(by: endpoint.active?.config), "the config that was sent")
      try expect(endpoint.tags["setpoint-fleet"] == "f" && endpoint.tags["team"] == "", "the tags that were sent")
    },
    ProviderContract(name: "a name in use is a conflict, and the endpoint is unchanged") { fixture in
      try await fixture.createAndSettle(fixture.good)
      try await expectError(.conflict) { _ = try await fixture.create([fixture.better]) }
      let endpoint = try await fixture.settled()
      try expect(fixture.config(fixture.good).isMet(by: endpoint.active?.config), "the first config")
    },
    ProviderContract(name: "an update announces the next version and then becomes active") { fixture in
      let before = try await fixture.createAndSettle(fixture.good)
      let writeResponse = try await fixture.provider.updateConfig(fixture.endpoint, to: fixture.config(fixture.better))
      try expect((writeResponse.announcedVersion ?? 0) > (before.active?.version ?? 0), "a higher version")
      let endpoint = try await fixture.settled()
      try expect(endpoint.active?.version == writeResponse.announcedVersion, "the announced version")
      try expect(fixture.config(fixture.better).isMet(by: endpoint.active?.config), "the config that was sent")
      try expect(endpoint.id == before.id, "the same endpoint")
      try expect(endpoint.lastUpdated >= before.lastUpdated, "a time that does not decrease")
    },
    ProviderContract(name: "a second update during an update is a conflict") { fixture in
      try await fixture.createAndSettle(fixture.good)
      _ = try await fixture.provider.updateConfig(fixture.endpoint, to: fixture.config(fixture.failing))
      try await expectError(.conflict) {
        _ = try await fixture.provider.updateConfig(fixture.endpoint, to: fixture.config(fixture.better))
      }
      _ = try await fixture.settled()
    },
    ProviderContract(name: "a failed update stays visible, says why, and leaves the old config answering") { fixture in
      let before = try await fixture.createAndSettle(fixture.good)
      _ = try await fixture.provider.updateConfig(fixture.endpoint, to: fixture.config(fixture.failing))
      for _ in 0..<2 {
        let endpoint = try await fixture.settled()
        try expect(endpoint.update == .failed, "a failure that stays")
        try expect(endpoint.readiness == .ready && endpoint.active == before.active, "the old config, ready")
      }
      let answer = try await fixture.ask()
      try expect(answer.status == 200, "a response of the old version, got \(answer.status): \(answer.text)")
    },
    ProviderContract(name: "after a failed update, another one may be sent") { fixture in
      try await fixture.createAndSettle(fixture.good)
      _ = try await fixture.provider.updateConfig(fixture.endpoint, to: fixture.config(fixture.failing))
      _ = try await fixture.settled()
      _ = try await fixture.provider.updateConfig(fixture.endpoint, to: fixture.config(fixture.better))
      let endpoint = try await fixture.settled()
      try expect(endpoint.update == .notUpdating, "no failure left")
      try expect(fixture.config(fixture.better).isMet(by: endpoint.active?.config), "the better config")
    },
    ProviderContract(name: "a failed first deployment leaves an endpoint that can be updated") { fixture in
      _ = try await fixture.create([fixture.failing])
      let failed = try await fixture.settled()
      try expect(failed.update == .failed && failed.active == nil && failed.readiness != .ready, "failed, no config")
      _ = try await fixture.provider.updateConfig(fixture.endpoint, to: fixture.config(fixture.good))
      let endpoint = try await fixture.settled()
      try expect(endpoint.readiness == .ready, "ready")
    },
    ProviderContract(name: "a tag patch sets and removes only the tags that it names") { fixture in
      try await fixture.createAndSettle(fixture.good, tags: ["a": "1", "b": "2", "c": "3"])
      try await fixture.provider.patchTags(fixture.endpoint, set: ["a": "9", "d": ""], remove: ["b", "never"])
      try await fixture.provider.patchTags(fixture.endpoint, set: [:], remove: [])
      let endpoint = try await fixture.settled()
      try expect(endpoint.tags == ["a": "9", "c": "3", "d": ""], "tags a=9, c=3, d; got \(endpoint.tags)")
      try expect(endpoint.active?.version == 1, "no new config version")
    },
    ProviderContract(name: "the list shows each endpoint with its tags and states") { fixture in
      let endpoint = try await fixture.createAndSettle(fixture.good, tags: ["a": "1"])
      let item = try await fixture.provider.list().first { $0.name == fixture.endpoint }
      try expect(item?.id == endpoint.id && item?.tags == ["a": "1"], "the endpoint in the list")
      try expect(item?.readiness == .ready && item?.update == .notUpdating, "its states")
    },
    ProviderContract(name: "a deleted endpoint is absent, and its name can be used for a new one") { fixture in
      let first = try await fixture.createAndSettle(fixture.good)
      try await fixture.provider.delete(fixture.endpoint)
      try expect(try await fixture.observe() == .absent, "absent")
      let second = try await fixture.createAndSettle(fixture.good)
      try expect(second.id != first.id, "another id")
    },
    ProviderContract(name: "a change to a missing endpoint reports that it is missing") { fixture in
      try await expectError(.notFound) {
        _ = try await fixture.provider.updateConfig(fixture.endpoint, to: fixture.config(fixture.good))
      }
      try await expectError(.notFound) {
        try await fixture.provider.patchTags(fixture.endpoint, set: ["a": "1"], remove: [])
      }
      try await expectError(.notFound) { _ = try await fixture.provider.details(fixture.endpoint) }
    },
    ProviderContract(name: "an endpoint answers, and names the served entity that answered") { fixture in
      try await fixture.createAndSettle(fixture.good)
      let whole = try await fixture.ask()
      try expect(whole.status == 200 && !whole.text.isEmpty, "an answer, got \(whole.status): \(whole.text)")
      try expect(
        whole.servedEntity == fixture.good.name, "the served entity's name, got \(whole.servedEntity ?? "none")")
      let pinned = try await fixture.ask(entity: fixture.good.name)
      try expect(pinned.status == 200, "an answer of the entity, got \(pinned.status): \(pinned.text)")
      let unknown = try await fixture.ask(entity: "no-such-entity")
      try expect(unknown.status == 404, "404 for an unknown entity, got \(unknown.status)")
    },
    ProviderContract(name: "an answer can be streamed") { fixture in
      try await fixture.createAndSettle(fixture.good)
      var text = ""
      for try await piece in try await fixture.provider.streamChat(fixture.endpoint, entity: nil, prompt: "Hello?") {
        text += piece
      }
      try expect(!text.isEmpty, "some text")
    },
    ProviderContract(name: "logs of a served entity can be read") { fixture in
      try await fixture.createAndSettle(fixture.good)
      let logs = try await fixture.provider.logs(fixture.endpoint, entity: fixture.good.name)
      try expect(!logs.isEmpty, "some log")
      _ = try await fixture.provider.buildLogs(fixture.endpoint, entity: fixture.good.name)
    },
  ]
}

extension ContractFixture {
  func config(_ entity: ServedEntity) -> EndpointConfig { EndpointConfig(entities: [entity]) }

  func observe() async throws -> Observed { try await provider.observe(endpoint) }

  func ask(entity: String? = nil) async throws -> ChatAnswer {
    try await provider.ask(endpoint, entity: entity, prompt: "Hello?", timeout: .seconds(120))
  }

  func create(_ entities: [ServedEntity], tags: [String: String] = [:]) async throws -> WriteResponse {
    switch try await provider.create(endpoint, config: EndpointConfig(entities: entities), tags: tags) {
    case .created(let writeResponse): return writeResponse
    case .alreadyThere: throw ContractViolation(description: "created, not already there")
    }
  }

  @discardableResult
  func createAndSettle(_ entity: ServedEntity, tags: [String: String] = [:]) async throws -> ObservedEndpoint {
    _ = try await create([entity], tags: tags)
    let endpoint = try await settled()
    try expect(endpoint.readiness == .ready, "ready after its first deployment, got \(endpoint)")
    return endpoint
  }

  /// Checks until no update is in progress.
  func settled() async throws -> ObservedEndpoint {
    for _ in 0..<looks {
      guard case .present(let found) = try await observe() else {
        throw ContractViolation(description: "the endpoint while it is updating, got none")
      }
      if !found.update.isUpdating { return found }
      try await pause()
    }
    throw ContractViolation(description: "an end of the update within \(looks) looks")
  }
}

extension EndpointConfig {
  fileprivate func isMet(by live: EndpointConfig?) -> Bool { live.map { isMet(by: $0) } ?? false }
}

private func expect(_ condition: Bool, _ what: String) throws {
  if !condition { throw ContractViolation(description: "expected: \(what)") }
}

private func expectError(_ kind: ServingError.Kind, _ body: () async throws -> Void) async throws {
  do {
    try await body()
  } catch let error as ServingError where error.kind == kind {
    return
  }
  throw ContractViolation(description: "expected: an error of kind \(kind.rawValue), got none")
}
