import HTTPSupport
import Testing

@Suite struct AccessTokenTests {
  @Test(arguments: [
    ("Bearer abc", "abc"), ("bearer  abc", "abc"), ("Basic dG9rZW46YWJj", "abc"), ("Basic dXNlcjphYmM=", nil),
    ("Basic ???", nil), ("Bearer ", nil), ("Digest abc", nil), ("abc", nil), (nil, nil),
  ])
  func `bearer and basic authentication with the user token are accepted`(header: String?, token: String?) {
    #expect(AccessToken.read(fromAuthorization: header) == token)
  }

  @Test(
    arguments: [
      ("Bearer secret", nil), ("Basic dG9rZW46c2VjcmV0", nil), (nil, .missing), ("", .missing), ("secret", .malformed),
      ("Digest secret", .malformed), ("Bearer ", .malformed), ("Bearer Secret", .wrong), ("Bearer secret1", .wrong),
    ] as [(String?, AccessTokenDigest.Refusal?)])
  func `only a header with the token is accepted, and the reason for a refusal is known`(
    header: String?, refusal: AccessTokenDigest.Refusal?
  ) {
    #expect(AccessTokenDigest(token: "secret").check(header) == refusal)
  }

  @Test func `an empty token grants access to nobody`() {
    let empty = AccessTokenDigest(token: "")
    #expect(!empty.accepts(""))
    // "token:", with an empty password.
    #expect(empty.check("Basic dG9rZW46") == .wrong)
  }
}
