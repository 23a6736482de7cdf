package import Endpoints
package import Planning
package import Storage

/// A memory as it was read, with the data for writing it back.
package struct RecordedMemory: Hashable, Sendable {
  package let memory: Memory
  /// Increases with every change of this endpoint's memory; 0: nothing is recorded.
  package let version: Int64
  /// By revision number: why its config cannot be restored (`config` is nil then), naming the variables.
  package let lostConfigs: [Int: StorageError]
  /// By revision number: revisions with an unreadable record. They are not in the memory.
  package let unreadable: [Int: StorageError]
  /// By revision number: the remains of a lost config.
  private let lostOutlines: [Int: EndpointConfig]

  package init(
    memory: Memory, version: Int64, lostConfigs: [Int: StorageError] = [:], lostOutlines: [Int: EndpointConfig] = [:],
    unreadable: [Int: StorageError] = [:]
  ) {
    self.memory = memory
    self.version = version
    self.lostConfigs = lostConfigs
    self.lostOutlines = lostOutlines
    self.unreadable = unreadable
  }

  /// Returns a revision's config without any environment, for display; it exists even if the config is lost.
  package func outline(of revision: Revision) -> EndpointConfig? {
    revision.config?.outline ?? lostOutlines[revision.number]
  }

  /// An empty memory.
  package static let nothing = RecordedMemory(memory: Memory(), version: 0)
}
