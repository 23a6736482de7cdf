internal import ArgumentParser
internal import CanonicalJSON
internal import Endpoints
internal import ModelRegistry
internal import ServingAPI

struct ModelsGCCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "gc", abstract: "Remove files in a plane's models folder that belong to no version.",
    discussion: """
      Interrupted registrations and downloads, deleted versions whose files are still there, and models without \
      versions. On a plane that serves the models of an MLflow server: downloaded versions that no endpoint serves, \
      deploys, keeps, or may be rolled back to. Registrations and downloads in progress, and everything that the plane \
      did not create, are kept.
      """)

  @Flag(help: "Only list what would be removed.") var dryRun = false
  @Option(name: .outputFormat, help: "The output format.") var output = PlanFormat.text
  @OptionGroup var provider: ProviderOptions

  func run() async throws {
    let connection = try provider.connect()
    try await connection.requirePlane()
    let console = CommandContext.current.console
    let garbage = try await connection.models.collectGarbage(isDryRun: dryRun)
    let freed = garbage.items.reduce(0) { $0 &+ $1.bytes }
    guard output == .text else {
      let items = garbage.items.map { item -> JSONValue in
        ["path": .string(item.path ?? ""), "description": .string(item.what ?? ""), "bytes": .int(item.bytes)]
      }
      return try console.json([
        "kind": "ModelGarbage", "dryRun": .bool(dryRun), "items": .array(items), "freedBytes": .int(freed),
      ])
    }
    for item in garbage.items {
      try console.result("\(item.path ?? "?"): \(item.what ?? "?"), \(Self.text(item.bytes))")
    }
    guard !garbage.items.isEmpty else { return console.note("nothing to remove") }
    console.note(dryRun ? "would free \(Self.text(freed))" : "freed \(Self.text(freed))")
  }

  private static func text(_ bytes: Int64) -> String { ByteCountText.rounded(bytes: Int(clamping: bytes)) }
}
