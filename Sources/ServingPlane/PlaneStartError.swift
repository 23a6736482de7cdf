/// Why a plane could not start, and what to do about it.
package struct PlaneStartError: Error, CustomStringConvertible {
  package let message: String
  package let advice: String

  package var description: String { "\(message); \(advice)" }
}
