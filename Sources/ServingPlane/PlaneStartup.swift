import Glibc
import HTTPSupport
import Logging
import ServingAPI

/// The steps between binding the sockets and the first request, and how to undo them.
actor PlaneStartup {
  private let endpoints: ServingEndpoints
  private let settings: PlaneConfiguration
  private let sockets: PlaneSockets
  private let log: Logger
  private let onListening: @Sendable (PlaneService.Listening) -> Void
  private var announced: LocalPlane?

  init(
    endpoints: ServingEndpoints, settings: PlaneConfiguration, sockets: PlaneSockets, log: Logger,
    onListening: @escaping @Sendable (PlaneService.Listening) -> Void
  ) {
    self.endpoints = endpoints
    self.settings = settings
    self.sockets = sockets
    self.log = log
    self.onListening = onListening
  }

  /// Touches replicas only after the port is ours: a second plane that fails to start must not disturb the first.
  func open(after previousPlane: PreviousPlane?) async {
    await endpoints.resume(after: previousPlane)
    let url = sockets.url
    announce(url)
    onListening(
      PlaneService.Listening(
        url: url, port: sockets.port, tokenFile: settings.tokenPath,
        accelerators: endpoints.backend.accelerators.summary, isExposed: sockets.isExposed))
  }

  /// Withdraws the announcement. Not after a takeover: it is then the other plane's.
  func close() {
    guard let announced, let directory = settings.runtimeDirectory else { return }
    do { try announced.withdrawStopped(from: directory) } catch {
      log.warning("the plane's runtime file could not be removed", metadata: ["error": "\(error)"])
    }
  }

  /// The options for a later start. A plane that took over listens where the previous one did, which its own options
  /// need not say.
  private var options: [String] {
    let isSaid = settings.isAddressGiven || (sockets.host == settings.host && sockets.port == settings.port)
    return isSaid ? settings.options : settings.options + ["--listen", sockets.address]
  }

  private func announce(_ url: String) {
    guard sockets.local != nil, let directory = settings.runtimeDirectory else { return }
    let plane = LocalPlane(
      url: url, tokenFile: settings.tokenPath, processID: getpid(),
      dataDirectory: SecureFile.resolved(settings.dataDirectory), options: options)
    do {
      try LocalPlane.sweep(directory)
      try plane.announce(in: directory)
      announced = plane
    } catch { log.warning("\(PlaneSockets.unannounced)", metadata: ["error": "\(error)"]) }
  }
}
