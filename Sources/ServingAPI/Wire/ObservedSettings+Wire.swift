internal import CanonicalJSON
package import Endpoints

extension WireEndpoint {
  /// The settings outside config and tags; nil if there are none, which is usual.
  package var settings: ObservedSettings? {
    let settings = ObservedSettings(
      gateway: present("ai_gateway") ? gateway?.settings : nil,
      notifications: present("email_notifications") ? notifications?.settings : nil,
      telemetry: present("telemetry_config") ? telemetry?.observed : nil,
      description: present("description") ? description : nil, routeOptimized: routeOptimized ?? false,
      effectiveBudgetPolicy: present("effective_budget_policy_id") ? effectiveBudgetPolicy : nil)
    return settings.isEmpty ? nil : settings
  }

  private func present(_ member: String) -> Bool { members[member].map { !$0.isBlank } ?? false }
}
