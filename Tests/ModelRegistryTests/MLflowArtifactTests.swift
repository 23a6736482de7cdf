import CanonicalJSON
import LibCurl
import ModelRegistry
import ServingAPI
import TestKit
import Testing

/// The lists and files that a plane reads from an MLflow server.
@Suite struct MLflowArtifactTests {
  private func server(_ network: ScriptedTransport) -> MLflowServer {
    MLflowServer(
      url: "http://mlflow:5000/prefix", source: "--registry", credentials: .token(Secret("hidden-token")),
      version: "test", transport: network.transport, timing: TestTiming().timing)
  }

  private func text(_ download: MLflowDownload) async throws -> String {
    var bytes: [UInt8] = []
    for try await piece in download.pieces { bytes += piece }
    return String(decoding: bytes, as: UTF8.self)
  }

  @Test func `a file is requested by its encoded path, with the credentials`() async throws {
    let network = ScriptedTransport([.answer(status: 200, body: "weights")])
    let download = try await server(network).download("0/run/artifacts/a b/x#1", from: 0)
    #expect(try await text(download) == "weights")
    #expect(download.offset == 0)
    let request = try #require(network.requests.first)
    #expect(
      request.url == "http://mlflow:5000/prefix/api/2.0/mlflow-artifacts/artifacts/0/run/artifacts/a%20b/x%231")
    #expect(request.headers.contains(HTTPField("Authorization", "Bearer hidden-token")))
    #expect(!request.headers.contains { $0.name == "Range" })
  }

  @Test(arguments: [(206, 4 as Int64), (200, 0)])
  func `the rest of a file is requested, and a server may send the whole`(status: Int, start: Int64) async throws {
    let range = HTTPField("Content-Range", "bytes 4-9/10")
    let network = ScriptedTransport([.answer(status: status, headers: status == 206 ? [range] : [], body: "456789")])
    let download = try await server(network).download("file", from: 4)
    #expect(download.offset == start)
    #expect(network.requests.first?.headers.contains(HTTPField("Range", "bytes=4-")) == true)
  }

  @Test func `another part of the file than the requested one is refused`() async {
    let range = HTTPField("Content-Range", "bytes 2-9/10")
    let network = ScriptedTransport([.answer(status: 206, headers: [range], body: "23456789")])
    let error = await #expect(throws: ServingError.self) { try await server(network).download("file", from: 4) }
    #expect(error?.kind == .unexpectedAnswer)
  }

  @Test func `an empty file has no size, and a folder has no files if it has no list`() async throws {
    let files: JSONValue = [
      "files": [["path": "empty", "is_dir": false], ["path": "a", "is_dir": false, "file_size": "7"]]
    ]
    let listed = try await server(ScriptedTransport([.json(files)])).artifacts(in: "0/run")
    #expect(listed.map(\.name) == ["empty", "a"])
    #expect(listed.map(\.size) == [0, 7])
    let none = try await server(ScriptedTransport([.json([:])])).artifacts(in: "0/run")
    #expect(none.isEmpty)
  }

  @Test func `a version of a logged model has that model's folder`() async throws {
    let network = ScriptedTransport([
      .json(["artifact_uri": "models:/m-1"]),
      .json(["model": ["info": ["artifact_uri": "mlflow-artifacts:/0/models/m-1/artifacts"]]]),
    ])
    let uri = try await server(network).artifactURI(3, of: "chat")
    #expect(uri == "mlflow-artifacts:/0/models/m-1/artifacts")
    #expect(network.requests.last?.url == "http://mlflow:5000/prefix/api/2.0/mlflow/logged-models/m-1")
  }

  @Test func `models have their aliases, and versions their run and source`() async throws {
    let models: JSONValue = [
      "registered_models": [["name": "chat", "aliases": [["alias": "champion", "version": "7"]]], ["name": "empty"]]
    ]
    let listed = try await server(ScriptedTransport([.json(models)])).models()
    #expect(listed.map(\.name) == ["chat", "empty"])
    #expect(listed.map(\.aliases) == [["champion": 7], [:]])
    let version: JSONValue = [
      "model_version": ["name": "chat", "version": "7", "run_id": "r", "source": "s3://b", "creation_timestamp": 5]
    ]
    guard case .found(let found) = try await server(ScriptedTransport([.json(version)])).details(7, of: "chat") else {
      Issue.record("the version was not found")
      return
    }
    #expect(found.run == "r" && found.source == "s3://b" && found.created == 5)
    #expect(found.version.number == 7 && found.version.status == .ready)
  }
}
