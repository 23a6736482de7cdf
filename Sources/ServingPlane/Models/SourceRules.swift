import FileSystem
import FoundationEssentials
import Glibc

/// The places on the machine from which a model's files may be taken.
struct SourceRules: Sendable {
  /// The plane's own folders.
  private let own: [String]
  private let kernelViews: [String]

  /// Reads the current mounts.
  ///
  /// - Parameter own: folders of the plane, including secrets; their parents are refused too.
  init(own: [String]) {
    self.own = own.map { ResolvedPath.of($0) ?? $0 }
    kernelViews = Self.mountedViews()
  }

  /// Why nothing may be taken from there; nil if it may.
  ///
  /// - Parameter path: the resolved path of a folder or file.
  func finding(_ path: String) -> String? {
    if path == "/" { return "it is the whole file system" }
    for folder in own {
      if path == folder { return "it is the plane's own folder" }
      if path.hasPrefix(folder + "/") { return "it is part of the plane's own folder \(folder)" }
      if folder.hasPrefix(path + "/") { return "it contains the plane's own folder \(folder)" }
    }
    if path.hasPrefix("/dev/shm/") { return nil }
    if (Self.system + kernelViews).contains(where: { path == $0 || path.hasPrefix($0 + "/") }) {
      return "its files are kernel interfaces or devices"
    }
    return nil
  }

  private static let system = ["/proc", "/sys", "/dev"]

  /// Where the kernel's views are mounted: possibly anywhere, as in a folder prepared for chroot.
  private static func mountedViews() -> [String] {
    // https://man7.org/linux/man-pages/man5/proc_pid_mountinfo.5.html
    guard let table = try? KernelFile.contents("/proc/self/mountinfo") else { return [] }
    return String(decoding: table, as: UTF8.self).split(separator: "\n").compactMap { line -> String? in
      let words = line.split(separator: " ")
      guard let dash = words.firstIndex(of: "-"), dash + 1 < words.count, dash > 5,
        views.contains(String(words[dash + 1]))
      else { return nil }
      return String(words[4]).replacing("\\040", with: " ")
    }
  }

  private static let views: Set<String> = [
    "proc", "sysfs", "devtmpfs", "devpts", "cgroup", "cgroup2", "debugfs", "tracefs", "securityfs", "bpf", "configfs",
    "efivarfs", "mqueue", "fusectl",
  ]
}

/// Absolute paths with links resolved.
enum ResolvedPath {
  /// The resolved path; nil if the file does not exist, with the reason in `errno`.
  static func of(_ path: String) -> String? {
    guard let whole = realpath(path, nil) else { return nil }
    defer { free(whole) }
    return String(cString: whole)
  }
}
