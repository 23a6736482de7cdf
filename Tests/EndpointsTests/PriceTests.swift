import Endpoints
import Testing

@Suite struct `Prices` {
  private let text = """
    kind: Prices
    currency: USD
    pricePerDBU: 0.07
    date: "2026-08-22"
    source: public pages
    workloads:
      - {workloadType: CPU, dbuPerHour: 1, per: concurrency}
      - {workloadType: A10, cloud: aws, dbuPerHour: 20}
      - {workloadType: GPU_LARGE, cloud: azure, dbuPerHour: 78.6, source: official}
      - {workloadType: GPU_SMALL, dbuPerHour: 10.48}
      - {workloadType: T4, cloud: gcp, dbuPerHour: 1000}
    """

  private func read(_ text: String) -> PriceFile.Outcome { PriceFile.read(Array(text.utf8), file: "p.yaml") }

  private func entity(
    _ type: String, size: String = "Small", zero: Bool = false, version: String = "1", traffic: Int = 100
  ) -> ServedEntity {
    ServedEntity(
      entityName: "m", entityVersion: version, workloadType: type, workloadSize: size, scaleToZero: zero,
      traffic: traffic)
  }

  @Test func `a price file has a currency, prices, a date and a source`() throws {
    let outcome = read(text)
    #expect(outcome.findings.isEmpty, "\(outcome.findings)")
    let prices = try #require(outcome.prices)
    #expect(prices.currency == "USD" && prices.pricePerDBU == 0.07 && prices.date == "2026-08-22")
    #expect(prices.source == "public pages" && prices.isApproximate)
    #expect(prices.rates.count == 5)
    #expect(prices.rates.last == PriceList.Rate("GPU_SMALL", on: .gcp, dbuPerHour: 1000))
    #expect(try #require(read(text + "\napproximate: false").prices).isApproximate == false)
  }

  @Test(arguments: [
    ("CPU", "Small", false, Cloud.aws, 0.28, 0.28), ("CPU", "Medium", false, .gcp, 0.56, 1.12),
    ("GPU_MEDIUM", "Small", false, .aws, 1.4, 1.4), ("GPU_MEDIUM", "Small", true, .aws, 0, 1.4),
    ("GPU_MEDIUM", "Medium", false, .aws, 2.8, 5.6), ("GPU_LARGE", "Large", true, .azure, 0, 88.032),
    ("GPU_SMALL", "Small", false, .azure, 0.7336, 0.7336), ("GPU_SMALL", "Small", false, .gcp, 70, 70),
  ]) func `the cost of an hour is replicas times units times price`(
    type: String, size: String, zero: Bool, cloud: Cloud, least: Double, most: Double
  ) throws {
    let config = EndpointConfig(entities: [entity(type, size: size, zero: zero)])
    let cost = try #require(read(text).prices).cost(of: config, on: cloud)
    #expect(abs(cost.least - least) < 1e-9 && abs(cost.most - most) < 1e-9, "\(cost)")
    #expect(cost.gaps.isEmpty)
  }

  @Test func `every entity is billed, whatever its share of traffic`() throws {
    let config = EndpointConfig(entities: [
      entity("GPU_MEDIUM", version: "1", traffic: 100), entity("GPU_MEDIUM", zero: true, version: "2", traffic: 0),
    ])
    let cost = try #require(read(text).prices).cost(of: config, on: .aws)
    #expect(abs(cost.least - 1.4) < 1e-9 && abs(cost.most - 2.8) < 1e-9)
  }

  @Test func `hardware without a price is reported once, and the rest is counted`() throws {
    let config = EndpointConfig(entities: [
      entity("GPU_X", version: "1"), entity("GPU_X", version: "2"), entity("GPU_LARGE", version: "3"),
      entity("CPU", size: "Huge", version: "4"), entity("GPU_SMALL", version: "5"),
    ])
    let cost = try #require(read(text).prices).cost(of: config, on: .aws)
    #expect(
      cost.gaps == [
        "no price for GPU_X on AWS", "no price for GPU_LARGE on AWS", "unknown number of replicas for size Huge",
      ])
    #expect(abs(cost.most - 0.7336) < 1e-9)
    let nowhere = try #require(read(text).prices).cost(of: EndpointConfig(entities: [entity("GPU_MEDIUM")]), on: nil)
    #expect(nowhere.gaps == ["no price for GPU_MEDIUM"])
  }

  @Test(arguments: [
    ("", "p.yaml: error: the file is empty; docs/hardware.md shows a price file"),
    ("- a", "p.yaml:1:1: error: expected a mapping with kind: Prices; docs/hardware.md shows a price file"),
    ("kind: [", "p.yaml:2:1: error: "),
    (
      "kind: Prices\n---\nkind: Prices",
      "p.yaml:3:1: error: a price file must be one document; a second one begins here"
    ),
  ]) func `a file that is not a price file is refused with the location`(text: String, message: String) {
    let outcome = read(text)
    #expect(outcome.prices == nil)
    #expect(outcome.findings.first?.description.hasPrefix(message) == true, "\(outcome.findings)")
  }

  @Test func `every error of a price file is found in one pass`() {
    let bad = """
      kind: Prices
      currency: USD
      pricePerDBU: cheap
      date: 2026-8-1
      workloads:
        - {workloadType: A10, dbuPerHour: -1}
        - {workloadType: A10, cloud: ibm, dbuPerHour: 2}
        - {workloadType: T4, dbuPerHours: 2}
        - {workloadType: GPU_SMALL, dbuPerHour: 2}
        - {workloadType: T4, dbuPerHour: 3}
      """
    let outcome = read(bad)
    #expect(outcome.prices == nil)
    let found = outcome.findings.map { String($0.description.dropFirst("p.yaml:".count)) }
    for expected in [
      "1:1: error: source: required, but missing", "3:14: error: pricePerDBU: ", "4:7: error: date: ",
      "6:37: error: workloads[0].dbuPerHour: ", "7:32: error: workloads[1].cloud: ",
      "8:24: error: workloads[2].dbuPerHours: unknown field; did you mean \"dbuPerHour\"?",
      "10:20: error: workloads[4].workloadType: GPU_SMALL already has a rate; keep one of them",
    ] {
      #expect(found.contains { $0.hasPrefix(expected) }, "\(expected) is not in \(found)")
    }
    #expect(outcome.findings == outcome.findings.sorted { $0.location < $1.location })
  }
}
