import FoundationEssentials
import LibYAML

/// What the plane reads of an MLflow model folder's `MLmodel` file. The metadata stands in that file and nowhere else; a long
/// entrypoint is folded over several lines there, which a YAML reader joins.
struct MLmodel: Hashable, Sendable {
  var entrypoint: String?
  var task: String?

  /// - Parameter path: the file; one that is not there is nil.
  init?(path: String) throws(ModelError) {
    guard FileManager.default.fileExists(atPath: path) else { return nil }
    do {
      let bytes = try [UInt8](Data(contentsOf: URL(filePath: path)))
      let metadata = try YAMLParser.documents(in: bytes, file: path).first?.root?.mapping?["metadata"]?.mapping
      entrypoint = metadata?["entrypoint"]?.text
      task = metadata?["task"]?.text
    } catch {
      throw ModelError(code: .invalid, description: "\(path) cannot be read: \(error)")
    }
  }

  init(entrypoint: String?, task: String?) {
    self.entrypoint = entrypoint
    self.task = task
  }
}
