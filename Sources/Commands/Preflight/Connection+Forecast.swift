internal import Controller
internal import Endpoints
internal import Planning
internal import ServingAPI

extension Connection {
  /// Asks a serving plane what would become of the configs that are sent next. Nothing is changed.
  ///
  /// - Returns: the forecasts by endpoint; empty for a workspace. A plane of an earlier version, or one that does not
  ///   answer, gives none.
  /// - Throws: only `CancellationError`.
  func forecasts(
    _ items: [PlanItem], _ options: DecisionOptions, on site: WorkspaceSite?
  ) async throws -> [String: RolloutForecast] {
    guard site == nil else { return [:] }
    let sent = items.compactMap { item -> (name: String, config: EndpointConfig)? in
      item.decided(FleetPlan.now, options).decision.nextConfig.map { (name: item.name, config: $0) }
    }
    // The provider is queried for its kind only if that matters.
    guard !sent.isEmpty, await client.isPlane() else { return [:] }
    let found = try await mapConcurrently(sent, limit: 16) { [provider] item -> (String, RolloutForecast)? in
      do {
        return try await provider.forecast(item.name, config: item.config).map { (item.name, $0) }
      } catch is ServingError {
        return nil
      }
    }
    return Dictionary(found.compactMap { $0 }, uniquingKeysWith: { one, _ in one })
  }
}
