import HTTPSupport
import Testing

@Suite struct HostRuleTests {
  @Test(
    arguments: [
      ("127.0.0.1", true), ("127.8.9.10", true), ("::1", true), ("::ffff:127.0.0.1", true), ("LOCALHOST", true),
      ("a.localhost", true), ("0.0.0.0", false), ("::", false), ("127.0.0.256", false),
      ("127.0.0.1.example.com", false), ("notlocalhost", false), ("", false),
    ])
  func `loopback is what only this machine reaches`(host: String, isLoopback: Bool) {
    #expect(Loopback.contains(host) == isLoopback)
  }

  @Test(
    arguments: [
      ("localhost:80", nil, nil), ("[::1]:80", nil, nil), ("Proxy.example.com.", nil, nil),
      ("localhost", "null", .fromBrowserPage), (nil, nil, .invalidHost(nil)), ("a b", nil, .invalidHost("a b")),
      ("evil.example", nil, .otherHost("evil.example")), ("10.1.2.3", nil, .otherHost("10.1.2.3")),
    ] as [(String?, String?, HostRule.Refusal?)])
  func `a listener on loopback accepts only its own names and the allowed ones, and no browser pages`(
    authority: String?, origin: String?, refusal: HostRule.Refusal?
  ) {
    let rule = HostRule(host: "127.0.0.1", allowedHosts: ["PROXY.example.com"])
    #expect(rule.check(authority: authority, origin: origin) == refusal)
  }

  @Test func `a listener for others accepts any name unless some are allowed, and any address`() {
    let open = HostRule(host: "0.0.0.0")
    #expect(open.check(authority: "any.example", origin: "https://any.example") == nil)
    let closed = HostRule(host: "0.0.0.0", allowedHosts: ["known.example"])
    #expect(closed.check(authority: "any.example", origin: nil) == .otherHost("any.example"))
    #expect(closed.check(authority: "10.1.2.3:80", origin: nil) == nil)
  }
}
