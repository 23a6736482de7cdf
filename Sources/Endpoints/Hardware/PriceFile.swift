internal import LibYAML

/// Reads a price file: one YAML document, defined by a field table like manifests.
package enum PriceFile {
  /// The result of reading a price file.
  package struct Outcome: Sendable {
    /// The prices; nil if there is an error among the findings.
    package let prices: PriceList?
    package let findings: [Finding]
  }

  package static let kind = "Prices"

  /// - Parameter file: the file name for positions.
  package static func read(_ bytes: [UInt8], file: String) -> Outcome {
    let source = SourceFile(file)
    let documents: [YAMLDocument]
    do throws(YAMLError) { documents = try YAMLParser.documents(in: bytes, file: file) } catch {
      return Outcome(prices: nil, findings: [Finding(at: error.location, error.message)])
    }
    let filled = documents.compactMap(\.root)
    guard let root = filled.first else {
      return refused(SourceLocation(whole: file), "the file is empty")
    }
    guard filled.count == 1 else {
      return refused(
        SourceLocation(source: source, mark: filled[1].mark),
        "a price file must be one document; a second one begins here")
    }
    guard root.mapping != nil else {
      return refused(SourceLocation(source: source, mark: root.mark), "expected a mapping with kind: \(kind)")
    }
    var reader = RecordReader(root: document, source: source)
    guard let record = reader.read(root) else { return Outcome(prices: nil, findings: reader.findings) }
    var findings = reader.findings
    let prices = prices(record, &findings)
    return Outcome(
      prices: findings.contains { $0.severity == .error } ? nil : prices,
      findings: findings.sorted {
        $0.location < $1.location
      })
  }

  private static func refused(_ location: SourceLocation, _ message: String) -> Outcome {
    Outcome(
      prices: nil, findings: [Finding(at: location, message, suggestion: "docs/hardware.md shows a price file")])
  }

  // MARK: - Its fields

  package static let document = ObjectType([
    Field("kind", .word([kind]), .required, example: "kind: \(kind)"),
    // The currency of all prices; only printed.
    Field("currency", .text(.word), .required, example: "currency: USD"),
    // The price of one Databricks unit.
    Field("pricePerDBU", .number(amount), .required, otherNames: ["price", "dbuPrice"], example: "pricePerDBU: 0.07"),
    // The date of the prices, in quotes.
    Field("date", .text(day), .required, example: "date: \"2026-08-22\""),
    // The source of the prices.
    Field("source", .text(.prompt), .required, example: "source: our contract"),
    // Whether figures are marked as approximate. Default: true.
    Field("approximate", .boolean, otherNames: ["isApproximate"]),
    // The rates, by hardware.
    Field("workloads", .list(.object(workload), atMost: 1000), .required, otherNames: ["rates", "hardware"]),
  ])

  private static let workload = ObjectType([
    // The API's name, or a friendly one such as A10.
    Field(
      "workloadType", .openWord(Workload.words, noun: "workload type"), .required,
      otherNames: ["workload_type", "gpu"], example: "workloadType: GPU_MEDIUM"),
    // The cloud of the rate. Default: every cloud without its own rate.
    Field("cloud", .word(Cloud.named.map(\.rawValue))),
    // Databricks units (DBUs) per hour while it runs.
    Field(
      "dbuPerHour", .number(amount), .required, otherNames: ["dbu", "dbus", "dbu_per_hour"], example: "dbuPerHour: 20"),
    // Whether the rate is per replica or per unit of concurrency; a replica has 4 units. Default: replica.
    Field("per", .word(PriceList.Unit.allCases.map(\.rawValue))),
    // The source of this rate, for readers of the file.
    Field("source", .text(.any)),
  ])

  private static let amount = NumberRange(above: 0, upTo: 1_000_000, includesLower: true)

  private static let day = TextRule { text in
    let parts = text.split(separator: "-", omittingEmptySubsequences: false)
    let isDay =
      parts.map(\.utf8.count) == [4, 2, 2] && parts.allSatisfy { $0.utf8.allSatisfy { (0x30...0x39).contains($0) } }
    return isDay ? nil : Fault("\(shown(text)) is not a date", suggestion: "for example \"2026-08-22\"")
  }

  // MARK: - Its meaning

  private static func prices(_ record: Record, _ findings: inout [Finding]) -> PriceList? {
    var rates: [PriceList.Rate] = []
    for (index, slot) in (record.list("workloads") ?? []).enumerated() {
      guard let item = slot.record, let word = item.text("workloadType"), let dbu = item.number("dbuPerHour") else {
        continue
      }
      let rate = PriceList.Rate(
        Workload.apiWord(word), on: item.text("cloud").flatMap { Cloud(word: $0) }, dbuPerHour: dbu,
        per: item.text("per").flatMap(PriceList.Unit.init) ?? .replica)
      if rates.contains(where: { $0.apiWord == rate.apiWord && $0.cloud == rate.cloud }) {
        findings.append(
          Finding(
            at: item.location(of: "workloadType") ?? item.location, path: "workloads[\(index)].workloadType",
            "\(rate.apiWord) already has a rate" + (rate.cloud.map { " for \($0.name)" } ?? ""),
            suggestion: "keep one of them"))
      }
      rates.append(rate)
    }
    guard let currency = record.text("currency"), let price = record.number("pricePerDBU"),
      let date = record.text("date"), let source = record.text("source")
    else { return nil }
    return PriceList(
      currency: currency, pricePerDBU: price, date: date, source: source,
      isApproximate: record.boolean("approximate") ?? true, rates: rates)
  }
}
