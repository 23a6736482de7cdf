import LibCrypto
import Testing

@Suite struct `Secure random` {
  @Test(arguments: [0, 1, 2, 3, 16, 32, 100_000])
  func `the requested number of bytes is returned`(count: Int) throws {
    #expect(try SecureRandom.bytes(count: count).count == count)
  }

  @Test func `bytes use every value and do not repeat`() throws {
    let bytes = try SecureRandom.bytes(count: 100_000)
    #expect(Set(bytes).count == 256)
    #expect(try SecureRandom.bytes(count: 16) != SecureRandom.bytes(count: 16))
  }

  @Test(arguments: [(1, 2), (2, 3), (3, 4), (16, 22), (32, 43)])
  func `tokens have base64url's length and letters`(byteCount: Int, length: Int) throws {
    let letters = Set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
    var seen: Set<Character> = []
    for _ in 0..<300 {
      let token = try SecureRandom.token(byteCount: byteCount)
      #expect(token.count == length)
      seen.formUnion(token)
    }
    #expect(seen.isSubset(of: letters))
    #expect(byteCount < 3 || seen == letters)
  }

  @Test func `tokens do not repeat`() throws {
    var tokens: Set<String> = []
    for _ in 0..<1000 { tokens.insert(try SecureRandom.token()) }
    #expect(tokens.count == 1000)
  }
}
