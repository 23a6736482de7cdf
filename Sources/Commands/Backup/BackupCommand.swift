internal import ArgumentParser
internal import CanonicalJSON
internal import Endpoints
internal import FileSystem
internal import LibCurl
internal import ServingAPI
internal import ServingPlane

struct BackupCommand: AsyncParsableCommand, LongRunning {
  static let configuration = CommandConfiguration(
    commandName: "backup", abstract: "Write a backup of a serving plane's stores.",
    discussion: """
      The running plane creates it, without interrupting requests; --data DIR backs up a directory that no plane uses. \
      FILE is a tar archive, for its user alone; an existing one is replaced once the new one is complete and verified. \
      Models are listed in it, without their files. The admin token and DIR/secrets are not included.
      """)

  @Argument(help: "The file to write.", completion: .file()) var file: String
  @Option(help: ArgumentHelp("The data directory of a plane that is not running.", valueName: "DIR"))
  var data: String?
  @Option(name: .outputFormat, help: "The output format.") var output = PlanFormat.text
  @OptionGroup var provider: ProviderOptions

  func run() async throws {
    let context = CommandContext.current
    let connection = try data == nil ? provider.connect() : nil
    if let connection {
      guard await connection.client.isPlane() else {
        throw ErrorReport(
          "\(connection.target.url) is not a serving plane, or did not respond", why: "only a plane can be backed up",
          next: "select the plane with --host, or its directory with --data")
      }
    }
    let draft: FileDraft
    do throws(SystemError) { draft = try FileDraft(for: file) } catch {
      throw ErrorReport("cannot write \(file): \(error)", next: "use another path")
    }
    if let data {
      var settings = PlaneConfiguration(dataDirectory: data, user: "", environment: context.environment)
      settings.version = SetpointVersion.number
      try PlaneBackup.write(settings, to: draft, copiesIn: draft.path + ".stores", now: context.now())
    } else if let connection {
      try await Self.download(connection.client, to: draft)
    }
    let manifest = try BackupArchive(verifying: draft.path).manifest
    do throws(SystemError) { try draft.commit() } catch { throw Self.unwritable(draft, error) }
    try report(manifest, context.console)
  }

  /// How long the plane may need for the copies before it sends the first byte.
  private static let patience: Duration = .seconds(3600)

  private static func download(_ client: ServingClient, to draft: FileDraft) async throws {
    var call = APICall("POST", "/api/setpoint/backup")
    call.timeouts = HTTPTimeouts(connect: .seconds(10), idle: patience, total: nil)
    let response = try await client.response(to: call)
    guard response.status == 200 else {
      let body = try await client.body(of: response, call: call)
      throw client.failure(status: response.status, headers: response.headers, body: body, call: call)
    }
    do {
      for try await piece in response.body {
        do throws(SystemError) { try draft.append(piece) } catch { throw unwritable(draft, error) }
      }
    } catch let report as ErrorReport {
      throw report
    } catch {
      throw client.streamFailure(error, call: call)
    }
  }

  private static func unwritable(_ draft: FileDraft, _ error: SystemError) -> ErrorReport {
    ErrorReport("cannot write \(draft.path): \(error)", next: "free some disk space, or use another path")
  }

  private func report(_ manifest: BackupManifest, _ console: Console) throws {
    guard output == .text else {
      return try console.json([
        "kind": "Backup", "file": .string(file), "version": .string(manifest.version),
        "stores": .array(
          manifest.stores.map { store -> JSONValue in
            ["name": .string(store.name), "bytes": .int(store.size), "sha256": .string(store.digest)]
          }),
        "models": .int(Int64(manifest.models.count)),
      ])
    }
    for store in manifest.stores {
      try console.result("\(store.name): \(ByteCountText.rounded(bytes: Int(clamping: store.size)))")
    }
    try console.result("versions of models, without their files: \(manifest.models.count)")
    console.note("wrote \(file); restore it with \"setpoint restore \(ShellWord.quoted(file)) --data DIR\"")
  }
}
