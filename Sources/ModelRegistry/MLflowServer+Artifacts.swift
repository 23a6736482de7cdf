internal import LibCurl
internal import ServingAPI

/// A registered model.
package struct MLflowModel: Hashable, Sendable {
  package let name: String
  /// The versions of its aliases.
  package let aliases: [String: Int64]
}

/// A version of a registered model, with its origin.
package struct MLflowVersion: Hashable, Sendable {
  package let version: RegisteredVersion
  /// The run that logged it; empty if it was registered from elsewhere.
  package let run: String
  /// Where it was registered from.
  package let source: String
  /// Milliseconds since 1970.
  package let created: Int64
}

/// A file or folder in an artifact folder, as the server names it: nothing of it has been checked.
package struct MLflowArtifact: Hashable, Sendable {
  package let name: String
  package let isFolder: Bool
  /// In bytes.
  package let size: Int64
}

/// The contents of an artifact as they arrive.
package struct MLflowDownload: Sendable {
  /// The position in the file of the first byte: the requested one, or 0 if the server sends only whole files.
  package let offset: Int64
  package let pieces: any AsyncSequence<[UInt8], any Error> & Sendable
  fileprivate let client: ServingClient
  fileprivate let call: APICall

  /// Returns the failure for an error that interrupted ``pieces``; the error itself if the task was canceled.
  package func failure(_ error: any Error) -> any Error { client.streamFailure(error, call: call) }
}

// What a plane needs of the server besides versions and aliases: lists, and the files of a version, which the server
// passes on from its artifact store.
//
// Every method throws `ServingError`, and `CancellationError` if its task is canceled.
extension MLflowServer {
  /// The server's address.
  package var url: String { calls.client.target.url }

  /// Returns all registered models.
  package func models() async throws -> [MLflowModel] {
    let call = calls.call("/api/2.0/mlflow/registered-models/search", [])
    return try await advised {
      try await calls.client.allPages(call, as: WireMLflowModelPage.self) { ($0.models, $0.nextPageToken) }
        .compactMap { model in model.name.map { MLflowModel(name: $0, aliases: model.aliasVersions) } }
    }
  }

  /// Returns one registered model; missing if it does not exist.
  package func model(_ name: String) async throws -> RegistryLookup<MLflowModel> {
    let call = calls.call("/api/2.0/mlflow/registered-models/get", [("name", name)])
    return try await advised {
      try await RegistryLookup { try await calls.client.object(call, as: WireMLflowModelResponse.self) }
        .map { MLflowModel(name: name, aliases: $0.model?.aliasVersions ?? [:]) }
    }
  }

  /// Returns all versions of a model with their origins; missing if the model does not exist.
  package func allDetails(of model: String) async throws -> RegistryLookup<[MLflowVersion]> {
    let found = try await advised { try await calls.search(model).compactMap(\.detailed) }
    return found.isEmpty ? try await self.model(model).map { _ in [] } : .found(found)
  }

  /// Returns a version with its origin; missing if the version or the model does not exist.
  package func details(_ number: Int, of model: String) async throws -> RegistryLookup<MLflowVersion> {
    let call = calls.call("/api/2.0/mlflow/model-versions/get", [("name", model), ("version", String(number))])
    return try await advised {
      try await RegistryLookup { try await calls.client.object(call, as: WireMLflowVersionResponse.self) }
        .map { answer in
          guard let version = answer.version?.detailed else { throw ServingError.namesNoVersion(call) }
          return version
        }
    }
  }

  /// Returns the URI of the folder with a version's files, such as `mlflow-artifacts:/0/RUN/artifacts/model`.
  package func artifactURI(_ number: Int, of model: String) async throws -> String {
    let call = calls.call(
      "/api/2.0/mlflow/model-versions/get-download-uri", [("name", model), ("version", String(number))])
    return try await advised {
      guard let uri = try await calls.client.object(call, as: WireMLflowDownloadURI.self).uri else {
        throw Self.unexpected("the response contains no artifact_uri", call)
      }
      // Registered from a logged model, whose folder is recorded elsewhere.
      let logged = "models:/"
      guard uri.hasPrefix(logged) else { return uri }
      let lookup = calls.call("/api/2.0/mlflow/logged-models/\(String(uri.dropFirst(logged.count)))", [])
      guard
        let folder = try await calls.client.object(lookup, as: WireMLflowLoggedModelResponse.self).model?.info?.uri
      else { throw Self.unexpected("the response contains no artifact_uri", lookup) }
      return folder
    }
  }

  /// Returns the contents of an artifact folder.
  ///
  /// - Parameter folder: its path below the server's artifact root.
  package func artifacts(in folder: String) async throws -> [MLflowArtifact] {
    let call = calls.call(Self.artifactsPath, [("path", folder)])
    return try await advised {
      try await calls.client.object(call, as: WireMLflowArtifacts.self).files.map(\.artifact)
    }
  }

  /// Starts to read an artifact. Sent once.
  ///
  /// - Parameters:
  ///   - path: below the server's artifact root.
  ///   - offset: where to start; MLflow's own server sends whole files in any case.
  package func download(_ path: String, from offset: Int64) async throws -> MLflowDownload {
    var call = calls.call(
      APIPath(
        stringLiteral: Self.artifactsPath.text + "/"
          + path.split(separator: "/").map { PercentEncoding.encode(String($0)) }.joined(separator: "/")), [])
    if offset > 0 { call.headers = [HTTPField("Range", "bytes=\(offset)-")] }
    // The server reads a file from its own store before it sends the first byte. How long a file takes is not limited.
    call.timeouts = HTTPTimeouts(connect: .seconds(10), idle: .seconds(600), total: nil)
    let request = call
    return try await advised {
      let response = try await calls.client.response(to: request)
      if response.status == 206 {
        guard Self.start(of: response) == offset else {
          throw Self.unexpected("the response is another part of the file than the requested one", request)
        }
        return MLflowDownload(offset: offset, pieces: response.body, client: calls.client, call: request)
      }
      if response.status == 200 {
        return MLflowDownload(offset: 0, pieces: response.body, client: calls.client, call: request)
      }
      let body = try await calls.client.body(of: response, call: request)
      throw calls.client.failure(status: response.status, headers: response.headers, body: body, call: request)
    }
  }

  private static let artifactsPath: APIPath = "/api/2.0/mlflow-artifacts/artifacts"

  /// The position of the first byte of a partial response, as in `bytes 100-199/200`; nil for one that is compressed,
  /// whose positions are not the file's.
  private static func start(of response: APIResponse) -> Int64? {
    guard response.headers["Content-Encoding"] == nil, let range = response.headers["Content-Range"],
      range.hasPrefix("bytes ")
    else { return nil }
    return Int64(range.dropFirst("bytes ".count).prefix { $0 != "-" })
  }

  private static func unexpected(_ message: String, _ call: APICall) -> ServingError {
    ServingError(kind: .unexpectedAnswer, status: 200, serverMessage: message, call: call.description)
  }
}
