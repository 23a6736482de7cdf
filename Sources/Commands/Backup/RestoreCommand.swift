internal import ArgumentParser
internal import CanonicalJSON
internal import Endpoints
internal import ServingPlane

struct RestoreCommand: AsyncParsableCommand, LongRunning {
  static let configuration = CommandConfiguration(
    commandName: "restore", abstract: "Restore a backup to a new data directory.",
    discussion: """
      All of FILE is verified before anything is written. DIR must be absent or empty; only DIR/models may be there. The \
      next "setpoint serve --data DIR" creates a new admin token; other tokens are valid as they were. Stop the plane that \
      was backed up first, because its replicas use the same hardware.
      """)

  @Argument(help: "A file that \"setpoint backup\" wrote.", completion: .file()) var file: String
  @Option(help: ArgumentHelp("The directory to create.", valueName: "DIR")) var data: String
  @Option(name: .outputFormat, help: "The output format.") var output = PlanFormat.text

  func run() async throws {
    let context = CommandContext.current
    var settings = PlaneConfiguration(dataDirectory: data, user: "", environment: context.environment)
    settings.version = SetpointVersion.number
    let archive = try BackupArchive(verifying: file)
    let outcome = try PlaneBackup.restore(archive, to: settings)
    try report(outcome, settings.dataDirectory, context.console)
  }

  private func report(_ outcome: PlaneBackup.Outcome, _ directory: String, _ console: Console) throws {
    guard output == .text else {
      return try console.json([
        "kind": "Restore", "dataDirectory": .string(directory),
        "missingModels": .array(outcome.missing.map(Self.json)),
        "differentModels": .array(outcome.different.map(Self.json)),
      ])
    }
    for model in outcome.missing {
      let size = model.size.map { ", \(ByteCountText.rounded(bytes: Int(clamping: $0)))" } ?? ""
      let source = model.source.isEmpty ? "" : ", registered from \(model.source)"
      try console.result("missing: \(model.name) version \(model.version)\(size)\(source)")
    }
    for model in outcome.different {
      try console.result("different from the backup: \(model.name) version \(model.version)")
    }
    if !outcome.missing.isEmpty {
      console.note(
        "copy the files to \(directory)/models from the old machine, or register each version again with "
          + "\"setpoint models register NAME DIR --version N\"")
    }
    console.note("restored; start the plane with \"setpoint serve --data \(ShellWord.quoted(directory))\"")
  }

  private static func json(_ model: BackupManifest.Model) -> JSONValue {
    ["model": .string(model.name), "version": .int(Int64(model.version)), "source": .string(model.source)]
  }
}
