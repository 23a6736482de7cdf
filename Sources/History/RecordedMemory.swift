package import Endpoints
package import Planning

/// A memory as it was read, with what is needed to write it back.
package struct RecordedMemory: Hashable, Sendable {
  package let memory: Memory
  /// Counts up with every change of this endpoint's memory; 0: nothing is recorded.
  package let version: Int64
  /// By revision number: why its config cannot be put together (`config` is nil then), in words that name the variables.
  package let lostConfigs: [Int: HistoryError]
  /// By revision number: revisions whose record cannot be read. They are not in the memory.
  package let unreadable: [Int: HistoryError]
  /// By revision number: what is left of a config that is lost.
  private let lostOutlines: [Int: EndpointConfig]

  package init(
    memory: Memory, version: Int64, lostConfigs: [Int: HistoryError] = [:], lostOutlines: [Int: EndpointConfig] = [:],
    unreadable: [Int: HistoryError] = [:]
  ) {
    self.memory = memory
    self.version = version
    self.lostConfigs = lostConfigs
    self.lostOutlines = lostOutlines
    self.unreadable = unreadable
  }

  /// A revision's config without any environment, for people to look at: there even where the config is lost.
  package func outline(of revision: Revision) -> EndpointConfig? {
    revision.config?.outline ?? lostOutlines[revision.number]
  }

  /// Nothing is remembered.
  package static let nothing = RecordedMemory(memory: Memory(), version: 0)
}
