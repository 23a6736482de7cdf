internal import CCrypto

/// The algorithms that OpenSSL hands out, looked up once for the life of the process.
///
/// They come from a library context of our own and not from OpenSSL's default one. The default context reads the
/// machine's `openssl.cnf`, which takes time and can switch algorithms off; a digest must be the same everywhere.
enum Algorithms {
  // OpenSSL documents both objects as safe for concurrent use once made; they are never freed and never changed.
  nonisolated(unsafe) static let context: OpaquePointer? = OSSL_LIB_CTX_new()

  // A fetch costs more than a small hash (OpenSSL's crypto(7), "performance"), therefore once only.
  nonisolated(unsafe) static let sha256: OpaquePointer? = EVP_MD_fetch(context, "SHA256", nil)
}

/// Stops the process because OpenSSL refused something that only a lack of memory or a broken installation can refuse.
func checkOpenSSL(_ result: Int32, _ call: StaticString) {
  // No input reaches this: the algorithm and all sizes are constants of ours.
  precondition(result == 1, "OpenSSL's \(call) failed: out of memory, or libcrypto does not provide SHA-256")
}
