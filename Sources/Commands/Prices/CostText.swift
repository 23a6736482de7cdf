internal import CanonicalJSON
internal import Endpoints

/// Costs as people and machines read them.
struct CostText {
  let prices: PriceList

  /// The head of every list of costs: what the figures are in, and how good they are.
  var title: String {
    "Cost per hour in \(prices.currency) (\(prices.isApproximate ? "approximate, " : "")of \(prices.date): \(prices.source))"
  }

  /// `1.40`, `0.00 to 1.40`, `1.40 + ?` where a part has no price, `?` where nothing has one.
  func amount(_ cost: HourlyCost) -> String {
    if cost.most == 0, !cost.gaps.isEmpty { return "?" }
    let range =
      cost.least == cost.most
      ? Self.money(cost.most) : "\(Self.money(cost.least)) to \(Self.money(cost.most))"
    return range + (cost.gaps.isEmpty ? "" : " + ?")
  }

  /// With two digits behind the point, without a locale.
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

  /// What every figure rests on.
  var json: [String: JSONValue] {
    [
      "currency": .string(prices.currency), "approximate": .bool(prices.isApproximate), "date": .string(prices.date),
      "source": .string(prices.source), "per": "hour",
    ]
  }

  /// Without the digits that only the machine's arithmetic makes.
  private static func number(_ amount: Double) -> JSONValue {
    let rounded = (amount * 10_000).rounded() / 10_000
    return .double(rounded.isFinite ? rounded : amount)
  }
}
