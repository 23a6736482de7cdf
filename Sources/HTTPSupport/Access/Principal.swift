/// Who sends a request: what authentication yields, and what permissions, limits and records refer to.
package struct Principal: Hashable, Sendable {
  /// A token's name, never the token.
  package let name: String

  package init(name: String) { self.name = name }
}
