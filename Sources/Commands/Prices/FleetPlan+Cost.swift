internal import CanonicalJSON
internal import Controller
internal import Endpoints
internal import Planning

extension FleetPlan {
  /// Returns how the plan changes the hourly cost.
  ///
  /// - Parameter cloud: the workspace's; nil: unknown.
  func cost(by prices: PriceList, on cloud: Cloud?) -> PlanCost {
    PlanCost(plan, of: items, reconciler.options, now: Self.now, prices: prices, on: cloud)
  }

  /// Returns the plan's JSON, with the costs if requested.
  func json(_ cost: PlanCost?) -> JSONValue {
    let checked = FleetPreflight.added(preflight, to: plan.json)
    return cost?.added(to: checked, list: "changes") ?? checked
  }
}
