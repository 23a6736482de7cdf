internal import HTTPTypes
internal import Hummingbird
internal import LibCurl
internal import Logging
internal import NIOCore
internal import ServingAPI
internal import TestKit

/// The test workspace over real HTTP on this machine, so that third-party clients can use it.
struct WorkspaceServer {
  let workspace: WorkspaceDouble
  /// 0 takes any free port.
  let port: Int
  /// Called once with the address, when it accepts requests.
  let onListening: @Sendable (String) -> Void

  func run() async throws {
    var quiet = Logger(label: "workspace-double")
    quiet.logLevel = .warning
    let application = Application(
      responder: CallbackResponder<BasicRequestContext> { request, _ in try await answer(to: request) },
      configuration: ApplicationConfiguration(address: .hostname("127.0.0.1", port: port)),
      onServerRunning: { channel in onListening("http://127.0.0.1:\(channel.localAddress?.port ?? port)") },
      logger: quiet)
    try await application.runService()
  }

  private static let largestBody = 16 << 20

  private func answer(to request: Request) async throws -> Response {
    let body = try await request.body.collect(upTo: Self.largestBody)
    let headers = request.headers.map { HTTPField($0.name.canonicalName, $0.value) }
    let authority = request.head.authority ?? "127.0.0.1:\(port)"
    let asked = LibCurl.HTTPRequest(
      method: request.method.rawValue, url: "http://\(authority)\(request.uri.string)", headers: headers,
      body: body.readableBytes > 0 ? Array(body.readableBytesView) : nil)
    let answer = try await workspace.transport(asked)
    var response = Response(status: .init(code: answer.status), headers: [.contentType: "application/json"])
    for field in answer.headers.fields {
      if let name = HTTPTypes.HTTPField.Name(field.name) { response.headers[name] = field.value }
    }
    var bytes = ByteBuffer()
    for try await piece in answer.body { bytes.writeBytes(piece) }
    response.body = ResponseBody(byteBuffer: bytes)
    return response
  }
}
