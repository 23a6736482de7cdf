import Logging
import Synchronization

/// Records a plane's log.
struct RecordingLogHandler: LogHandler {
  final class Output: Sendable {
    private let state = Mutex<[(line: String, facts: [String: String])]>([])

    var lines: [String] { state.withLock { $0.map(\.line) } }

    /// The facts of the first message with this text; nil if there is none.
    func facts(of line: String) -> [String: String]? { state.withLock { $0.first { $0.line == line }?.facts } }

    fileprivate func add(_ line: String, _ facts: [String: String]) { state.withLock { $0.append((line, facts)) } }
  }

  let output: Output
  var metadata: Logger.Metadata = [:]
  var logLevel = Logger.Level.info
  subscript(metadataKey key: String) -> Logger.MetadataValue? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }

  func log(event: LogEvent) { output.add("\(event.message)", (event.metadata ?? [:]).mapValues { "\($0)" }) }
}
