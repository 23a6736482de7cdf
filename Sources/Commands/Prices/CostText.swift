internal import CanonicalJSON
internal import Endpoints

/// Costs as text and as JSON.
struct CostText {
  let prices: PriceList

  /// The title of every list of costs: the currency, and the basis of the figures.
  var title: String {
    "Cost per hour in \(prices.currency) (\(prices.isApproximate ? "approximate, " : "")of \(prices.date): \(prices.source))"
  }

  /// Returns `1.40`, `0.00 to 1.40`, `1.40 + ?` if a part has no price, or `?` if no part has one.
  func amount(_ cost: HourlyCost) -> String {
    if cost.most == 0, !cost.gaps.isEmpty { return "?" }
    let range =
      cost.least == cost.most
      ? Self.money(cost.most) : "\(Self.money(cost.least)) to \(Self.money(cost.most))"
    return range + (cost.gaps.isEmpty ? "" : " + ?")
  }

  /// Returns the amount with two decimal places, independent of the locale.
  static func money(_ amount: Double) -> String {
    guard let cents = Int64(exactly: (amount * 100).rounded()) else { return "\(amount)" }
    let rest = cents % 100
    return "\(cents / 100).\(rest < 10 ? "0" : "")\(rest)"
  }

  func json(_ cost: HourlyCost) -> JSONValue {
    var members: [String: JSONValue] = ["min": Self.number(cost.least), "max": Self.number(cost.most)]
    if !cost.gaps.isEmpty { members["gaps"] = .array(cost.gaps.map { .string($0) }) }
    return .object(members)
  }

  /// The basis of every figure.
  var json: [String: JSONValue] {
    [
      "currency": .string(prices.currency), "approximate": .bool(prices.isApproximate), "date": .string(prices.date),
      "source": .string(prices.source), "per": "hour",
    ]
  }

  /// Removes digits that are only artifacts of floating-point arithmetic.
  private static func number(_ amount: Double) -> JSONValue {
    let rounded = (amount * 10_000).rounded() / 10_000
    return .double(rounded.isFinite ? rounded : amount)
  }
}
