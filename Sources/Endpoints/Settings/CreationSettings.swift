/// The settings that the serving API accepts only when an endpoint is created (serving-api.md 3).
package struct CreationSettings: Hashable, Sendable {
  /// A description for people. No call changes it.
  package var description: String?
  /// The ID of the budget policy that costs are assigned to. It is never returned; the policy in force is returned
  /// under another name (serving-api.md Q19).
  package var budgetPolicy: String?
  /// Whether the endpoint has its own address for faster routes. Changing it requires recreating the endpoint.
  package var routeOptimized: Bool?

  package init(description: String? = nil, budgetPolicy: String? = nil, routeOptimized: Bool? = nil) {
    self.description = description
    self.budgetPolicy = budgetPolicy
    self.routeOptimized = routeOptimized
  }
}
