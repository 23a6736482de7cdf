internal import LibCurl
package import ServingAPI

extension ControllerMetrics {
  /// Wraps a transport so that each call is counted by its label and result.
  package func counting(_ transport: @escaping Transport) -> Transport {
    { request in
      let call = ProviderCall.label(method: request.method, url: request.url)
      do {
        let answer = try await transport(request)
        self.called(call, result: ProviderCall.result(status: answer.status))
        return answer
      } catch {
        self.called(call, result: Task.isCancelled ? "cancelled" : "no_answer")
        throw error
      }
    }
  }
}

/// The label of a provider call. Names of endpoints, models and aliases are left out, so that the number of labels is
/// the number of calls in the API.
enum ProviderCall {
  /// Returns a label such as `PUT /api/2.0/serving-endpoints/{name}/config`.
  static func label(method: String, url: String) -> String {
    var former: Substring?
    let path = url.prefix { $0 != "?" && $0 != "#" }
    let start =
      path.firstRange(of: "://").map { path[$0.upperBound...].firstIndex(of: "/") ?? path.endIndex } ?? path.startIndex
    let segments = path[start...].split(separator: "/").map { segment -> Substring in
      defer { former = segment }
      let isName = former == "serving-endpoints" || former == "served-models" || !words.contains(segment)
      return isName ? "{name}" : segment
    }
    return "\(method) /\(segments.joined(separator: "/"))"
  }

  static func result(status: Int) -> String {
    switch ServingError.Kind.of(status: status) {
    // Without a failure, or redirected.
    case nil, .unexpectedAnswer: "success"
    case .notFound: "not_found"
    case .conflict: "conflict"
    case .throttled: "throttled"
    case .invalid, .unauthenticated, .permissionDenied: "refused"
    default: "server_error"
    }
  }

  /// The fixed segments of the paths that the controller requests.
  private static let words: Set<Substring> = [
    "api", "2.0", "2.1", "serving-endpoints", "served-models", "config", "tags", "logs", "build-logs", "invocations",
    "ai-gateway", "notifications", "telemetry-config", "permissions", "unity-catalog", "models", "versions", "aliases",
    "oidc", "v1", "token", "mlflow", "model-versions", "registered-models", "databricks", "alias", "get", "search",
  ]
}
