internal import CanonicalJSON
internal import Controller
internal import Endpoints
internal import Planning

extension FleetPlan {
  /// What the plan does to the cost of an hour.
  ///
  /// - Parameter cloud: the workspace's; nil: it is not known.
  func cost(by prices: PriceList, on cloud: Cloud?) -> PlanCost {
    PlanCost(plan, of: items, reconciler.options, now: Self.now, prices: prices, on: cloud)
  }

  /// The plan for machines, with what was asked for beside it.
  func json(_ cost: PlanCost?) -> JSONValue {
    let checked = FleetPreflight.added(preflight, to: plan.json)
    return cost?.added(to: checked, list: "changes") ?? checked
  }
}
