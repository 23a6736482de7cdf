/// The email addresses notified of updates. Their order has no meaning, and each is listed once.
package struct NotificationSettings: Hashable, Sendable {
  package let onUpdateSuccess: [String]
  package let onUpdateFailure: [String]

  package init(onUpdateSuccess: [String] = [], onUpdateFailure: [String] = []) {
    self.onUpdateSuccess = Set(onUpdateSuccess).sorted()
    self.onUpdateFailure = Set(onUpdateFailure).sorted()
  }

  package var isEmpty: Bool { onUpdateSuccess.isEmpty && onUpdateFailure.isEmpty }
}
