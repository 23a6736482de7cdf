import FileSystem
import Foundation
import Testing

@Suite struct TarEntryTests {
  @Test(arguments: [0, 1, 511, 512, 513, (1 << 33) - 1, 1 << 33, 11 << 30] as [Int64])
  func `a header is read back as it was written, whatever the size`(size: Int64) {
    let entry = TarEntry(name: "telemetry.sqlite", size: size, modified: 1_767_225_600)
    let header = entry.header
    #expect(header.count == 512)
    #expect(TarEntry(header: header) == entry)
    #expect((size + Int64(entry.padding)) % 512 == 0 && entry.padding < 512)
  }

  @Test func `a header with one changed byte is not one`() {
    let header = TarEntry(name: "a", size: 5, modified: 1).header
    for index in [0, 130, 257, 500] {
      var changed = header
      changed[index] ^= 1
      #expect(TarEntry(header: changed) == nil, "\(index)")
    }
    #expect(TarEntry(header: [UInt8](repeating: 0, count: 512)) == nil)
    #expect(TarEntry(header: []) == nil)
  }

  @Test func `the header is the one that POSIX describes`() {
    let header = TarEntry(name: "manifest.json", size: 0o1234, modified: 0o7654321).header
    func text(_ field: Range<Int>) -> String { String(decoding: header[field].prefix { $0 != 0 }, as: UTF8.self) }
    #expect(text(0..<100) == "manifest.json" && text(100..<108) == "0000600")
    #expect(text(124..<136) == "00000001234" && text(136..<148) == "00007654321")
    #expect(text(257..<263) == "ustar" && header[156] == UInt8(ascii: "0"))
    let blanked = header.indices.map { (148..<156).contains($0) ? 32 : Int(header[$0]) }
    #expect(Int(text(148..<155), radix: 8) == blanked.reduce(0, +))
  }

  @Test func `a draft replaces a file when it is committed, and leaves nothing otherwise`() throws {
    let folder = FileManager.default.temporaryDirectory.path + "/draft-\(UInt64.random(in: 0 ... .max))"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let path = folder + "/a"
    func content() -> String? { try? String(contentsOfFile: path, encoding: .utf8) }
    func names() throws -> [String] { try FileManager.default.contentsOfDirectory(atPath: folder) }
    do {
      let draft = try FileDraft(for: path)
      try draft.append(Array("old".utf8))
      #expect(content() == nil)
      try draft.commit()
    }
    #expect(content() == "old")
    do {
      let draft = try FileDraft(for: path)
      try draft.append(Array("never".utf8))
      #expect(try names().count == 2)
      withExtendedLifetime(draft) {}
    }
    #expect(try content() == "old" && names() == ["a"])
  }
}
