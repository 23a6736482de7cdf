/// Bounds that keep a hostile or runaway file from taking the process down. Past one of them reading stops with an error.
package struct YAMLLimits: Sendable, Hashable {
  /// Bytes of one file.
  package var bytes: Int
  /// Collections inside collections, aliases followed.
  package var depth: Int
  /// Nodes of one document, where an alias counts as all the nodes it stands for.
  package var nodesPerDocument: Int
  /// Nodes that aliases stand for, over all documents of a file.
  package var aliasedNodesPerFile: Int

  package init(bytes: Int, depth: Int, nodesPerDocument: Int, aliasedNodesPerFile: Int) {
    self.bytes = bytes
    self.depth = depth
    self.nodesPerDocument = nodesPerDocument
    self.aliasedNodesPerFile = aliasedNodesPerFile
  }

  /// Far above any manifest a person writes: 32 MiB, 64 levels, 100,000 nodes a document.
  package static let standard = YAMLLimits(
    bytes: 32 << 20, depth: 64, nodesPerDocument: 100_000, aliasedNodesPerFile: 1_000_000)
}
