internal import CCrypto

/// Generates random bytes for keys and tokens.
package enum SecureRandom {
  /// Returns random bytes from OpenSSL's generator, which the operating system seeds.
  ///
  /// - Throws: `SecureRandomUnavailable` if the generator cannot be seeded. There is no weaker fallback.
  package static func bytes(count: Int) throws(SecureRandomUnavailable) -> [UInt8] {
    var seeded = false
    let bytes = [UInt8](unsafeUninitializedCapacity: max(count, 0)) { buffer, written in
      seeded = RAND_bytes_ex(Algorithms.context, buffer.baseAddress, buffer.count, 0) == 1
      written = seeded ? buffer.count : 0
    }
    guard seeded || count <= 0 else { throw SecureRandomUnavailable(reason: lastOpenSSLError()) }
    return bytes
  }

  /// Returns a random token of `byteCount` bytes in base64url without padding (RFC 4648, section 5), which is safe in a
  /// URL, a file name and a header.
  ///
  /// - Throws: `SecureRandomUnavailable`, like `bytes(count:)`.
  package static func token(byteCount: Int = 32) throws(SecureRandomUnavailable) -> String {
    base64URL(try bytes(count: byteCount))
  }

  private static func base64URL(_ bytes: [UInt8]) -> String {
    let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".utf8)
    var text: [UInt8] = []
    text.reserveCapacity((bytes.count * 4 + 2) / 3)
    for start in stride(from: 0, to: bytes.count, by: 3) {
      let group = bytes[start..<min(start + 3, bytes.count)]
      let bits = group.reduce(UInt32(0)) { $0 << 8 | UInt32($1) } << UInt32(8 * (3 - group.count))
      for position in 0...group.count {
        text.append(alphabet[Int(bits >> UInt32(18 - 6 * position) & 0x3F)])
      }
    }
    return String(decoding: text, as: UTF8.self)
  }

  private static func lastOpenSSLError() -> String {
    let code = ERR_get_error()
    guard code != 0, let reason = ERR_reason_error_string(code) else { return "no reason given" }
    return String(cString: reason)
  }
}

/// The error if OpenSSL could not gather enough randomness.
package struct SecureRandomUnavailable: Error, CustomStringConvertible {
  /// OpenSSL's own words.
  package let reason: String

  package var description: String {
    "no secure random bytes: OpenSSL could not seed its generator (\(reason)); "
      + "check that /dev/urandom or getrandom(2) works here"
  }
}
