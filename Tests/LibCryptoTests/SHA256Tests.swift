import LibCrypto
import Testing

@Suite struct `SHA-256` {
  static let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"

  // The examples of FIPS 180-4, and a text whose digest is coreutils' sha256sum of its UTF-8 bytes.
  static let known: [(text: String, hex: String)] = [
    ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
    ("abc", abc),
    (
      "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
      "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
    ),
    ("é", "4a99557e4033c3539de2eb65472017cad5f9557f7a0625a09f1c3f6e2ba69c4c"),
  ]

  @Test(arguments: known)
  func `the digest of known texts is the published digest`(text: String, hex: String) {
    #expect(SHA256.hash(text).hexString == hex)
    #expect(SHA256.hash(Array(text.utf8)).hexString == hex)
    #expect(SHA256.hash(text[...]).hexString == hex)
    #expect(SHA256.hash(AnySequence(text.utf8)).hexString == hex)
  }

  @Test func `the digest of a million letters is the published digest`() {
    let digest = SHA256.hash(String(repeating: "a", count: 1_000_000))
    #expect(digest.hexString == "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0")
  }

  @Test(arguments: [1, 3, 63, 64, 65, 1000])
  func `the digest of pieces is the digest of the whole`(size: Int) {
    let bytes = (0..<5000).map { UInt8(truncatingIfNeeded: $0 &* 31) }
    var hasher = SHA256Hasher()
    for start in stride(from: 0, to: bytes.count, by: size) {
      hasher.update(bytes[start..<min(start + size, bytes.count)])
    }
    hasher.update(AnySequence([]))
    #expect(hasher.finalize() == SHA256.hash(bytes))
  }

  @Test func `the digest of no pieces is the digest of the empty text`() {
    #expect(SHA256Hasher().finalize() == SHA256.hash(""))
  }

  @Test func `a digest survives a round trip through text in either case`() {
    let digest = SHA256.hash("abc")
    #expect(SHA256Digest(hex: digest.hexString) == digest)
    #expect(SHA256Digest(hex: digest.hexString.uppercased()) == digest)
    #expect(SHA256Digest(bytes: digest.bytes) == digest)
    #expect("\(digest)" == Self.abc)
  }

  @Test(arguments: ["", "ba", String(abc.dropLast()), abc + "00", "zz" + abc.dropFirst(2), "é" + abc.dropFirst(2)])
  func `text that is not a digest is refused`(text: String) {
    #expect(SHA256Digest(hex: text) == nil)
  }

  @Test func `digests sort in the order of their hexadecimal form`() {
    let digests = (0..<200).map { SHA256.hash("\($0)") }
    #expect(digests.sorted().map(\.hexString) == digests.map(\.hexString).sorted())
    #expect(Set(digests).count == 200)
  }

  @Test func `digests computed in many tasks at once are right`() async {
    let expected = (0..<64).map { SHA256.hash("\($0)") }
    await withTaskGroup(of: Bool.self) { group in
      for task in 0..<8 {
        group.addTask { (0..<64).allSatisfy { SHA256.hash("\(($0 + task) % 64)") == expected[($0 + task) % 64] } }
      }
      for await allRight in group { #expect(allRight) }
    }
  }
}
