import Glibc
package import LibCurl

/// How a plane sends email.
package struct PlaneMail: Sendable {
  package let server: MailServer
  /// The sender of each mail.
  package let sender: MailAddress
  /// The password of the server's user; nil for the one in the plane's secrets (``secretReference``), if there is one.
  package let password: String?

  package init(server: MailServer, sender: MailAddress, password: String? = nil) {
    self.server = server
    self.sender = sender
    self.password = password
  }

  static let secretReference = "{{secrets/smtp/password}}"

  /// The name of this machine.
  package static let hostName: String = {
    var name = [CChar](repeating: 0, count: 256)
    guard gethostname(&name, name.count - 1) == 0 else { return "localhost" }
    return String(decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }()
}
