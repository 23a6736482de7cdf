internal import Glibc

/// Which names matter in each watched directory, by inotify's number for it.
package struct WatchedNames {
  private struct Names {
    var areVisibleOnes = false
    var named: Set<String> = []
  }

  private var names: [Int32: Names] = [:]

  package init() {}

  package var descriptors: Set<Int32> { Set(names.keys) }

  /// A directory whose manifests are read. Hidden names do not matter there, but for that of the patterns of what is left
  /// out: editors and git write a lot of them.
  package mutating func addVisible(_ descriptor: Int32) { names[descriptor, default: Names()].areVisibleOnes = true }

  /// A directory with an entry on the way to manifests, which may be a hidden one.
  package mutating func add(_ descriptor: Int32, name: String) {
    names[descriptor, default: Names()].named.insert(name)
  }

  /// Whether an event may change what is read. The kernel dropping a watch is none: what led to it has its own event.
  ///
  /// - Parameters:
  ///   - mask: inotify's bits for what happened.
  ///   - name: the entry it happened to; empty for the directory itself.
  package mutating func matters(_ mask: UInt32, descriptor: Int32, name: String) -> Bool {
    // The kernel had to leave events out: any of them may have mattered.
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
