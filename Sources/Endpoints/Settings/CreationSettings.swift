/// What the serving API takes when an endpoint is created and never again (serving-api.md 3).
package struct CreationSettings: Hashable, Sendable {
  /// For people. There is no call that changes it.
  package var description: String?
  /// The id of the budget policy that the costs go to. Never answered; what is in force comes back under another name
  /// (serving-api.md Q19).
  package var budgetPolicy: String?
  /// Whether the endpoint has an address of its own for faster routes. Another value needs another endpoint.
  package var routeOptimized: Bool?

  package init(description: String? = nil, budgetPolicy: String? = nil, routeOptimized: Bool? = nil) {
    self.description = description
    self.budgetPolicy = budgetPolicy
    self.routeOptimized = routeOptimized
  }
}
