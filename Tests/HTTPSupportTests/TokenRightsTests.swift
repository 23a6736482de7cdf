import HTTPSupport
import Testing

@Suite struct TokenRightsTests {
  @Test(
    arguments: [
      (TokenRights(), "a", nil), (TokenRights(.view), "a", .view), (TokenRights(.query), "a", .query),
      (TokenRights(.manage), "a", .manage), (.admin, "a", .manage),
      (TokenRights(.manage, endpoints: ["a"]), "a", .manage),
      (TokenRights(.manage, endpoints: ["a"]), "b", nil), (TokenRights(.view, endpoints: []), "a", nil),
      (TokenRights(nil, endpoints: ["a"]), "a", nil), (TokenRights(.admin, endpoints: ["a"]), "b", .manage),
    ] as [(TokenRights, String, EndpointLevel?)])
  func `a token has its level on its endpoints, and an administrator's on all`(
    rights: TokenRights, endpoint: String, level: EndpointLevel?
  ) {
    #expect(rights.level(on: endpoint) == level)
  }

  @Test(
    arguments: [
      (TokenRights(), []), (TokenRights(.view), [.view]), (TokenRights(.query), [.view, .query]),
      (TokenRights(.manage), [.view, .query, .manage]), (.admin, TokenLevel.allCases),
      (TokenRights(.manage, endpoints: ["a"]), []), (TokenRights(.admin, endpoints: ["a"]), TokenLevel.allCases),
    ] as [(TokenRights, [TokenLevel])])
  func `only a token for all endpoints covers what concerns all of them`(rights: TokenRights, covered: [TokenLevel]) {
    #expect(TokenLevel.allCases.filter(rights.covers) == covered)
  }

  @Test func `levels are ordered, and each allows what the weaker ones do`() {
    #expect(TokenLevel.allCases.sorted() == [.view, .query, .manage, .admin])
    #expect(EndpointLevel.allCases.sorted() == [.view, .query, .manage])
    #expect(TokenLevel.allCases.map { EndpointLevel($0) } == [.view, .query, .manage, .manage])
  }
}
