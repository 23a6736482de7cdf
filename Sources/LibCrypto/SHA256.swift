internal import CCrypto

/// Computes SHA-256 of available bytes; `SHA256Hasher` takes them piece by piece.
package enum SHA256 {
  /// Returns the digest of the bytes.
  package static func hash(_ bytes: some Sequence<UInt8>) -> SHA256Digest {
    bytes.withContiguousStorageIfAvailable { hash(contiguous: UnsafeRawBufferPointer($0)) }
      ?? Array(bytes).withUnsafeBytes { hash(contiguous: $0) }
  }

  /// Returns the digest of the text's UTF-8 bytes.
  package static func hash(_ text: some StringProtocol) -> SHA256Digest {
    hash(text.utf8)
  }

  private static func hash(contiguous bytes: UnsafeRawBufferPointer) -> SHA256Digest {
    SHA256Digest { output in
      checkOpenSSL(
        EVP_Digest(bytes.baseAddress, bytes.count, output.baseAddress, nil, Algorithms.sha256, nil), "EVP_Digest")
    }
  }
}

/// Computes SHA-256 of bytes that arrive piece by piece.
package struct SHA256Hasher: ~Copyable {
  private let context: OpaquePointer?

  /// Creates a hasher without any bytes.
  package init() {
    context = EVP_MD_CTX_new()
    checkOpenSSL(EVP_DigestInit_ex2(context, Algorithms.sha256, nil), "EVP_DigestInit_ex2")
  }

  deinit { EVP_MD_CTX_free(context) }

  /// Appends bytes to the hashed data.
  package mutating func update(_ bytes: some Sequence<UInt8>) {
    let context = context
    func update(contiguous bytes: UnsafeRawBufferPointer) {
      checkOpenSSL(EVP_DigestUpdate(context, bytes.baseAddress, bytes.count), "EVP_DigestUpdate")
    }
    if bytes.withContiguousStorageIfAvailable({ update(contiguous: UnsafeRawBufferPointer($0)) }) == nil {
      Array(bytes).withUnsafeBytes { update(contiguous: $0) }
    }
  }

  /// Returns the digest of everything appended, and consumes the hasher.
  package consuming func finalize() -> SHA256Digest {
    let context = context
    return SHA256Digest { output in
      checkOpenSSL(EVP_DigestFinal_ex(context, output.baseAddress, nil), "EVP_DigestFinal_ex")
    }
  }
}
