import ModelRegistry
import ServingAPI

/// Downloads the files of one version that are not here, file by file. What has arrived is kept if it breaks off, also
/// if the plane is killed: a complete file is not downloaded again, and an incomplete one continues where it stopped if
/// the server sends parts of files.
struct VersionDownload: Sendable {
  let server: MLflowServer
  let cache: ArtifactCache
  let version: CachedVersion
  /// Called with the number of bytes that are here.
  let report: @Sendable (Int64) -> Void

  /// How often a file is requested if its transfer breaks off.
  private static let attempts = 3
  /// How much is held in memory before it is written.
  private static let piece = 8 << 20

  /// - Parameter missing: the files to download.
  func run(_ missing: [ArtifactTree.File]) async throws(ModelError) {
    let needed = missing.reduce(Int64(0)) { $0 + $1.size }
    let kept = await BlockingWork.brief.run { [cache, version] in
      missing.reduce(Int64(0)) { $0 + (cache.size(of: cache.partialPath(of: $1, in: version)) ?? 0) }
    }
    try await BlockingWork.brief.run { [cache] () throws(ModelError) in try cache.checkRoom(for: needed - kept) }
    var complete = version.tree.size - needed
    for file in missing {
      try await download(file, after: complete)
      complete += file.size
      report(complete)
    }
  }

  /// Returns the contents of a small file.
  static func contents(
    of file: ArtifactTree.File, in origin: CachedVersion.Origin, on server: MLflowServer
  ) async throws(ModelError) -> [UInt8] {
    var bytes: [UInt8] = []
    do {
      let download = try await server.download(origin.folder + "/" + file.path, from: 0)
      do {
        for try await piece in download.pieces {
          bytes += piece
          if Int64(bytes.count) > file.size { break }
        }
      } catch {
        throw download.failure(error)
      }
    } catch {
      throw ModelError(asking: error, for: file.path)
    }
    guard Int64(bytes.count) == file.size else { throw wrongSize(file, Int64(bytes.count)) }
    return bytes
  }

  private func download(_ file: ArtifactTree.File, after complete: Int64) async throws(ModelError) {
    for attempt in 1... {
      guard let interruption = try await transfer(file, after: complete) else { return }
      if attempt >= Self.attempts { throw interruption }
    }
  }

  /// - Returns: why the transfer broke off, if continuing may help; nil if the file is complete.
  private func transfer(_ file: ArtifactTree.File, after complete: Int64) async throws(ModelError) -> ModelError? {
    let partial = cache.partialPath(of: file, in: version)
    let kept = await BlockingWork.brief.run { [cache] in cache.size(of: partial) ?? 0 }
    if kept > 0, kept == file.size {
      try await finish(file)
      return nil
    }
    let download: MLflowDownload
    do {
      download = try await server.download(version.origin.folder + "/" + file.path, from: kept < file.size ? kept : 0)
    } catch {
      // A server that does not send the rest of the file may send the whole.
      if kept > 0, let error = error as? ServingError, error.status == 416 || error.kind == .unexpectedAnswer {
        await remove(partial)
      }
      throw ModelError(asking: error, for: file.path)
    }
    if download.offset == 0 { await remove(partial) }
    var size = download.offset
    var held: [UInt8] = []
    do {
      for try await piece in download.pieces {
        size += Int64(piece.count)
        if size > file.size { break }
        held += piece
        if held.count >= Self.piece {
          try await append(held, to: partial)
          held = []
        }
        report(complete + size)
      }
    } catch let error as ModelError {
      throw error
    } catch {
      try await append(held, to: partial)
      return ModelError(asking: download.failure(error), for: file.path)
    }
    guard size == file.size else {
      await remove(partial)
      throw Self.wrongSize(file, size)
    }
    try await append(held, to: partial)
    try await finish(file)
    return nil
  }

  private func append(_ bytes: [UInt8], to partial: String) async throws(ModelError) {
    guard !bytes.isEmpty else { return }
    try await BlockingWork.long.run { [cache] () throws(ModelError) in try cache.append(bytes, to: partial) }
  }

  private func finish(_ file: ArtifactTree.File) async throws(ModelError) {
    try await BlockingWork.brief.run { [cache, version] () throws(ModelError) in try cache.finish(file, in: version) }
  }

  private func remove(_ partial: String) async {
    await BlockingWork.brief.run { [cache] in cache.remove(partial) }
  }

  private static func wrongSize(_ file: ArtifactTree.File, _ size: Int64) -> ModelError {
    ModelError(
      code: .missing,
      description: "\(file.path) has the wrong size: the server lists \(file.size) bytes and sends "
        + (size > file.size ? "more" : "\(size)") + "; log the model again if its upload was interrupted")
  }
}

extension ModelError {
  /// The failure of a call to the registry of another server.
  ///
  /// - Parameter file: the file that was requested; nil for anything else.
  init(asking error: any Error, for file: String? = nil) {
    if let error = error as? ModelError {
      self = error
    } else if error is CancellationError {
      self.init(code: .cancelled, description: "the download was stopped")
    } else if let file, let error = error as? ServingError, error.status == 404 {
      self.init(code: .missing, description: "\(file) cannot be downloaded: \(error)")
    } else {
      self.init(code: .unavailable, description: file.map { "\($0) cannot be downloaded: \(error)" } ?? "\(error)")
    }
  }
}
