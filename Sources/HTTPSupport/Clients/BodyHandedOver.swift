/// An outbound event: from now on, the handler of the current request counts the bytes of its complete body itself, so
/// that they no longer count towards ``ClientLimits/requestMemory``.
package struct BodyHandedOver: Sendable {
  package init() {}
}
