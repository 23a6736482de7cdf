import HTTPSupport
import NIOHTTP1

/// The endpoint and model that a request asks for.
struct RequestedModel: Sendable {
  let endpoint: QueryableEndpoint
  /// The served entity that must answer; nil if the traffic split decides.
  let entity: String?
  /// The replica's own name for a LoRA adapter; nil for the base model.
  let adapter: String?

  /// The model's name in the response.
  var name: String { adapter.map { "\(endpoint.name):\($0)" } ?? endpoint.name }

  /// - Throws: ``GatewayError`` if the endpoint does not exist or may not be queried, or if its replicas are known and
  ///   none has the adapter.
  init(
    _ target: QueryTarget, _ head: HTTPRequestHead, _ body: QueryBody, _ endpoints: VisibleEndpoints
  ) throws(GatewayError) {
    var (endpoint, adapter) = try Self.find(target, body.model, endpoints)
    // Requests a LoRA adapter from vLLM's `/invocations`.
    if let named = head.headers.first(name: "x-amzn-sagemaker-adapter-identifier") { adapter = named }
    self.endpoint = endpoint
    self.adapter = adapter
    let pinned = target.entity
    guard let adapter else {
      entity = pinned
      return
    }
    let all = pinned.map { [$0] } ?? endpoint.admission.entities
    let models = endpoint.admission.models
    let serving = models.entities(serving: adapter, among: all)
    if let first = serving.first {
      // The traffic split applies only if every entity has the adapter.
      entity = pinned ?? (serving.count == all.count ? nil : first)
    } else if let starting = models.unreported(among: all).first {
      // The request waits for its first replica, which may have the adapter.
      entity = starting
    } else if all.isEmpty {
      // Nothing serves yet, and the refusal says why.
      entity = nil
    } else {
      throw .unknownAdapter(adapter, endpoint: endpoint)
    }
  }

  private static func find(
    _ target: QueryTarget, _ model: String?, _ endpoints: VisibleEndpoints
  ) throws(GatewayError) -> (QueryableEndpoint, adapter: String?) {
    switch target {
    case .endpoint(let name, _), .generate(let name, _):
      guard let endpoint = try endpoints.queryableEndpoint(named: name) else {
        throw .unknownEndpoint(name, among: endpoints.all, param: nil)
      }
      // The path names the endpoint, but `model` may still name something other than the base model.
      guard let model, model != name, !endpoint.admission.knows(entity: model) else { return (endpoint, nil) }
      return (endpoint, model.hasPrefix(name + ":") ? String(model.dropFirst(name.count + 1)) : model)
    case .openAI, .models, .model:
      guard let model else { throw .missingModel }
      if let endpoint = try endpoints.queryableEndpoint(named: model) { return (endpoint, nil) }
      guard let colon = model.firstIndex(of: ":"),
        let base = try endpoints.queryableEndpoint(named: String(model[..<colon]))
      else {
        throw .unknownEndpoint(model, among: endpoints.all, param: "model")
      }
      return (base, String(model[model.index(after: colon)...]))
    }
  }
}
