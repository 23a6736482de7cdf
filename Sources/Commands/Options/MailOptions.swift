internal import ArgumentParser
internal import LibCurl
internal import ServingPlane

/// How a serving plane sends the notifications of its endpoints by email.
struct MailOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "The mail server for endpoints' notifications: smtp://[USER@]HOST[:PORT], or smtps://... The password of USER is "
        + "taken from SETPOINT_SMTP_PASSWORD or DIR/secrets/smtp/password. (default: no email is sent)",
      valueName: "URL"))
  var smtp: String?
  @Option(
    help: ArgumentHelp("The sender of the email. (default: setpoint@ this machine's name)", valueName: "ADDRESS"))
  var smtpFrom: String?

  static let passwordVariable = "SETPOINT_SMTP_PASSWORD"

  func validate() throws {
    if smtp == nil, smtpFrom != nil { throw ValidationError("--smtp-from requires --smtp") }
    _ = try mail([:])
  }

  /// How email is sent; nil if it is not.
  ///
  /// - Throws: a usage error.
  func mail(_ environment: [String: String]) throws -> PlaneMail? {
    guard let smtp else { return nil }
    let server: MailServer
    do throws(MailServer.Malformed) { server = try MailServer(smtp) } catch {
      throw ValidationError("--smtp is \(error.description)")
    }
    let sender = try self.sender()
    let password = environment[Self.passwordVariable].flatMap { $0.isEmpty ? nil : $0 }
    return PlaneMail(server: server, sender: sender, password: password)
  }

  private func sender() throws -> MailAddress {
    if let smtpFrom {
      guard let address = try? MailAddress(smtpFrom) else {
        throw ValidationError("--smtp-from \"\(smtpFrom)\" is not an email address; for example setpoint@example.com")
      }
      return address
    }
    guard let address = try? MailAddress("setpoint@" + PlaneMail.hostName) else {
      throw ValidationError(
        "the name of this machine is not part of a valid email address; specify the sender with --smtp-from ADDRESS")
    }
    return address
  }
}
