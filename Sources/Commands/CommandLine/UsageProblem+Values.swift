/// The expected format of values that cannot be parsed.
extension UsageProblem {
  /// `--timeout 5x`, `--timeout -5s`: the format that the option expects.
  var unreadableValue: ErrorReport? {
    guard let placeholder = message.split(separator: "<").last?.split(separator: ">").first,
      let form = Self.form(of: String(placeholder))
    else { return nil }
    let next = "\(form); \"\(help)\" shows its usage"
    if message.contains("s invalid for '") { return ErrorReport(said.what, next: next) }
    // The parser treats a value that begins with a dash as an option.
    guard message.contains("issing value for '"), let option = message.split(separator: "'").dropFirst().first,
      let place = arguments.firstIndex(where: { $0 == option.prefix { $0 != " " } }), place + 1 < arguments.count
    else { return nil }
    let value = arguments[place + 1]
    guard value.hasPrefix("-"), value.dropFirst().first?.isNumber == true else { return nil }
    return ErrorReport("the value \"\(value)\" is invalid for \"\(option)\"", next: next)
  }

  private static func form(of placeholder: String) -> String? {
    switch placeholder {
    case "TIME": "write a time like 90s, 30m, 1h30m or 2d"
    case "N/TIME": "write a budget like 50/5m, or off"
    case "BYTES": "write a number of bytes like 64Mi or 1G"
    case "PORT": "write a port from 0 to 65535"
    case "N", "version": "write a whole number without a sign, at most \(Int.max)"
    case "HOST:PORT", "HOST[:PORT]": "write an address like 127.0.0.1:7387"
    default: nil
    }
  }
}
