import Endpoints
import HTTPSupport
import ServingAPI

extension WireEndpoint {
  /// The endpoint as a principal sees it. Who may not change it does not see what engines print, the values of variables
  /// that may be credentials, more of a webhook's URL than its host, and the rate limits of others.
  func shown(to principal: HTTPSupport.Principal, _ level: EndpointLevel?) -> WireEndpoint {
    let view = MessageView(principal, level)
    var shown = self
    shown.config = config.map { $0.shown(in: view) }
    shown.pendingConfig = pendingConfig.map { $0.shown(in: view) }
    guard level != .manage else { return shown }
    if var gateway = self.gateway, let limits = gateway.rateLimits {
      gateway.rateLimits = limits.filter { $0.mayApply(to: principal) }
      shown.gateway = gateway
    }
    if var lists = self.notifications {
      for name in ["on_update_success", "on_update_failure"] {
        lists[texts: name] = lists[texts: name].map { addresses in
          addresses.map { NotificationAddress($0)?.shown ?? hiddenValue }
        }
      }
      shown.notifications = lists
    }
    return shown
  }
}

/// Stands for a value that is not shown.
private let hiddenValue = "(hidden)"

extension WireConfig {
  fileprivate func shown(in view: MessageView) -> WireConfig {
    var shown = self
    shown.servedEntities = servedEntities.map { entities in entities.map { $0.shown(in: view) } }
    shown.servedModels = servedModels.map { models in models.map { $0.shown(in: view) } }
    return shown
  }
}

extension WireServedEntity {
  fileprivate func shown(in view: MessageView) -> WireServedEntity {
    var shown = self
    if let state { shown.state = WireDeploymentState(deployment: state.deployment, message: view.shown(state.message)) }
    if !view.seesOutput, let variables = environmentVars {
      var values = variables
      for (name, value) in variables where PublicValue.mayBeCredential(variable: name, value: value) {
        values[name] = hiddenValue
      }
      shown.environmentVars = values
    }
    return shown
  }
}

extension WireRateLimit {
  /// Whether the limit may apply to the principal: it names neither another one nor a group of others.
  fileprivate func mayApply(to caller: HTTPSupport.Principal) -> Bool {
    guard let name = principal, !name.isEmpty else { return true }
    return key == "user_group" ? caller.groups.contains(name) : name.lowercased() == caller.name.lowercased()
  }
}
