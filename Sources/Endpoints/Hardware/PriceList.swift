/// The prices of hardware from a user's price file. Without one, no prices are known.
package struct PriceList: Hashable, Sendable {
  /// Such as `USD`.
  package let currency: String
  package let pricePerDBU: Double
  /// The date of the prices, such as `2026-08-22`.
  package let date: String
  /// The source of the prices.
  package let source: String
  package let isApproximate: Bool
  package let rates: [Rate]

  /// The rate of one workload type while it runs.
  package struct Rate: Hashable, Sendable {
    package let apiWord: String
    /// The cloud; nil for every cloud without its own rate.
    package let cloud: Cloud?
    package let dbuPerHour: Double
    package let unit: Unit

    package init(_ apiWord: String, on cloud: Cloud? = nil, dbuPerHour: Double, per unit: Unit = .replica) {
      self.apiWord = apiWord
      self.cloud = cloud
      self.dbuPerHour = dbuPerHour
      self.unit = unit
    }
  }

  /// The unit of a rate.
  package enum Unit: String, Hashable, Sendable, CaseIterable {
    case replica
    /// One unit of provisioned concurrency, of which a replica has four, as CPUs are billed
    /// (serving-api.md 6.4).
    case concurrency
  }

  package init(
    currency: String, pricePerDBU: Double, date: String, source: String, isApproximate: Bool = true, rates: [Rate]
  ) {
    self.currency = currency
    self.pricePerDBU = pricePerDBU
    self.date = date
    self.source = source
    self.isApproximate = isApproximate
    self.rates = rates
  }

  /// Returns the price of one replica for an hour; nil if the list does not have it.
  func hourOfReplica(_ apiWord: String, on cloud: Cloud?) -> Double? {
    let known = rates.filter { $0.apiWord == apiWord }
    guard
      let rate = known.first(where: { $0.cloud != nil && $0.cloud == cloud }) ?? known.first(where: { $0.cloud == nil })
    else { return nil }
    let units = rate.unit == .replica ? 1 : ReplicaRange.concurrencyOfReplica
    return rate.dbuPerHour * Double(units) * pricePerDBU
  }
}

extension PriceList {
  /// Returns the hourly cost of a config while nothing is being rolled out.
  ///
  /// - Parameter cloud: the workspace's cloud; if nil, only rates for every cloud apply.
  package func cost(of config: EndpointConfig, on cloud: Cloud?) -> HourlyCost {
    config.entities.reduce(HourlyCost.nothing) { $0 + cost(of: $1, on: cloud) }
  }

  private func cost(of entity: ServedEntity, on cloud: Cloud?) -> HourlyCost {
    guard let price = hourOfReplica(entity.workloadType, on: cloud) else {
      let place = cloud.map { $0 == .unknown ? "" : " on \($0.name)" } ?? ""
      return HourlyCost(least: 0, most: 0, gaps: ["no price for \(entity.workloadType)\(place)"])
    }
    guard let replicas = entity.replicas else {
      return HourlyCost(
        least: 0, most: 0, gaps: ["unknown number of replicas for size \(entity.workloadSize ?? "none")"])
    }
    return HourlyCost(
      least: entity.scaleToZero ? 0 : Double(replicas.least) * price, most: Double(replicas.most) * price)
  }
}

extension ServedEntity {
  /// The number of replicas at a workspace while the entity is not scaled to zero; nil if unknown.
  package var replicas: ReplicaRange? {
    concurrency.map { ReplicaRange(concurrency: $0) } ?? workloadSize.flatMap { ReplicaRange(size: $0) }
  }
}

/// The minimum and maximum cost per hour.
package struct HourlyCost: Hashable, Sendable {
  package let least: Double
  package let most: Double
  /// Descriptions of the missing parts, without repetition.
  package let gaps: [String]

  package init(least: Double, most: Double, gaps: [String] = []) {
    self.least = least
    self.most = most
    self.gaps = gaps
  }

  package static let nothing = HourlyCost(least: 0, most: 0)

  package static func + (one: HourlyCost, other: HourlyCost) -> HourlyCost {
    HourlyCost(
      least: one.least + other.least, most: one.most + other.most,
      gaps: one.gaps + other.gaps.filter { !one.gaps.contains($0) })
  }
}
