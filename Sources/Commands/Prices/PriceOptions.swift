internal import ArgumentParser
internal import Endpoints
internal import FoundationEssentials
internal import ServingAPI

/// `--prices`: the prices of hardware.
struct PriceOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Show costs per hour from this price file. docs/hardware.md describes the format; examples/prices.yaml is an "
        + "example.",
      valueName: "FILE"), completion: .manifests)
  var prices: String?

  init() {}

  /// Returns the price list; nil if none was given. Prints the findings.
  ///
  /// - Throws: an ``ErrorReport`` if the file cannot be read or used.
  func read() throws -> PriceList? {
    guard let prices else { return nil }
    let bytes: [UInt8]
    do { bytes = Array(try Data(contentsOf: URL(filePath: prices))) } catch {
      throw ErrorReport(
        "cannot read the price file \(prices)", why: error.systemMessage,
        next: "pass a price file; see docs/hardware.md for the format, and examples/prices.yaml for an example")
    }
    let outcome = PriceFile.read(bytes, file: prices)
    let console = CommandContext.current.console
    for line in FindingsText.lines(outcome.findings, console.notesPalette) { console.note(line) }
    guard let list = outcome.prices else {
      throw ErrorReport(
        "the price file \(prices) has errors",
        next: "fix the findings above; docs/hardware.md shows an example")
    }
    return list
  }
}
