/// The inbound event that the body of an arriving request is refused while requests before it wait for their
/// responses. The handler that holds it back drops it; the connection refuses it in its turn.
package struct IncompleteRequest: Sendable {
  package init() {}
}
