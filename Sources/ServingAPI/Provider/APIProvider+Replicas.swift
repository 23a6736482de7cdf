extension APIProvider {
  /// Asks a serving plane for the replicas of an endpoint, oldest first, with those that have ended lately.
  ///
  /// - Returns: nil if the plane does not have the call, as earlier versions.
  package func replicas(of name: String) async throws -> [WireReplica]? {
    let call = try self.call("GET", name, "/api/setpoint/serving-endpoints/\(name)/replicas")
    do {
      return try await client.object(call, as: WireReplicaList.self).replicas
    } catch let error as ServingError where error.isMissingCall {
      return nil
    }
  }

  /// Asks a serving plane for the events of an endpoint's replicas, oldest first.
  ///
  /// - Returns: nil if the plane does not have the call, as earlier versions.
  package func replicaEvents(of name: String) async throws -> [WireReplicaEvent]? {
    let call = try self.call("GET", name, "/api/setpoint/serving-endpoints/\(name)/events")
    do {
      return try await client.object(call, as: WireReplicaEventList.self).events
    } catch let error as ServingError where error.isMissingCall {
      return nil
    }
  }
}
