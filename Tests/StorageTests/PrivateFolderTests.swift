import FoundationEssentials
import Glibc
import Storage
import Testing

@Suite struct PrivateFolderTests {
  private func folder(_ path: String) -> PrivateFolder { PrivateFolder(path, option: "--data DIR") }

  private func refusal(_ path: String, isInPod: Bool = false) -> StorageError? {
    do throws(StorageError) {
      try folder(path).check(isInPod: isInPod)
      return nil
    } catch {
      return error
    }
  }

  @Test func `a created folder belongs to its user alone, and an existing one is not changed`() throws {
    try withFolder { root in
      #expect(chmod(root, 0o755) == 0)
      try folder(root + "/a/b").make()
      #expect(mode(root) == 0o755)
      #expect(mode(root + "/a") == 0o700)
      #expect(mode(root + "/a/b") == 0o700)
      try folder(root + "/a/b").make()
      #expect(refusal(root + "/a/b") == nil)
    }
  }

  @Test func `a folder that cannot be created is named once, with the parent that is at fault`() throws {
    try withFolder { root in
      try Data("x".utf8).write(to: URL(filePath: root + "/file"))
      func message(_ path: String) -> String {
        do throws(StorageError) {
          try folder(path).make()
          return ""
        } catch {
          return error.message
        }
      }
      #expect(
        message(root + "/file/a") == "cannot create the directory \(root)/file/a: Not a directory")
      #expect(
        message(root + "/file/a/b")
          == "cannot create the directory \(root)/file/a/b: cannot create \(root)/file/a: Not a directory")
    }
  }

  @Test(arguments: [0o777, 0o757, 0o703, 0o1777] as [mode_t])
  func `a folder that every user may write to is refused with what to do`(_ mode: mode_t) throws {
    try withFolder { root in
      #expect(chmod(root, mode) == 0)
      let error = try #require(refusal(root))
      #expect(error.kind == .cannotOpen)
      #expect(error.message.contains("every user can write to it"), "\(error)")
      #expect(error.next?.contains("chmod go-w \(root)") == true && error.next?.contains("--data") == true, "\(error)")
      #expect(chmod(root, 0o755) == 0)
      #expect(refusal(root) == nil)
    }
  }

  @Test func `a folder that another group may write to or that another user owns is refused`() throws {
    try #require(geteuid() == 0, "only root can give a folder away")
    try withFolder { root in
      #expect(chmod(root, 0o770) == 0)
      // The user's own group, with no other members.
      #expect(refusal(root) == nil)
      #expect(chown(root, 0, 54321) == 0)
      #expect(refusal(root)?.message.contains("its group can write to it") == true)
      #expect(chmod(root, 0o750) == 0)
      #expect(refusal(root) == nil)
      #expect(chown(root, 54321, 54321) == 0)
      let error = refusal(root)
      #expect(error?.message.contains("it belongs to user 54321") == true, "\(String(describing: error))")
      #expect(error?.message.contains("who can replace its contents, but this process runs as root") == true)
      #expect(
        error?.next?.hasPrefix(
          "run \"chown -R 0 \(root)\" (on the host, where it is mounted into a container), or run this process as its owner "
            + "(--user 54321:54321 for a container)") == true, "\(String(describing: error?.next))")
      // Nothing else is needed.
      #expect(chown(root, 0, 54321) == 0)
      #expect(refusal(root) == nil)
    }
  }

  @Test func `a volume of a pod counts as the pod's own whatever its mode`() throws {
    // A mount point that belongs to root and that everybody may write to.
    try #require(mode("/dev/shm") & 0o002 != 0)
    #expect(refusal("/dev/shm") != nil)
    #expect(refusal("/dev/shm", isInPod: true) == nil)
    try withFolder { root in
      #expect(chmod(root, 0o777) == 0)
      #expect(refusal(root, isInPod: true) != nil)
    }
    #expect(PrivateFolder.isInPod(["KUBERNETES_SERVICE_HOST": "10.0.0.1"]))
    #expect(!PrivateFolder.isInPod([:]))
  }

  @Test func `a file at the folder's path is refused`() throws {
    try withFolder { root in
      try Data().write(to: URL(filePath: root + "/file"))
      #expect(refusal(root + "/file")?.message.contains("not a directory") == true)
      #expect(throws: StorageError.self) { try folder(root + "/file/x").make() }
    }
  }
}

func withFolder(_ body: (String) throws -> Void) throws {
  let path = "/tmp/spt-storage-" + String(UInt64.random(in: .min ... .max), radix: 16)
  try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  defer { try? FileManager.default.removeItem(atPath: path) }
  try body(path)
}

/// The permission bits.
func mode(_ path: String) -> mode_t {
  var status = stat()
  return stat(path, &status) == 0 ? status.st_mode & 0o7777 : 0
}
