/// Who is told by e-mail how an update went. The order of addresses carries no meaning, and each stands once.
package struct NotificationSettings: Hashable, Sendable {
  package let onUpdateSuccess: [String]
  package let onUpdateFailure: [String]

  package init(onUpdateSuccess: [String] = [], onUpdateFailure: [String] = []) {
    self.onUpdateSuccess = Set(onUpdateSuccess).sorted()
    self.onUpdateFailure = Set(onUpdateFailure).sorted()
  }

  package var isEmpty: Bool { onUpdateSuccess.isEmpty && onUpdateFailure.isEmpty }
}
