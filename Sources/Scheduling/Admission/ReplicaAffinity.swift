/// What requests must have in common to be sent to the same replica, as long as it is not much busier than the others.
package enum ReplicaAffinity: String, Hashable, Sendable, CaseIterable {
  /// Nothing: each request goes to the least loaded replica.
  case none
  /// The beginning of the first message, whose computation the replica then has in its cache.
  case prefix
  /// The session that the client names.
  case session

  /// Returns the hash of what the requests have in common (FNV-1a): the same in every process and on every machine.
  package static func key(of bytes: UnsafeRawBufferPointer) -> UInt64 {
    var hash: UInt64 = 0xCBF2_9CE4_8422_2325
    for byte in bytes { hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01B3 }
    return hash
  }

  package static func key(of text: String) -> UInt64 {
    var text = text
    return text.withUTF8 { key(of: UnsafeRawBufferPointer($0)) }
  }

  /// Returns a number that looks random for each pair of hashes, and is always the same for the same pair.
  static func rank(_ key: UInt64, _ replica: UInt64) -> UInt64 {
    // The finalizer of SplitMix64: FNV alone spreads short names badly.
    var mixed = key ^ (replica &* 0x9E37_79B9_7F4A_7C15)
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }
}
