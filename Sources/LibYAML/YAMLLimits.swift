/// Limits that keep a hostile or runaway file from crashing the process. Beyond one of them, reading stops with an
/// error.
package struct YAMLLimits: Sendable, Hashable {
  /// The maximum size of one file in bytes.
  package var bytes: Int
  /// The maximum nesting depth of collections, including aliases.
  package var depth: Int
  /// The maximum number of nodes in one document; an alias counts as all nodes that it refers to.
  package var nodesPerDocument: Int
  /// The maximum number of nodes that aliases refer to, over all documents of a file.
  package var aliasedNodesPerFile: Int

  package init(bytes: Int, depth: Int, nodesPerDocument: Int, aliasedNodesPerFile: Int) {
    self.bytes = bytes
    self.depth = depth
    self.nodesPerDocument = nodesPerDocument
    self.aliasedNodesPerFile = aliasedNodesPerFile
  }

  /// Limits far above any hand-written manifest: 32 MiB, 64 levels, 100,000 nodes per document.
  package static let standard = YAMLLimits(
    bytes: 32 << 20, depth: 64, nodesPerDocument: 100_000, aliasedNodesPerFile: 1_000_000)
}
