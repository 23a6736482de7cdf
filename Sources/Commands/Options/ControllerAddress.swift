internal import ArgumentParser
internal import CanonicalJSON
internal import History
internal import LibCurl
internal import ServingAPI

/// The address of a controller: `127.0.0.1`, `controller.example.com:9000`, `https://controller.example.com/setpoint`.
struct ControllerAddress: ExpressibleByArgument, Hashable, Sendable {
  /// Without a trailing slash.
  let url: String

  static let standardPort = 7388

  init?(argument: String) {
    let parts = argument.split(separator: "://", maxSplits: 1, omittingEmptySubsequences: false)
    let scheme = parts.count == 2 ? parts[0].lowercased() : "http"
    let rest = parts.last ?? ""
    let authority = rest.prefix { $0 != "/" }
    var path = rest.dropFirst(authority.count)
    while path.hasSuffix("/") { path = path.dropLast() }
    // The port follows the last colon, unless that colon belongs to an IPv6 address.
    let tail = authority.hasPrefix("[") ? authority.drop { $0 != "]" }.dropFirst() : authority.drop { $0 != ":" }
    guard scheme == "http" || scheme == "https", !authority.isEmpty, !authority.hasPrefix(":"),
      !authority.contains("@"), !authority.contains(" "), tail.isEmpty || UInt16(tail.dropFirst()) != nil,
      tail.isEmpty || tail.hasPrefix(":")
    else { return nil }
    url = "\(scheme)://\(authority)\(tail.isEmpty ? ":\(Self.standardPort)" : "")\(path)"
  }

  /// Queries the controller for the status of its fleet.
  ///
  /// - Throws: ``ErrorReport`` if the controller does not respond, or returns something else.
  func status(_ transport: Transport) async throws -> FleetStatus {
    let call = "GET \(url)/status"
    let next =
      "check the address that \"setpoint run\" listens on (--listen), or omit --controller to read its "
      + "state directory"
    let (code, bytes): (Int, [UInt8])
    do {
      (code, bytes) = try await answer(transport)
    } catch let error as HTTPClientError {
      if case .cancelled = error.code { throw CancellationError() }
      throw ErrorReport("the controller does not respond", place: call, why: error.message, next: next)
    }
    guard code == 200 else {
      throw ErrorReport(
        "the controller did not return its status", place: "\(call) (HTTP \(code))",
        why: String(decoding: bytes.prefix(1000), as: UTF8.self), next: next)
    }
    do {
      return try FleetStatus(json: JSONValue(parsing: bytes))
    } catch {
      throw ErrorReport(
        "the server at this address is not a Setpoint controller", place: call, why: "\(error)", next: next)
    }
  }

  private func answer(_ transport: Transport) async throws -> (Int, [UInt8]) {
    let timeouts = HTTPTimeouts(connect: .seconds(5), idle: .seconds(30), total: .seconds(60))
    let response = try await transport(HTTPRequest(url: "\(url)/status", timeouts: timeouts))
    var bytes: [UInt8] = []
    for try await piece in response.body {
      bytes += piece
      guard bytes.count <= Self.largestResponse else {
        throw ErrorReport(
          "the server at this address is not a Setpoint controller", place: url,
          why: "its response is larger than 256 MiB")
      }
    }
    return (response.status, bytes)
  }

  private static let largestResponse = 256 << 20
}
