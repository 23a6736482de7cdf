/// A strict parser of the Prometheus text format 0.0.4, as far as needed to check that a text follows its rules.
package struct Exposition {
  package struct Sample: Hashable {
    package let name: String
    package let labels: [String: String]
    package let value: Double
  }

  package struct Family {
    package let type: String
    package let help: String
    package var samples: [Sample] = []
  }

  package struct Broken: Error, CustomStringConvertible {
    package let description: String
  }

  package private(set) var families: [String: Family] = [:]

  package init(_ text: String) throws {
    guard text.last == "\n" else { throw Broken(description: "the last line does not end") }
    var help: (name: String, text: String)?
    var current: String?
    for line in text.split(separator: "\n", omittingEmptySubsequences: false).dropLast() {
      if line.hasPrefix("# HELP ") {
        let parts = line.dropFirst(7).split(separator: " ", maxSplits: 1)
        guard parts.count == 2, help == nil else { throw Broken(description: "help: \(line)") }
        help = (String(parts[0]), String(parts[1]))
      } else if line.hasPrefix("# TYPE ") {
        let parts = line.dropFirst(7).split(separator: " ")
        guard parts.count == 2, let told = help, told.name == parts[0] else {
          throw Broken(description: "type: \(line)")
        }
        guard ["counter", "gauge", "histogram"].contains(parts[1]) else { throw Broken(description: "type: \(line)") }
        guard families[told.name] == nil else { throw Broken(description: "\(told.name) occurs twice") }
        guard Self.isName(told.name) else { throw Broken(description: "name: \(told.name)") }
        families[told.name] = Family(type: String(parts[1]), help: told.text)
        current = told.name
        help = nil
      } else {
        guard let current, help == nil else { throw Broken(description: "a sample without a family: \(line)") }
        try add(Self.sample(line), to: current)
      }
    }
    guard help == nil else { throw Broken(description: "a help without a type") }
    for (name, family) in families where family.type == "histogram" { try Self.check(name, family) }
  }

  /// The value of the one sample with these labels.
  package subscript(name: String, labels: [String: String]) -> Double? {
    let family =
      families[name] ?? families.first { name.hasPrefix($0.key + "_") && $0.value.type == "histogram" }?.value
    return family?.samples.first { $0.name == name && $0.labels == labels }?.value
  }

  package subscript(name: String) -> Double? { self[name, [:]] }

  private mutating func add(_ sample: Sample, to family: String) throws {
    let suffixes = families[family]?.type == "histogram" ? ["_bucket", "_sum", "_count"] : [""]
    guard suffixes.contains(where: { sample.name == family + $0 }) else {
      throw Broken(description: "\(sample.name) stands under \(family)")
    }
    let isNew = families[family]?.samples.contains { $0.name == sample.name && $0.labels == sample.labels } == false
    guard isNew else { throw Broken(description: "\(sample) occurs twice") }
    families[family]?.samples.append(sample)
  }

  /// `name{a="1",b="2"} 3`
  private static func sample(_ line: Substring) throws -> Sample {
    var rest = line[...]
    let name = rest.prefix { $0 != "{" && $0 != " " }
    rest = rest.dropFirst(name.count)
    guard isName(String(name)) else { throw Broken(description: "name: \(line)") }
    var labels: [String: String] = [:]
    if rest.first == "{" {
      repeat {
        rest = rest.dropFirst()
        let label = rest.prefix { $0.isLetter || $0.isNumber || $0 == "_" }
        rest = rest.dropFirst(label.count)
        guard !label.isEmpty, rest.hasPrefix("=\"") else { throw Broken(description: "label: \(line)") }
        rest = rest.dropFirst(2)
        guard labels.updateValue(try value(&rest), forKey: String(label)) == nil else {
          throw Broken(description: "a label twice: \(line)")
        }
      } while rest.first == ","
      guard rest.first == "}" else { throw Broken(description: "the labels do not end: \(line)") }
      rest = rest.dropFirst()
    }
    guard rest.first == " ", let number = number(rest.dropFirst()) else { throw Broken(description: "value: \(line)") }
    return Sample(name: String(name), labels: labels, value: number)
  }

  /// A label's value up to its closing quotation mark, which is consumed too.
  private static func value(_ rest: inout Substring) throws -> String {
    var value = ""
    while let next = rest.popFirst() {
      switch next {
      case "\"": return value
      case "\\":
        switch rest.popFirst() {
        case "n": value += "\n"
        case "\\": value += "\\"
        case "\"": value += "\""
        default: throw Broken(description: "an escape that does not exist")
        }
      default: value.append(next)
      }
    }
    throw Broken(description: "a label's value does not end")
  }

  private static func number(_ text: Substring) -> Double? {
    switch text {
    case "+Inf": .infinity
    case "-Inf": -.infinity
    case "NaN": .nan
    default: text.contains(where: \.isLetter) && !text.contains("e") ? nil : Double(text)
    }
  }

  private static func isName(_ name: String) -> Bool {
    name.first.map { $0.isASCII && ($0.isLetter || $0 == "_") } == true
      && name.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "_" || $0 == ":") }
  }

  /// The buckets of each series ascend, count everything up to their bound, and end with `+Inf`, which is the count.
  private static func check(_ name: String, _ family: Family) throws {
    let series = Dictionary(grouping: family.samples) { $0.labels.filter { $0.key != "le" } }
    for (labels, samples) in series {
      let buckets = samples.filter { $0.name == name + "_bucket" }
      let bounds = buckets.compactMap { $0.labels["le"].flatMap { number($0[...]) } }
      guard bounds.count == buckets.count, bounds == bounds.sorted(), bounds.last == .infinity else {
        throw Broken(description: "\(name) \(labels): bounds \(bounds)")
      }
      let counts = buckets.map(\.value)
      guard counts == counts.sorted() else { throw Broken(description: "\(name) \(labels): counts \(counts)") }
      let count = samples.first { $0.name == name + "_count" }?.value
      guard count == counts.last, samples.contains(where: { $0.name == name + "_sum" }) else {
        throw Broken(description: "\(name) \(labels): count \(String(describing: count)) of \(counts)")
      }
    }
  }
}
