import CanonicalJSON
import HTTPSupport
import Hummingbird
import ServingAPI

// The plane's own calls: registering and deleting versions, and removing what belongs to none.
extension ModelCalls {
  func addChanges(to router: some RouterMethods<PlaneContext>, _ base: RouterPath) {
    router.post("\(base)/{model}/versions") { request, context in try await register(request, context.path("model")) }
    router.delete("\(base)/{model}/versions/{version}") { request, context in
      try await delete(context.path("version"), of: context.path("model"), request, by: context.principal?.name)
    }
    router.post("\(base):gc") { request, _ in try await collectGarbage(request) }
  }

  // MARK: Registering

  /// How long a registration in the background is waited for: small models end at once.
  private static let briefWait: Duration = .seconds(1)

  private func register(_ request: Request, _ name: String) async throws -> Response {
    let sent = try await body.read(request, as: WireRegisterVersionRequest.self)
    let findings = sent.typeFindings()
    guard findings.isEmpty else { throw APIError.invalid(findings.joined(separator: "; ")) }
    if let finding = ModelName.registrationFinding(name) { throw APIError.invalid(finding) }
    if sent.source != nil, sent.hub != nil { throw APIError.invalid("use source or hf, not both") }
    let number = try sent.version.map { written in
      guard let number = Int(written) else {
        throw APIError.invalid("version must be a positive integer, not \"\(written)\"")
      }
      return number
    }
    let registration = try await begin(sent, name, as: number)
    await registration.waitUntilEnded(atMost: sent.isBackground ? Self.briefWait : nil)
    switch registration.result {
    case .success(let version)?: return .json(wire(version).json)
    case .failure(let error)? where error.code == .cancelled && registration.isDeleted:
      // As unavailable, the client would send it again.
      throw APIError(status: 409, code: "ABORTED", message: error.description)
    case .failure(let error)?:
      // The caller's own mistake is not listed: the response says everything.
      if error.code == .invalid || error.code == .missing { await registrations.remove(registration) }
      throw APIError(error)
    // It takes long, or the plane is stopping.
    case nil: return .json(wire(registration).json)
    }
  }

  /// Refuses what cannot be registered, and begins to register the rest.
  private func begin(
    _ sent: WireRegisterVersionRequest, _ name: String, as number: Int?
  ) async throws(APIError) -> ModelRegistration {
    let models = models
    let reservation: VersionReservation
    do throws(ModelError) {
      reservation = try await BlockingWork.brief.run { () throws(ModelError) -> VersionReservation in
        try models.reserve(name, as: number)
      }
    } catch {
      throw APIError(error)
    }
    do throws(ModelError) {
      if let repository = sent.hub {
        return try await beginDownload(sent, HubModel(repository, revision: sent.revision), as: reservation)
      }
      guard let source = sent.source else {
        throw ModelError(
          code: .invalid, description: "source must be a folder on the plane's machine; for a model of a hub, use hf")
      }
      return try await beginCopy(sent, from: source, as: reservation)
    } catch {
      models.release(reservation)
      throw APIError(error)
    }
  }

  private func beginCopy(
    _ sent: WireRegisterVersionRequest, from source: String, as reservation: VersionReservation
  ) async throws(ModelError) -> ModelRegistration {
    let models = models
    let folder = try await BlockingWork.folders.run { () throws(ModelError) -> SurveyedFolder in
      try models.survey(source, entrypoint: sent.entrypoint, task: sent.task, followsLinks: sent.followLinks)
    }
    return registrations.begin(reservation, from: folder.path, total: folder.survey.bytes) { registration in
      do throws(ModelError) {
        let version = try await BlockingWork.long.run { () throws(ModelError) -> ModelVersion in
          try models.store(folder, as: reservation, by: FolderCopy(for: registration))
        }
        return .success(version)
      } catch {
        return .failure(error)
      }
    }
  }

