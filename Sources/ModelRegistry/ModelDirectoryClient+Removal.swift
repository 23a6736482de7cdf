internal import LibCurl
package import ServingAPI

extension ModelDirectoryClient {
  /// Deletes a version that no endpoint of the plane needs. A workspace would delete the version without asking whether
  /// an endpoint serves it: the caller checks that the provider is a plane.
  ///
  /// - Parameter aliases: the version's aliases to delete with it.
  package func delete(_ version: Int64, of model: String, aliases: [String] = []) async throws -> WireDeletedVersion {
    var call = APICall(
      "DELETE", "/api/2.1/unity-catalog/models/\(model)/versions/\(version)",
      query: aliases.map { (name: "alias", value: $0) }, retries: .whenNotApplied)
    call.timeouts = Self.removalTimeouts
    return try await client.object(call)
  }

  /// Removes the files in a plane's models folder that belong to no version.
  ///
  /// - Parameter isDryRun: whether they are only listed.
  package func collectGarbage(isDryRun: Bool) async throws -> WireGarbage {
    var call = APICall("POST", "/api/2.1/unity-catalog/models:gc")
    call.body = WireCollectGarbageRequest(isDryRun: isDryRun).json
    call.timeouts = Self.removalTimeouts
    return try await client.object(call)
  }

  /// Removing a large model takes a while on some file systems.
  private static let removalTimeouts = HTTPTimeouts(
    connect: .seconds(10), idle: .seconds(600), total: .seconds(1200))
}
