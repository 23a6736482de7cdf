/// Where a replica listens.
package enum UpstreamAddress: Hashable, Sendable, CustomStringConvertible {
  case tcp(host: String, port: Int)
  case unixSocket(path: String)

  package var description: String {
    switch self {
    case .tcp(let host, let port): "\(host):\(port)"
    case .unixSocket(let path): "unix:\(path)"
    }
  }
}

/// A replica as the gateway sees it: a server that answers OpenAI requests for a served entity.
package struct UpstreamReplica: Hashable, Sendable, Identifiable {
  package let id: String
  /// The served entity's name: used by the traffic split, pinned requests and the `served-model-name` header.
  package let entity: String
  /// The model version that it serves, for the request's record.
  package let version: String?
  package let address: UpstreamAddress
  /// The number of requests it takes at once.
  package let capacity: Int
  /// Its server's name for the model; nil removes `model`, and vLLM then uses its only one.
  package let modelName: String?
  /// All names by which it can be queried, as its `/v1/models` lists them: its base model's first, then its LoRA
  /// adapters'.
  package let models: [String]

  package init(
    id: String, entity: String, version: String?, address: UpstreamAddress, capacity: Int, modelName: String? = nil,
    models: [String] = []
  ) {
    self.id = id
    self.entity = entity
    self.version = version
    self.address = address
    self.capacity = capacity
    self.modelName = modelName
    self.models = models
  }
}
