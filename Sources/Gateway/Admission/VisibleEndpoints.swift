import HTTPSupport

/// The endpoints as one principal sees them: those that it may not see do not exist.
struct VisibleEndpoints {
  let directory: any EndpointDirectory
  let authorizer: any Authorizer
  let principal: Principal

  /// The endpoint of that name; nil if not found.
  func endpoint(named name: String) -> QueryableEndpoint? {
    guard let endpoint = directory.endpoint(named: name) else { return nil }
    return authorizer.level(of: principal, on: name) == nil ? nil : endpoint
  }

  /// The same, for a query.
  ///
  /// - Throws: ``GatewayError`` if the principal may see the endpoint, but not query it.
  func queryableEndpoint(named name: String) throws(GatewayError) -> QueryableEndpoint? {
    guard let endpoint = directory.endpoint(named: name),
      let level = authorizer.level(of: principal, on: name)
    else { return nil }
    guard level >= .query else { throw .mayNotQuery(name, principal) }
    return endpoint
  }

  /// All of them, in listing order.
  var all: [QueryableEndpoint] {
    directory.endpoints.filter { authorizer.level(of: principal, on: $0.name) != nil }
  }
}
