internal import CanonicalJSON
package import Endpoints

extension APIProvider {
  /// Asks a serving plane what would become of a config if it were sent now. Changes nothing.
  ///
  /// - Returns: nil if the plane does not have the call, as earlier versions.
  package func forecast(_ name: String, config: EndpointConfig) async throws -> RolloutForecast? {
    keepSecrets(of: name, in: config)
    var call = try call("POST", name, "/api/setpoint/serving-endpoints/\(name)/forecast")
    call.body = WireConfig(config).json
    call.retries = .repeatable
    do {
      var forecast = try await client.object(call, as: WireRolloutForecast.self).forecast
      forecast.refusal = forecast.refusal.map { client.redact($0, call: call) }
      return forecast
    } catch let error as ServingError where error.isMissingCall {
      return nil
    }
  }
}
