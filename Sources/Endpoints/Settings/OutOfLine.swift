/// Stores a rarely used optional value outside of its container, so that it takes no space in a fleet of thousands.
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
