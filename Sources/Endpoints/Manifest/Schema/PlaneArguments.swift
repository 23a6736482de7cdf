import CanonicalJSON
import Durations
import LibYAML

/// The settings that only a serving plane has, passed from a manifest to a plane: in one environment variable, as a
/// JSON object in the manifest's own terms, because the serving API has no field for them. They are the endpoint's, so
/// each of its entities has the same; a plane applies a change of them without new replicas.
package struct PlaneArguments: Sendable, Hashable {
  /// The environment variable that carries the settings.
  package static let variable = ReservedNames.environmentPrefix + "PLANE"

  /// How a replica is chosen for a request.
  package enum Affinity: String, Sendable, Hashable, CaseIterable {
    /// The one with the least work.
    case leastWork = "none"
    /// The one that answered requests with the same first messages, so that its engine has them cached.
    case prefix
    /// The one that answered the same session.
    case session
  }

  /// How long the endpoint must be idle before all replicas stop, if it scales to zero. Whole seconds.
  package var idleAfter: Duration?
  /// The maximum number of concurrent requests per replica.
  package var concurrency: Int?
  /// The maximum number of queued requests.
  package var queueLength: Int?
  /// How long a request may wait for a replica. Whole seconds.
  package var queueWait: Duration?
  /// The maximum size of all queued requests.
  package var queueBytes: Int?
  package var affinity: Affinity?

  package init(
    idleAfter: Duration? = nil, concurrency: Int? = nil, queueLength: Int? = nil, queueWait: Duration? = nil,
    queueBytes: Int? = nil, affinity: Affinity? = nil
  ) {
    self.idleAfter = idleAfter
    self.concurrency = concurrency
    self.queueLength = queueLength
    self.queueWait = queueWait
    self.queueBytes = queueBytes
    self.affinity = affinity
  }

  /// Creates the settings of a record of type ``ManifestSchema/plane``.
  init(_ record: Record) {
    let queue = record.record("queue")
    self.init(
      idleAfter: record.duration("idleAfter"), concurrency: record.integer("concurrency"),
      queueLength: queue?.integer("length"), queueWait: queue?.duration("wait"), queueBytes: queue?.integer("bytes"),
      affinity: record.text("affinity").flatMap { Affinity(rawValue: $0) })
  }

  /// Reads the variable's value, by the rules of a manifest.
  package init(parsing text: String) throws(InvalidPlaneArguments) {
    let documents: [YAMLDocument]
    do throws(YAMLError) {
      documents = try YAMLParser.jsonDocuments(in: Array(text.utf8), file: Self.variable)
    } catch {
      throw InvalidPlaneArguments("is not valid JSON: \(error.message) (column \(error.location.column))")
    }
    guard documents.count == 1, let root = documents.first?.root, root.mapping != nil else {
      throw InvalidPlaneArguments("must be a JSON object, such as {\"concurrency\":64}")
    }
    var reader = RecordReader(root: ManifestSchema.plane, source: SourceFile(Self.variable))
    let record = reader.read(root)
    guard let record, reader.findings.isEmpty else {
      let findings = reader.findings.map { finding in
        "\(finding.path): \(finding.message)" + (finding.suggestion.map { "; " + $0 } ?? "")
      }
      throw InvalidPlaneArguments("is not valid: " + findings.joined(separator: "; "))
    }
    self.init(record)
  }

  /// Every setting under its name in the manifest, always in the same order, in the manifest's own terms; nil if it is
  /// not set.
  package var fields: [(name: String, value: String?)] {
    [
      ("idleAfter", idleAfter.map(Self.text)), ("concurrency", concurrency.map { String($0) }),
      ("queue.length", queueLength.map { String($0) }), ("queue.wait", queueWait.map(Self.text)),
      ("queue.bytes", queueBytes.map { ByteCountText.text(bytes: $0) }), ("affinity", affinity?.rawValue),
    ]
  }

  /// The variable's value: canonical JSON; nil if nothing is set.
  package var text: String? {
    var queue: [String: JSONValue] = [:]
    if let queueLength { queue["length"] = .int(Int64(queueLength)) }
    if let queueWait { queue["wait"] = .string(Self.text(queueWait)) }
    if let queueBytes { queue["bytes"] = .string(ByteCountText.text(bytes: queueBytes)) }
    var members: [String: JSONValue] = [:]
    if let idleAfter { members["idleAfter"] = .string(Self.text(idleAfter)) }
    if let concurrency { members["concurrency"] = .int(Int64(concurrency)) }
    if !queue.isEmpty { members["queue"] = .object(queue) }
    if let affinity { members["affinity"] = .string(affinity.rawValue) }
    return members.isEmpty ? nil : JSONValue.object(members).text()
  }

  private static func text(_ duration: Duration) -> String { DurationText.text(seconds: duration.components.seconds) }
}

/// Why the value of ``PlaneArguments/variable`` is not valid.
package struct InvalidPlaneArguments: Error, Sendable, CustomStringConvertible {
  package let description: String

  init(_ words: String) { description = "\(PlaneArguments.variable) \(words)" }
}
