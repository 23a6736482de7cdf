internal import LibYAML

extension Manifest {
  /// Returns findings about the manifest's numbers, for planes and workspaces alike.
  package func limitFindings(_ rules: RuleBook = .standard) -> [Finding] {
    [tooLong(rules), tooMany(rules), tooManyTags(rules)].compactMap(\.self)
      + entities.flatMap { $0.unevenConcurrency(rules) }
  }

  /// Returns findings about the manifest's hardware at a workspace, by the rules in force, in the order of its
  /// entities.
  package func hardwareFindings(on site: WorkspaceSite, rules: RuleBook = .standard) -> [Finding] {
    var findings: [Finding?] = []
    for entity in entities {
      findings += [
        entity.missingHardware(site, rules), entity.unlistedHardware(site, rules), entity.gatedHardware(site, rules),
        entity.otherRegion(site, rules), entity.h100ToZero(rules), entity.autoscaling(rules),
      ]
    }
    findings.append(routeOptimizedLLM(rules))
    return findings.compactMap(\.self)
  }

  /// Checks route optimization: custom LLM serving does not support it; other models on accelerators do.
  private func routeOptimizedLLM(_ rules: RuleBook) -> Finding? {
    guard sideSettings.creation.routeOptimized == true, entities.contains(where: { !Workload.isCPU($0.workloadType) })
    else { return nil }
    return rules.finding(
      .routeOptimizedLLM, at: location, path: "spec.routeOptimized",
      "a model with its own entrypoint does not support route optimization",
      suggestion: "if your model has one, set this to false")
  }

  private func tooLong(_ rules: RuleBook) -> Finding? {
    let most = rules.limit(of: .nameLength)
    guard name.utf8.count > most else { return nil }
    return rules.finding(
      .nameLength, at: location, path: "metadata.name",
      "has \(name.utf8.count) characters; providers accept at most \(most)", suggestion: "shorten it")
  }

  private func tooMany(_ rules: RuleBook) -> Finding? {
    let most = rules.limit(of: .maxServedEntities)
    guard entities.count > most else { return nil }
    return rules.finding(
      .maxServedEntities, at: location, path: "spec.servedEntities",
      "has \(entities.count) entities; providers accept at most \(most)", suggestion: "split it into several endpoints")
  }
}

extension Manifest {
  private func tooManyTags(_ rules: RuleBook) -> Finding? {
    let most = rules.limit(of: .maxTags)
    let (tags, own) = (sideSettings.tags.count, ownTags)
    guard tags > 0, tags + own > most else { return nil }
    return rules.finding(
      .maxTags, at: location, path: "spec.tags",
      "has \(tags) tags, and Setpoint adds \(own) of its own; an endpoint can have at most \(most)",
      suggestion: "remove some")
  }

  /// The number of tags that Setpoint writes at least: the fleet, the owned keys, the retention, and the managed
  /// settings.
  private var ownTags: Int {
    let settings = sideSettings
    let hasMore =
      settings.gateway != nil || settings.notifications != nil || settings.telemetry != nil || settings.access != nil
    return 2 + (deletionPolicy == .retain ? 1 : 0) + (hasMore ? 1 : 0)
  }
}

extension ManifestEntity {
  private var workloadPath: String { path + ".workloadType" }

  /// Checks for a friendly name of hardware that the cloud does not have.
  fileprivate func missingHardware(_ site: WorkspaceSite, _ rules: RuleBook) -> Finding? {
    guard Workload.isFriendly(workloadWord), site.cloud != .unknown,
      !HardwareOffer.offers(on: site.cloud).contains(where: { $0.word == workloadWord })
    else { return nil }
    let meaning = HardwareOffer.of(workloadType, on: site.cloud).map {
      "; \(workloadType) is \($0.hardware) there"
    }
    return rules.finding(
      .hardwareOfCloud, at: workloadLocation, path: workloadPath,
      "\(site.cloud.name) has no \(workloadWord)" + (meaning ?? ""), suggestion: Self.choices(on: site.cloud))
  }

