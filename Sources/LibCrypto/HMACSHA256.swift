internal import CCrypto

/// HMAC with SHA-256 (RFC 2104, RFC 4231): proves that a message was known to the holder of a key.
package enum HMACSHA256 {
  /// Returns the 32-byte code of the message under the key. The key may have any length, including zero.
  package static func authenticate(_ message: [UInt8], key: [UInt8]) -> [UInt8] {
    // OpenSSL reads a null key as "no key set", and an empty array may have no address: one spare byte gives it one.
    let addressable = key.isEmpty ? [0] : key
    return [UInt8](unsafeUninitializedCapacity: SHA256Digest.byteCount) { output, count in
      let written = EVP_Q_mac(
        Algorithms.context, "HMAC", nil, "SHA256", nil, addressable, key.count, message, message.count,
        output.baseAddress, output.count, &count)
      checkOpenSSL(written == nil ? 0 : 1, "EVP_Q_mac")
    }
  }

  /// Whether `code` is the message's code under the key. The time does not depend on where they differ.
  package static func isValid(_ code: [UInt8], for message: [UInt8], key: [UInt8]) -> Bool {
    constantTimeEquals(code, authenticate(message, key: key))
  }
}

/// Whether two byte strings are equal. The time depends only on their lengths, not on their contents.
package func constantTimeEquals(_ left: [UInt8], _ right: [UInt8]) -> Bool {
  left.count == right.count && CRYPTO_memcmp(left, right, left.count) == 0
}

/// Whether two texts have the same UTF-8 bytes. The time depends only on their lengths.
package func constantTimeEquals(_ left: String, _ right: String) -> Bool {
  constantTimeEquals(Array(left.utf8), Array(right.utf8))
}
