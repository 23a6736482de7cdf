internal import Glibc

/// The relevant names in each watched directory, by inotify's number for it.
package struct WatchedNames {
  private struct Names {
    var areVisibleOnes = false
    var named: Set<String> = []
  }

  private var names: [Int32: Names] = [:]

  package init() {}

  package var descriptors: Set<Int32> { Set(names.keys) }

  /// Adds a directory whose manifests are read. Hidden names are irrelevant there, except the file of exclude patterns:
  /// editors and git write many of them.
  package mutating func addVisible(_ descriptor: Int32) { names[descriptor, default: Names()].areVisibleOnes = true }

  /// Adds a directory with an entry on the way to manifests, which may be a hidden one.
  package mutating func add(_ descriptor: Int32, name: String) {
    names[descriptor, default: Names()].named.insert(name)
  }

  /// Returns whether an event may change what is read. The kernel's removal of a watch does not: its cause has its own
  /// event.
  ///
  /// - Parameters:
  ///   - mask: inotify's bits for the event.
  ///   - name: the affected entry; empty for the directory itself.
  package mutating func matters(_ mask: UInt32, descriptor: Int32, name: String) -> Bool {
    // The kernel dropped events, any of which may be relevant.
    if mask & UInt32(IN_Q_OVERFLOW) != 0 { return true }
    if mask & UInt32(IN_IGNORED) != 0 {
      names[descriptor] = nil
      return false
    }
    guard let names = names[descriptor] else { return false }
    if name.isEmpty { return mask & UInt32(IN_DELETE_SELF | IN_MOVE_SELF | IN_ATTRIB | IN_UNMOUNT) != 0 }
    return names.named.contains(name)
      || names.areVisibleOnes && (!ManifestName.isHidden(name) || name == IgnoreRules.fileName)
  }
}