  private func beginDownload(
    _ sent: WireRegisterVersionRequest, _ model: HubModel, as reservation: VersionReservation
  ) async throws(ModelError) -> ModelRegistration {
    let (models, hub) = (models, hub)
    try await BlockingWork.brief.run { () throws(ModelError) -> Void in try hub.check() }
    let cache = try models.reserveDownload(of: model)
    return registrations.begin(reservation, from: model.text, total: nil) { registration in
      defer { models.releaseDownload(cache) }
      do throws(ModelError) {
        let snapshot = try await hub.download(model, to: cache, for: registration)
        let folder = try await BlockingWork.folders.run { () throws(ModelError) -> SurveyedFolder in
          try models.survey(
            snapshot.path, entrypoint: sent.entrypoint, task: sent.task, followsLinks: false, isDownload: true)
        }
        registration.setProgress(0, of: folder.survey.bytes)
        let version = try await BlockingWork.long.run { () throws(ModelError) -> ModelVersion in
          let version = try models.store(
            folder, as: reservation, origin: snapshot.origin, by: FolderCopy(for: registration, linksFiles: true))
          _ = try? models.removeFolder(cache)
          return version
        }
        return .success(version)
      } catch {
        await BlockingWork.folders.run { () -> Void in
          // There is nothing to continue from.
          if !model.hasFiles(in: cache) { _ = try? models.removeFolder(cache) }
        }
        return .failure(error)
      }
    }
  }

  /// A version that is being registered, or whose registration failed.
  func wire(_ registration: ModelRegistration) -> WireModelVersion {
    let failure = registration.failure
    var wire = WireModelVersion(
      modelName: registration.model, version: Int64(registration.number),
      status: failure == nil ? .pendingRegistration : .failedRegistration)
    wire.source = registration.origin
    wire.createdAt = registration.began
    wire.comment = failure?.description
    guard failure == nil else { return wire }
    wire.bytesDone = registration.bytesDone
    wire.bytesTotal = registration.bytesTotal
    return wire
  }

  // MARK: Deleting

  private func delete(
    _ number: String, of name: String, _ request: Request, by principal: String?
  ) async throws -> Response {
    if let finding = ModelName.finding(name) { throw APIError.invalid(finding) }
    guard let value = versionNumber(number) else {
      throw APIError.invalid("\"\(number)\" is not a valid version number")
    }
    if let registration = registrations.registration(name, value) {
      let wasInProgress = registration.result == nil
      await registrations.remove(registration)
      // One that ended before it could be canceled is a version like any other.
      if let failure = registration.failure {
        let isModelDeleted = await BlockingWork.brief.run { [models] in models.numbers(name).isEmpty }
        return .json(
          WireDeletedVersion(
            modelName: name, version: Int64(value), freedBytes: 0, isModelDeleted: isModelDeleted,
            isRegistrationCanceled: wasInProgress && failure.code == .cancelled
          ).json)
      }
    }
    let aliases = Set(request.uri.queryParameters.getAll("alias"))
    let deleted = try await endpoints.deleteVersion(
      ModelVersionID(model: name, number: value), in: models, aliases: aliases, by: principal)
    return .json(
      WireDeletedVersion(
        modelName: name, version: Int64(value), freedBytes: deleted.freed, isModelDeleted: deleted.wasLast
      ).json)
  }

  private func collectGarbage(_ request: Request) async throws -> Response {
    let sent = try await body.read(request, as: WireCollectGarbageRequest.self)
    let findings = sent.typeFindings()
    guard findings.isEmpty else { throw APIError.invalid(findings.joined(separator: "; ")) }
    let models = models
    let found: [ModelLeftover]
    do throws(ModelError) {
      found = try await BlockingWork.folders.run { () throws(ModelError) -> [ModelLeftover] in
        try sent.isDryRun ? models.leftovers() : models.collectGarbage()
      }
    } catch {
      throw APIError(error)
    }
    if !sent.isDryRun { registrations.forgetFailed() }
    let items = found.map { WireLeftover(path: $0.path, what: $0.what, bytes: $0.bytes) }
    return .json(WireGarbage(items: items, isDryRun: sent.isDryRun).json)
  }
}

extension FolderCopy {
  /// Copies that report to a registration and end when it is canceled.
  fileprivate init(for registration: ModelRegistration, linksFiles: Bool = false) {
    self.init(
      linksFiles: linksFiles, isCancelled: { registration.isCancelled }, onProgress: { registration.advance(by: $0) })
  }
}
