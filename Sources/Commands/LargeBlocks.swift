internal import CMalloc

/// How the process gets memory for large blocks, such as the bodies of requests.
enum LargeBlocks {
  /// From now on blocks of 128 KiB and more go back to the system as soon as they are freed. By itself glibc raises that
  /// threshold to what was freed, up to 32 MiB, and keeps the holes that a crowd of callers leaves.
  static func goBackWhenFreed() { _ = mallopt(setpoint_M_MMAP_THRESHOLD, 128 << 10) }
}
