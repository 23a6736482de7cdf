import LibYAML
import ServingAPI

/// The parts of an MLflow model folder's `MLmodel` file that the plane reads. No other file has the metadata; a long
/// entrypoint is folded over several lines, which a YAML reader joins.
struct MLmodel: Hashable, Sendable {
  var entrypoint: String?
  var task: String?

  /// - Parameter path: the file, of at most one mebibyte; a missing file gives nil.
  init?(path: String) throws(ModelError) {
    do {
      guard let text = try SecureFile.readText(path) else { return nil }
      let metadata = try YAMLParser.documents(in: Array(text.utf8), file: path).first?.root?.mapping?["metadata"]?
        .mapping
      entrypoint = metadata?["entrypoint"]?.text
      task = metadata?["task"]?.text
    } catch let error as TargetError {
      throw ModelError(code: .invalid, description: error.message)
    } catch {
      throw ModelError(code: .invalid, description: "\(path) cannot be read: \(error.systemMessage)")
    }
  }
}
