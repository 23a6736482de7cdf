internal import CCrypto

/// The algorithms that OpenSSL provides, fetched once per process.
///
/// They come from our own library context instead of OpenSSL's default one. The default context reads the machine's
/// `openssl.cnf`, which takes time and can disable algorithms; a digest must be the same everywhere.
enum Algorithms {
  // OpenSSL documents both objects as safe for concurrent use once created; they are never freed and never changed.
  nonisolated(unsafe) static let context: OpaquePointer? = OSSL_LIB_CTX_new()

  // A fetch costs more than a small hash (OpenSSL's crypto(7), "performance"), so it is done only once.
  nonisolated(unsafe) static let sha256: OpaquePointer? = EVP_MD_fetch(context, "SHA256", nil)
}

/// Stops the process if an OpenSSL call failed that can fail only for lack of memory or because of a broken
/// installation.
func checkOpenSSL(_ result: Int32, _ call: StaticString) {
  // No input reaches this: the algorithm and all sizes are constants.
  precondition(result == 1, "OpenSSL's \(call) failed: out of memory, or libcrypto does not provide SHA-256")
}
