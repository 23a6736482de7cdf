internal import FileSystem
internal import Glibc
internal import NIOCore
internal import NIOSSL

/// The files of a server's certificate, in PEM form.
package struct TLSFiles: Hashable, Sendable {
  /// The server's certificate, followed by those of the authorities between it and a root.
  package var certificate: String
  /// Its private key, without a passphrase. May be the same file.
  package var key: String

  package init(certificate: String, key: String) {
    self.certificate = certificate
    self.key = key
  }
}

/// Why a certificate or its key cannot be used, and what to do about it.
package struct TLSIdentityError: Error, Hashable, Sendable, CustomStringConvertible {
  package let message: String
  package let advice: String

  package var description: String { "\(message); \(advice)" }
}

/// A certificate and its key, read from their files and checked.
struct TLSPair {
  let context: NIOSSLContext
  /// When the certificate expires, in seconds since 1970.
  let expires: Int64
  /// Whether every user can read the key.
  let isKeyPublic: Bool

  private static let largest = 1 << 20

  /// - Parameter now: seconds since 1970.
  init(_ files: TLSFiles, at now: Int64) throws(TLSIdentityError) {
    let (certificateBytes, _) = try Self.read(files.certificate, "certificate")
    let chain = try Self.chain(certificateBytes, files.certificate)
    let (keyBytes, mode) = try Self.read(files.key, "key")
    let key = try Self.key(keyBytes, files.key)
    guard let leaf = chain.first else { throw Self.notPEM(files.certificate) }
    let (begins, expires) = (Int64(leaf.notValidBefore), Int64(leaf.notValidAfter))
    guard now >= begins else {
      throw TLSIdentityError(
        message: "the TLS certificate \(files.certificate) is not valid before \(Self.date(begins)), and it is "
          + Self.date(now),
        advice: "check this machine's clock, or use another certificate")
    }
    guard now <= expires else {
      throw TLSIdentityError(
        message: "the TLS certificate \(files.certificate) expired on \(Self.date(expires))",
        advice: "renew it; clients refuse an expired one")
    }
    self.expires = expires
    isKeyPublic = mode & S_IROTH != 0
    var configuration = TLSConfiguration.makeServerConfiguration(
      certificateChain: chain.map { .certificate($0) }, privateKey: .privateKey(key))
    configuration.minimumTLSVersion = .tlsv12
    // The gateway's pipeline speaks HTTP/1.1 only.
    configuration.applicationProtocols = ["http/1.1"]
    // A peer that does not take its leave does not keep its connection for longer.
    configuration.shutdownTimeout = .seconds(1)
    do { context = try NIOSSLContext(configuration: configuration) } catch {
      // Both were read, so what is left is that one is not for the other.
      throw TLSIdentityError(
        message: "the TLS key \(files.key) does not belong to the certificate \(files.certificate)",
        advice: "use the key with which the certificate was requested; the server's own certificate must be the first "
          + "in its file")
    }
  }

  private static func chain(_ bytes: [UInt8], _ path: String) throws(TLSIdentityError) -> [NIOSSLCertificate] {
    do { return try NIOSSLCertificate.fromPEMBytes(bytes) } catch { throw notPEM(path) }
  }

  private static func notPEM(_ path: String) -> TLSIdentityError {
    TLSIdentityError(
      message: "the TLS certificate \(path) is not a certificate in PEM form",
      advice: "the file must contain \"-----BEGIN CERTIFICATE-----\"; openssl x509 -inform der converts other forms")
  }

  private static func key(_ bytes: [UInt8], _ path: String) throws(TLSIdentityError) -> NIOSSLPrivateKey {
    let text = String(decoding: bytes, as: UTF8.self)
    guard !text.contains("BEGIN ENCRYPTED PRIVATE KEY"), !text.contains("Proc-Type: 4,ENCRYPTED") else {
      throw TLSIdentityError(
        message: "the TLS key \(path) is encrypted with a passphrase, which nobody could enter at a restart",
        advice: "decrypt it into a file of mode 0600: openssl pkey -in \(path) -out FILE")
    }
    do { return try NIOSSLPrivateKey(bytes: bytes, format: .pem) } catch {
      throw TLSIdentityError(
        message: "the TLS key \(path) is not a private key in PEM form",
        advice: "the file must contain \"-----BEGIN PRIVATE KEY-----\"; openssl pkey -inform der converts other forms")
    }
  }

  /// The contents of a file, and its mode.
  private static func read(_ path: String, _ what: String) throws(TLSIdentityError) -> ([UInt8], mode_t) {
    func unreadable(_ why: String) -> TLSIdentityError {
      TLSIdentityError(
        message: "the TLS \(what) \(path) cannot be read: \(why)",
        advice: "check --tls-\(what == "key" ? "key" : "cert") and the file's permissions")
    }
    var status = stat()
    guard stat(path, &status) == 0 else { throw unreadable("\(SystemError.last)") }
    guard status.st_mode & S_IFMT == S_IFREG else { throw unreadable("it is not a regular file") }
    guard status.st_size > 0 else { throw unreadable("it is empty") }
    guard status.st_size <= largest else { throw unreadable("it is larger than 1 MiB") }
    let bytes: [UInt8]
    do throws(SystemError) { bytes = try KernelFile.contents(path) } catch { throw unreadable("\(error)") }
    guard !bytes.isEmpty else { throw unreadable("it is empty") }
    return (bytes, status.st_mode)
  }

  static func date(_ second: Int64) -> String { DateHeader.text(time_t(second)) }
}
