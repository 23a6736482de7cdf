package import CanonicalJSON

/// A token of a serving plane. Only the response to its creation has the secret.
package struct WireToken: WireObject {
  package var members: [String: JSONValue]
  package init(members: [String: JSONValue]) { self.members = members }

  package static let fields: [String: WireField] = [
    "id": .text, "name": .text, "can": .text, "endpoints": .list(.text), "groups": .list(.text), "created_at": .number,
    "created_by": .text, "expires_at": .number, "last_used_at": .number, "replaced_at": .number, "secret": .text,
  ]
}

/// The request for a new token.
package struct WireTokenRequest: WireObject {
  package var members: [String: JSONValue]
  package init(members: [String: JSONValue]) { self.members = members }

  package static let fields: [String: WireField] = [
    "name": .text, "can": .text, "endpoints": .list(.text), "groups": .list(.text), "expires_in_seconds": .number,
  ]
}

/// The tokens of a serving plane.
package struct WireTokenList: WireObject {
  package var members: [String: JSONValue]
  package init(members: [String: JSONValue]) { self.members = members }

  package static let fields: [String: WireField] = ["tokens": .list(.object(WireToken.self))]
}

/// The request to exchange a token.
package struct WireTokenRotation: WireObject {
  package var members: [String: JSONValue]
  package init(members: [String: JSONValue]) { self.members = members }

  package static let fields: [String: WireField] = ["overlap_seconds": .number]
}
