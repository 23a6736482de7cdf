import CanonicalJSON
import Endpoints

/// The engine flags that a manifest passes to a plane, as a JSON list of words in one environment variable. The plane
/// reads the variable and does not pass it on; the words follow the entrypoint's own, and vLLM uses the last of a
/// repeated flag.
enum EngineFlags {
  static let variable = EngineArguments.variable

  static func words(_ text: String) throws(EntrypointError) -> [String] {
    let value: JSONValue
    do { value = try JSONValue(parsing: text) } catch {
      throw EntrypointError(description: "\(variable) is \(error)")
    }
    let words = value.arrayValue?.compactMap(\.stringValue)
    guard let words, words.count == value.arrayValue?.count else {
      throw EntrypointError(description: "\(variable) must be a JSON list of words, such as [\"--dtype\", \"float16\"]")
    }
    return words
  }
}