  /// Checks for an API name that other clouds have and this one does not.
  fileprivate func unlistedHardware(_ site: WorkspaceSite, _ rules: RuleBook) -> Finding? {
    guard !Workload.isFriendly(workloadWord), site.cloud != .unknown, HardwareOffer.isKnown(workloadType),
      HardwareOffer.of(workloadType, on: site.cloud) == nil
    else { return nil }
    return rules.finding(
      .unlistedHardware, at: workloadLocation, path: workloadPath,
      "\(workloadType) is not listed for \(site.cloud.name)", suggestion: Self.choices(on: site.cloud))
  }

  private static func choices(on cloud: Cloud) -> String {
    "it has " + HardwareOffer.offers(on: cloud).map(\.description).joined(separator: ", ")
  }

  fileprivate func gatedHardware(_ site: WorkspaceSite, _ rules: RuleBook) -> Finding? {
    guard let offer = HardwareOffer.of(workloadType, on: site.cloud), let gate = offer.gate else { return nil }
    return rules.finding(
      .betaEnrolment, at: workloadLocation, path: workloadPath, "not every workspace has \(offer.description): \(gate)",
      suggestion: "request it before you rely on it")
  }

  fileprivate func otherRegion(_ site: WorkspaceSite, _ rules: RuleBook) -> Finding? {
    guard let region = site.region, let offer = HardwareOffer.of(workloadType, on: site.cloud), !offer.regions.isEmpty,
      !offer.regions.contains(region)
    else { return nil }
    return rules.finding(
      .regionOfWorkload, at: workloadLocation, path: workloadPath, "\(offer.description) is not listed for \(region)",
      suggestion: "it is listed for \(offer.regions.sorted().joined(separator: ", "))")
  }

  /// Checks scale to zero on an H100: one field report says that workspaces refuse it, the documentation does not
  /// (serving-api.md Q49).
  fileprivate func h100ToZero(_ rules: RuleBook) -> Finding? {
    guard scaleToZero, workloadType.hasPrefix("GPU_XLARGE") else { return nil }
    return rules.finding(
      .h100ScaleToZero, at: workloadLocation, path: path + ".scaleToZero",
      "some workspaces refuse scaleToZero on an H100", suggestion: "if your workspace does, set this to false")
  }

  /// Checks autoscaling: field reports say that it is refused for a model with its own entrypoint (serving-api.md Q50).
  fileprivate func autoscaling(_ rules: RuleBook) -> Finding? {
    guard !Workload.isCPU(workloadType),
      let replicas = concurrency.map({ ReplicaRange(concurrency: $0) }) ?? size.flatMap({ ReplicaRange(size: $0) }),
      replicas.least < replicas.most
    else { return nil }
    return rules.finding(
      .customLLMAutoscaling, at: sizeLocation, path: path + (concurrency == nil ? ".size" : ".concurrency"),
      "\(size ?? "this") is \(replicas); a model with its own entrypoint may get \(replicas.least) that do not scale, "
        + "or be refused",
      suggestion: concurrency == nil ? "use Small to be safe" : "set min equal to max to be safe")
  }

  /// Checks concurrency: workspaces refuse numbers that are not multiples of four (serving-api.md Q11).
  fileprivate func unevenConcurrency(_ rules: RuleBook) -> [Finding] {
    guard let concurrency else { return [] }
    let (step, most) = (rules.limit(of: .concurrencyInFours), rules.limit(of: .maxConcurrency))
    return [("min", concurrency.min), ("max", concurrency.max)].flatMap { name, number -> [Finding] in
      let path = "\(path).concurrency.\(name)"
      var findings: [Finding?] = []
      if !number.isMultiple(of: step) {
        let below = number / step * step
        let choice =
          below == 0 ? "write \(step)" : below > .max - step ? "write \(below)" : "write \(below) or \(below + step)"
        findings.append(
          rules.finding(
            .concurrencyInFours, at: sizeLocation, path: path, "\(number) is not a multiple of \(step)",
            suggestion: choice
          ))
      }
      if number > most {
        findings.append(
          rules.finding(
            .maxConcurrency, at: sizeLocation, path: path, "\(number) exceeds the limit of \(most) for a model",
            suggestion: "request a higher limit before you rely on it"))
      }
      return findings.compactMap(\.self)
    }
  }
}
