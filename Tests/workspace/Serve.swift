internal import Glibc
internal import ServingAPI
internal import TestKit

/// `workspace-double [--port N]`: the test workspace over HTTP. Prints its address when it listens. The token is
/// `dapi-secret-token`; the model `main.support.qwen3` has the versions 1 to 5, of which 3 cannot be loaded.
@main
struct Serve {
  static func main() async throws {
    let arguments = Array(CommandLine.arguments.dropFirst())
    let port = arguments.firstIndex(of: "--port").flatMap {
      arguments.indices.contains($0 + 1) ? arguments[$0 + 1] : nil
    }
    let workspace = WorkspaceDouble()
    let model = "main.support.qwen3"
    workspace.setModel(
      model, versions: Dictionary(uniqueKeysWithValues: (1...5).map { ($0, .ready) }), aliases: ["champion": 2])
    workspace.setBehavior(.fails(message: "CUDA out of memory"), model: model, version: "3")
    workspace.change { $0.hasFoundationEndpoints = true }
    let server = WorkspaceServer(workspace: workspace, port: port.flatMap { Int($0) } ?? 0) { url in
      print(url)
      fflush(nil)
    }
    try await server.run()
  }
}
