import CanonicalJSON
package import HTTPSupport
package import NIOCore
import NIOHTTP1

/// The query routes: each request for a model finds a replica through its endpoint's admission, and the replica's
/// response is passed on, streams chunk by chunk.
package final class Gateway: Sendable {
  let directory: any EndpointDirectory
  let limits: GatewayLimits
  let record: @Sendable (RequestRecord) -> Void
  /// Whether another process answers the gateway's requests; they are then passed on to the server's router.
  let isElsewhere: @Sendable () -> Bool
  let pool: UpstreamPool
  let bodyBuffers = BodyBuffers()
  let payloads: PayloadMemory
  let dates = DateHeader()
  let random = RandomNumbers()
  let authorizer: any Authorizer

  /// - Parameters:
  ///   - authorizer: decides who may query.
  ///   - isElsewhere: whether requests are passed on to the server's router instead of being answered.
  ///   - record: receives one record for each query, from any thread, and must not block.
  package init(
    directory: any EndpointDirectory, limits: GatewayLimits = GatewayLimits(),
    authorizer: any Authorizer,
    isElsewhere: @escaping @Sendable () -> Bool = { false },
    record: @escaping @Sendable (RequestRecord) -> Void
  ) {
    self.directory = directory
    self.limits = limits
    self.authorizer = authorizer
    self.isElsewhere = isElsewhere
    self.record = record
    pool = UpstreamPool(limits: limits)
    payloads = PayloadMemory(limit: limits.maxPayloadBytes)
  }

  /// A handler for one connection of a client, to be placed between the HTTP codec and the server's own handlers.
  package func makeHandler() -> any ChannelDuplexHandler & Sendable { QueryHandler(self) }

  /// Each method and path that the gateway answers. A segment in braces stands for any name.
  package static var routes: [(method: String, path: String)] { QueryTarget.routes }

  /// The endpoints that a principal may know of.
  func endpoints(visibleTo principal: Principal) -> VisibleEndpoints {
    VisibleEndpoints(directory: directory, authorizer: authorizer, principal: principal)
  }

  /// The response to a request that needs no replica; nil for a query.
  func answer(to target: QueryTarget, for principal: Principal) -> GatewayAnswer? {
    switch target {
    case .endpoint, .generate, .openAI: return nil
    case .models:
      let models = endpoints(visibleTo: principal).all.flatMap(\.models)
      return GatewayAnswer(["object": "list", "data": .array(models)])
    case .model(let id): return model(id, among: endpoints(visibleTo: principal))
    }
  }

  private func model(_ id: String, among endpoints: VisibleEndpoints) -> GatewayAnswer {
    let name = String(id.prefix { $0 != ":" })
    guard let endpoint = endpoints.endpoint(named: name) else {
      return GatewayAnswer(.unknownEndpoint(id, among: endpoints.all, param: "model"))
    }
    guard let model = endpoint.models.first(where: { $0["id"]?.stringValue == id }) else {
      let adapter = String(id.dropFirst(name.count + 1))
      return GatewayAnswer(.unknownAdapter(adapter, endpoint: endpoint))
    }
    return GatewayAnswer(model)
  }
}

extension QueryableEndpoint {
  /// The endpoint and its LoRA adapters, as far as its replicas have listed them, as entries of OpenAI's list.
  fileprivate var models: [JSONValue] {
    let adapters = admission.models.adapters(of: admission.entities)
    return [model(name, parent: .null)] + adapters.map { model("\(name):\($0)", parent: .string(name)) }
  }

  private func model(_ id: String, parent: JSONValue) -> JSONValue {
    ["id": .string(id), "object": "model", "created": .int(created), "owned_by": "setpoint", "parent": parent]
  }
}
