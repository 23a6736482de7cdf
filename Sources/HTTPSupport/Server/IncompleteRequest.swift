/// An inbound event: the body of an arriving request is refused while requests before it wait for their responses. The
/// handler that holds the request back drops it; the connection sends the refusal when its turn comes.
package struct IncompleteRequest: Sendable {
  package init() {}
}
