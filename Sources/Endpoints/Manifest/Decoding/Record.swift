import LibYAML

/// A mapping that was read by its field table: one slot for each field of the type.
struct Record: Sendable {
  enum Slot: Sendable {
    case absent
    /// Present, but not usable; a finding says why.
    case invalid(SourceMark)
    case value(FieldValue, SourceMark)
  }

  let type: ObjectType
  let location: SourceLocation
  var slots: [Slot]

  init(type: ObjectType, location: SourceLocation) {
    self.type = type
    self.location = location
    slots = Array(repeating: .absent, count: type.fields.count)
  }

  private func slot(_ name: String) -> Slot {
    guard let index = type.slot(name) else { return .absent }
    return slots[index]
  }

  /// The value of a field, if it is usable.
  subscript(name: String) -> FieldValue? {
    if case .value(let value, _) = slot(name) { value } else { nil }
  }

  func isAbsent(_ name: String) -> Bool {
    if case .absent = slot(name) { true } else { false }
  }

  /// Returns the location of the field's value, usable or not.
  func location(of name: String) -> SourceLocation? {
    switch slot(name) {
    case .absent: nil
    case .invalid(let mark), .value(_, let mark): SourceLocation(source: location.source, mark: mark)
    }
  }

  func text(_ name: String) -> String? {
    if case .text(let text)? = self[name] { text } else { nil }
  }

  func boolean(_ name: String) -> Bool? {
    if case .boolean(let value)? = self[name] { value } else { nil }
  }

  func integer(_ name: String) -> Int? {
    if case .integer(let value)? = self[name] { value } else { nil }
  }

  func number(_ name: String) -> Double? {
    if case .number(let value)? = self[name] { value } else { nil }
  }

  func duration(_ name: String) -> Duration? {
    if case .duration(let value)? = self[name] { value } else { nil }
  }

  func version(_ name: String) -> VersionReference? {
    if case .version(let value)? = self[name] { value } else { nil }
  }

  func texts(_ name: String) -> [String: String]? {
    if case .texts(let value)? = self[name] { value } else { nil }
  }

  func list(_ name: String) -> [Slot]? {
    if case .list(let value)? = self[name] { value } else { nil }
  }

  func record(_ name: String) -> Record? {
    if case .record(let value)? = self[name] { value } else { nil }
  }
}

/// A field's value, as defined by its type.
enum FieldValue: Sendable {
  case text(String)
  case version(VersionReference)
  case boolean(Bool)
  case integer(Int)
  case number(Double)
  case duration(Duration)
  case texts([String: String])
  case list([Record.Slot])
  case record(Record)
  /// A value that is read but has no effect.
  case none
}
