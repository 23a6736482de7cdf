internal import CMalloc

/// How the process allocates large blocks, such as the bodies of requests.
enum LargeAllocations {
  /// Makes the process return blocks of 128 KiB and more to the system as soon as they are freed. By default, glibc
  /// raises that threshold to the size of freed blocks, up to 32 MiB, and keeps the holes that many requests leave.
  static func returnWhenFreed() { _ = mallopt(setpoint_M_MMAP_THRESHOLD, 128 << 10) }
}
