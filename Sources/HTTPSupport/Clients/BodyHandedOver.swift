/// The outbound event that the handler of the current request counts the bytes of its complete body from now on, so that
/// they no longer count towards ``ClientLimits/heldBytes``.
package struct BodyHandedOver: Sendable {
  package init() {}
}
