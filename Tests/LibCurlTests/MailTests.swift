import Foundation
import LibCurl
import Testing

@Suite(.timeLimit(.minutes(1))) struct `A mail` {
  let server: TestServer

  init() throws { server = try TestServer.running() }

  private var local: String { "smtp://127.0.0.1:\(server.ports.smtp)" }

  private struct Arrival: Decodable {
    let from: String?
    let login: [String]?
    let data: String?

    /// The lines of the header, those that continue another one included.
    var header: [String] {
      let lines = (data ?? "").components(separatedBy: "\r\n")
      return Array(lines.prefix { !$0.isEmpty })
    }

    var text: String? {
      let body = (data ?? "").components(separatedBy: "\r\n\r\n").dropFirst().joined()
      return Data(base64Encoded: body, options: .ignoreUnknownCharacters).map { String(decoding: $0, as: UTF8.self) }
    }
  }

  private func mail(to address: String, subject: String = "news", text: String = "all is well\n") throws -> MailMessage
  {
    MailMessage(
      from: try MailAddress("setpoint@plane.example.com"), to: try MailAddress(address), subject: subject, text: text,
      secondsSince1970: 1_796_123_045, id: "0123abc")
  }

  private func arrival(of address: String) async throws -> Arrival { try await server.ask("mail", about: address) }

  private func recipient(_ name: String) -> String { "\(name)-\(uniqueKey().lowercased())@example.com" }

  @Test func `a mail arrives as it was written`() async throws {
    let to = recipient("anna")
    let text = "Version 7 failed.\n.\nThe reason: größer als der Speicher\n" + String(repeating: "long ", count: 400)
    let failure = try await MailServer(local).send(try mail(to: to, text: text))
    #expect(failure == nil)
    let arrived = try await arrival(of: to)
    #expect(arrived.from?.contains("<setpoint@plane.example.com>") == true)
    #expect(arrived.login == [])
    #expect(arrived.text == text)
    for line in [
      "Date: Tue, 01 Dec 2026 11:04:05 +0000", "From: <setpoint@plane.example.com>", "To: <\(to)>",
      "Message-ID: <0123abc@plane.example.com>", "Subject: news",
    ] {
      #expect(arrived.header.contains(line), "\(arrived.header)")
    }
  }

  @Test func `no text adds a line to the header`() async throws {
    let to = recipient("bert")
    let subject = "über\r\nBcc: everybody@example.com\r\n\r\n" + String(repeating: "ä", count: 100)
    #expect(try await MailServer(local).send(try mail(to: to, subject: subject)) == nil)
    let arrived = try await arrival(of: to)
    #expect(!arrived.header.contains { $0.hasPrefix("Bcc") }, "\(arrived.header)")
    #expect(arrived.header.allSatisfy { $0.utf8.count <= 86 }, "\(arrived.header)")
    let words = arrived.header.drop { !$0.hasPrefix("Subject:") }.prefix { $0.contains("=?UTF-8?B?") }
    let decoded = words.compactMap { word -> String? in
      guard let start = word.range(of: "=?UTF-8?B?"), let end = word.range(of: "?=") else { return nil }
      let base64 = String(word[start.upperBound..<end.lowerBound])
      return Data(base64Encoded: base64).map { String(decoding: $0, as: UTF8.self) }
    }
    #expect(decoded.joined().hasPrefix("über") && decoded.joined().hasSuffix("ää"), "\(arrived.header)")
  }

  @Test(arguments: [
    "", "a", "@example.com", "a@", "a@b@c", "a b@example.com", "a@example.com\r\nRCPT TO:<x@example.com>", "a@exa mple",
    "<a@example.com>", "a@example..com", "ä@example.com", "\"a\"@example.com", "a,b@example.com",
  ])
  func `an address that could be more than one is refused`(_ text: String) {
    #expect(throws: MailAddress.Malformed.self) { try MailAddress(text) }
  }

  @Test func `a refusal for good is told apart from a temporary one`() async throws {
    let refused = try #require(try await MailServer(local).send(try mail(to: recipient("refused"))))
    #expect(!refused.mayPass && refused.message.contains("550"), "\(refused)")
    let later = try #require(try await MailServer(local).send(try mail(to: recipient("later"))))
    #expect(later.mayPass && later.message.contains("451"), "\(later)")
    let closed = "smtp://127.0.0.1:\(server.ports.closed)"
    let unreachable = try #require(try await MailServer(closed).send(try mail(to: recipient("carla"))))
    #expect(unreachable.mayPass && unreachable.message.hasPrefix(closed), "\(unreachable)")
  }

  @Test func `a user logs in at a server on this machine`() async throws {
    let to = recipient("dora")
    let login = try MailServer("smtp://plane%40example.com@127.0.0.1:\(server.ports.smtp)")
    #expect(login.url == local, "the user is not shown")
    #expect(try await login.send(mail(to: to), password: "opensesame") == nil)
    #expect(try await arrival(of: to).login == ["plane@example.com", "opensesame"])
  }

  @Test func `a password is not sent to another machine without encryption`() async throws {
    let to = recipient("emil")
    let distant = try MailServer("smtp://plane@127.0.0.2:\(server.ports.distantSMTP)")
    let failure = try #require(try await distant.send(mail(to: to), password: "opensesame"))
    #expect(!failure.message.contains("opensesame"))
    #expect(try await arrival(of: to).data == nil)
    let open = try MailServer("smtp://127.0.0.2:\(server.ports.distantSMTP)")
    #expect(try await open.send(mail(to: to)) == nil, "without a password, encryption is used if it is offered")
  }

  @Test func `canceling ends a transfer to a server that does not respond`() async throws {
    let to = recipient("silent")
    let (silent, message) = (try MailServer(local), try mail(to: to))
    let sending = Task { await silent.send(message) }
    let arrived: Arrived = try await server.ask("arrived", about: to)
    #expect(arrived.arrived)
    sending.cancel()
    #expect(await sending.value?.message == "canceled")
  }

  @Test(arguments: [
    "mail.example.com:hunter2", "http://mail.example.com", "smtp://user:hunter2@mail.example.com", "smtp://",
    "smtp://mail.example.com/hunter2", "smtp://mail.example.com?hunter2", "smtp://mail.example.com\r\nhunter2",
  ])
  func `an invalid address of a server is refused without being repeated`(_ text: String) throws {
    let error = try #require(throws: MailServer.Malformed.self) { try MailServer(text) }
    #expect(!error.description.contains("hunter2"), "\(error)")
    #expect(error.description.contains("smtp://[USER@]HOST"))
  }
}
