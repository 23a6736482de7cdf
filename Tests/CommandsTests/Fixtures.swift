import Endpoints
import FoundationEssentials
import ServingAPI
import TestKit

/// Manifests of tests.
enum Manifests {
  static func chat(_ name: String = "support-chat", version: String, more: String = "") -> String {
    """
    apiVersion: serving.setpoint.dev/v1alpha1
    kind: ServingEndpoint
    metadata:
      name: \(name)
    spec:
      model: main.support.hello
      entityVersion: "\(version)"
      workloadType: CPU
      size: Small
      scaleToZero: false
    \(more)
    """
  }

  static func config(
    version: String, scaleToZero: Bool = false, environment: [String: String] = [:]
  ) -> EndpointConfig {
    EndpointConfig(entities: [
      ServedEntity(
        entityName: "main.support.hello", entityVersion: version, scaleToZero: scaleToZero, environment: environment)
    ])
  }
}

/// Runs a test with a temporary directory, which is removed afterwards.
func withTemporaryDirectory<Value>(_ body: (String) async throws -> Value) async throws -> Value {
  let path = FileManager.default.temporaryDirectory.appending(path: "setpoint-commands-\(UUID().uuidString)").path
  try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  defer { try? FileManager.default.removeItem(atPath: path) }
  return try await body(path)
}

extension WorkspaceDouble {
  /// An existing, ready endpoint, without fleet tags unless they are given.
  func serve(
    _ name: String, version: String = "1", scaleToZero: Bool = false, environment: [String: String] = [:],
    tags: [String: String] = [:]
  ) async throws {
    let config = Manifests.config(version: version, scaleToZero: scaleToZero, environment: environment)
    _ = try await provider.create(name, config: config, tags: tags)
    for _ in 0..<10 {
      guard case .present(let endpoint) = try await provider.observe(name), endpoint.update.isUpdating else { break }
    }
    forgetCalls()
  }
}
