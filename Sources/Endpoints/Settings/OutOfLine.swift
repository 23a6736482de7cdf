/// A value that is seldom there, kept outside of what holds it: a fleet of thousands does not pay for the room of the
/// few.
@propertyWrapper
package struct OutOfLine<Value: Hashable & Sendable>: Hashable, Sendable {
  private indirect enum Box: Hashable, Sendable {
    case value(Value)
  }

  private var box: Box?

  package init(wrappedValue: Value?) { box = wrappedValue.map { .value($0) } }

  package var wrappedValue: Value? {
    get { if case .value(let value)? = box { value } else { nil } }
    set { box = newValue.map { .value($0) } }
  }
}
