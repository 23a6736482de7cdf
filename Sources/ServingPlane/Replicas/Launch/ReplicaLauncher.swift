import FoundationEssentials
import Glibc
import Storage

/// Turns a launch config into a process, or into the reason it cannot become one.
struct ReplicaLauncher: Sendable {
  /// What `python` and `python3` in an entrypoint stand for; nil for the one on the plane's PATH.
  let python: String?
  /// The plane's own environment.
  let environment: [String: String]
  let accelerators: Accelerators
  let cores: Int
  let secrets: SecretFolder

  /// Everything needed to start a replica.
  struct Prepared: Sendable {
    let executable: String
    let words: [String]
    let environment: [String: String]
    let directory: String
  }

  /// - Parameters:
  ///   - record: the replica to start.
  ///   - handle: its directories.
  ///   - model: what it serves.
  ///   - mark: identifies its processes.
  /// - Throws: `ReplicaFailure` with the reason, before anything is started.
  func prepare(
    _ record: ReplicaRecord, _ handle: ProcessHandle, _ model: ReplicaModel, mark: ReplicaMark
  ) throws(ReplicaFailure) -> Prepared {
    let version = model.version
    let entity = try resolved(record.launch.environment)
    let command = try command(
      model, port: record.port, entity: entity, gpus: accelerators.places(for: record.launch.workloadType))
    try checkModel(command, version: version, isOffline: entity["HF_HUB_OFFLINE"] != "0")
    var variables = ReplicaEnvironment(accelerators: accelerators, cores: cores).variables(
      plane: environment.filter { !command.removals.contains($0.key) },
      entity: entity.merging(command.assignments) { $1 }, mark: mark.description,
      temporary: handle.temporary, port: record.port, devices: record.devices)
    if let python, python.contains("/"), let slash = python.lastIndex(of: "/") {
      // So that `vllm serve …` uses the one next to that interpreter.
      variables["PATH"] = python[..<slash] + ":" + (variables["PATH"] ?? "")
    }
    let program = isPython(command.program) ? python ?? command.program : command.program
    let found = ProcessSpawn.find(program, path: variables["PATH"] ?? "/usr/bin:/bin", directory: version.artifacts)
    guard let executable = found else {
      let words = "the entrypoint's program \"\(program)\" does not exist, or is not executable"
      // A program other than vLLM's may be a mistake in the entrypoint.
      guard isPython(command.program) || command.program == "vllm" else {
        throw ReplicaFailure("\(words); install it, or correct the entrypoint")
      }
      throw .ofMachine("\(words); install vLLM, or \(StartFailure.namePython)", code: "no-vllm")
    }
    return Prepared(
      executable: executable, words: [program] + command.words.dropFirst(), environment: variables,
      directory: version.artifacts)
  }

  /// Starts the process. Its record must already be in the store.
  func start(_ prepared: Prepared, _ handle: ProcessHandle) throws(ReplicaFailure) -> ProcessTable.Identity {
    do throws(StorageError) {
      for folder in [handle.directory, handle.temporary] { try PrivateFolder(folder, option: "--data DIR").make() }
    } catch {
      throw .ofMachine(error.description)
    }
    let pid: Int32
    do {
      pid = try ProcessSpawn.start(
        executable: prepared.executable, arguments: prepared.words, environment: prepared.environment,
        directory: prepared.directory, output: handle.outputPath)
    } catch {
      throw .ofMachine("cannot start \(error); check the program, or \(StartFailure.namePython)")
    }
    // A child that died at once is a zombie until it is collected, so its entry exists in any case.
    return ProcessTable.entry(pid)?.identity ?? ProcessTable.Identity(pid: pid, startTicks: 0)
  }

  private func resolved(_ environment: [String: String]) throws(ReplicaFailure) -> [String: String] {
    do { return try secrets.resolve(environment) } catch {
      throw ReplicaFailure(error.description, isWorthRepeating: error.isMissing)
    }
  }

  private func command(
    _ model: ReplicaModel, port: Int, entity: [String: String], gpus: Int
  ) throws(ReplicaFailure) -> LaunchCommand {
    let entrypoint = model.version.entrypoint
    do {
      let arguments = try entity[EngineFlags.variable].map(EngineFlags.words) ?? []
      // The endpoint's own flags follow, and take precedence.
      return try LaunchCommand(
        entrypoint: entrypoint, port: port,
        environment: ReplicaEnvironment.passedOn(environment).merging(entity) { $1 },
        engineArguments: LoadedAdapter.flags(model.adapters) + arguments, gpus: gpus)
    } catch {
      throw ReplicaFailure("the entrypoint cannot be run: \(error)", line: entrypoint)
    }
  }

  /// Checks the model path: a wrong one would cost a quarter of a minute and end in a message about repositories.
  private func checkModel(
    _ command: LaunchCommand, version: ModelVersion, isOffline: Bool
  ) throws(ReplicaFailure) {
    guard isOffline, let model = command.modelArgument, let path = command.modelPath(in: version.artifacts) else {
      return
    }
    guard access(path, F_OK) != 0 else { return }
    let present = (try? FileManager.default.contentsOfDirectory(atPath: version.artifacts))?.sorted() ?? []
    let listing = present.isEmpty ? "nothing" : present.prefix(10).joined(separator: ", ")
    throw ReplicaFailure(
      "unknown model path: the entrypoint sets --model \(model), but the artifacts of \(version.model) version "
        + "\(version.number) contain \(listing)")
  }

  private func isPython(_ program: String) -> Bool {
    guard program.hasPrefix("python") else { return false }
    return program.dropFirst("python".count).allSatisfy { $0.isNumber || $0 == "." }
  }
}

/// A TCP port on the loopback address for a replica.
enum ReplicaPort {
  /// Below the kernel's range for outgoing connections, so that none of them takes the port between now and the moment,
  /// many seconds later, when vLLM binds it.
  static let range = 20_000..<30_000

  /// - Parameters:
  ///   - taken: ports given to other replicas.
  ///   - first: where to start searching upwards.
  static func free(besides taken: Set<Int>, from first: Int) -> Int? {
    let start = range.contains(first) ? first : range.lowerBound
    return (Array(start..<range.upperBound) + Array(range.lowerBound..<start)).first {
      !taken.contains($0) && canBind($0)
    }
  }

  private static func canBind(_ port: Int) -> Bool {
    let descriptor = socket(AF_INET, CInt(SOCK_STREAM.rawValue) | CInt(SOCK_CLOEXEC.rawValue), 0)
    guard descriptor >= 0 else { return false }
    defer { close(descriptor) }
    // struct sockaddr_in by its bytes: in an optimized build the compiler attributes its fields to another module.
    let high = UInt8(truncatingIfNeeded: port >> 8)
    let low = UInt8(truncatingIfNeeded: port)
    let family = withUnsafeBytes(of: sa_family_t(AF_INET)) { Array($0) }
    let address = family + [high, low, 127, 0, 0, 1] + [UInt8](repeating: 0, count: 8)
    return address.withUnsafeBytes { bytes in
      guard let start = bytes.baseAddress else { return false }
      return bind(descriptor, start.assumingMemoryBound(to: sockaddr.self), socklen_t(bytes.count)) == 0
    }
  }
}
