import LibCrypto
import Testing

@Suite struct `HMAC-SHA-256` {
  /// Test cases 1, 2, 3 and 6 of RFC 4231, and the empty key and message (Wikipedia's HMAC example).
  static let published: [(key: [UInt8], message: [UInt8], hex: String)] = [
    (
      Array(repeating: 0x0b, count: 20), Array("Hi There".utf8),
      "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"
    ),
    (
      Array("Jefe".utf8), Array("what do ya want for nothing?".utf8),
      "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
    ),
    (
      Array(repeating: 0xaa, count: 20), Array(repeating: 0xdd, count: 50),
      "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"
    ),
    (
      Array(repeating: 0xaa, count: 131), Array("Test Using Larger Than Block-Size Key - Hash Key First".utf8),
      "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"
    ),
    ([], [], "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad"),
  ]

  @Test(arguments: published)
  func `the code of published messages is the published code`(key: [UInt8], message: [UInt8], hex: String) {
    let code = HMACSHA256.authenticate(message, key: key)
    #expect(Hexadecimal.encode(code) == hex)
    #expect(HMACSHA256.isValid(code, for: message, key: key))
    #expect(!HMACSHA256.isValid(code, for: message + [0], key: key))
    #expect(!HMACSHA256.isValid(code, for: message, key: key + [1]))
    #expect(!HMACSHA256.isValid(Array(code.dropLast()), for: message, key: key))
  }

  @Test func `comparison in constant time is equality`() {
    #expect(constantTimeEquals([], []))
    #expect(constantTimeEquals([1, 2, 3], [1, 2, 3]))
    #expect(!constantTimeEquals([1, 2, 3], [1, 2, 4]))
    #expect(!constantTimeEquals([1, 2, 3], [0, 2, 3]))
    #expect(!constantTimeEquals([1, 2, 3], [1, 2]))
    #expect(constantTimeEquals("tokén", "tokén"))
    #expect(!constantTimeEquals("token", "Token"))
  }
}
