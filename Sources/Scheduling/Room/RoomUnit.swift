/// What a replica takes of a machine: accelerators, or, on a machine without them, one of a limited number of slots.
package enum RoomUnit: Hashable, Sendable {
  case gpu
  case slot

  /// Returns a number of them as text, such as `1 GPU` and `2 slots`.
  package func counted(_ count: Int) -> String { "\(count) \(name(count))" }

  /// Returns the word for a number of them.
  func name(_ count: Int) -> String {
    switch self {
    case .gpu: count == 1 ? "GPU" : "GPUs"
    case .slot: count == 1 ? "slot" : "slots"
    }
  }
}
