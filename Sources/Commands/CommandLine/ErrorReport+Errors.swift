internal import Controller
internal import Endpoints
internal import HTTPSupport
internal import History
internal import ModelRegistry
internal import Planning
internal import ServingAPI
internal import ServingPlane
internal import Storage

extension ErrorReport {
  /// Creates the report for any error that reaches the command line. Every error type of our modules is handled here;
  /// the rest are the system's own.
  package init(of error: any Error) {
    switch error {
    case let report as ErrorReport: self = report
    case let error as StorageError: self.init(error.message, next: error.next)
    case let error as TargetError: self.init(error.message, next: error.advice)
    case let error as ModelRegistryError: self.init(error.message, next: error.advice)
    case let error as ServingError: self.init(error)
    case let error as BackupError: self.init(error.message, next: error.next)
    case let error as PlaneStartError: self.init(error.message, next: error.advice)
    case let error as ListenFailure: self.init(error.message, next: error.advice)
    case let error as GitSourceError: self.init(error.message, next: error.next)
    case let error as LeaseError: self.init(error.message, next: error.next)
    case let error as NotificationTemplateError: self.init(error.problems.joined(separator: "\n"), next: error.advice)
    case let error as CommandRefusal: self.init(error.description, next: error.next)
    case let error as NoSuchEndpoint:
      self.init(
        "endpoint \(error.name) not found at \(error.target)", next: "\"setpoint get\" lists the endpoints there")
    case let error as InvalidManifest: self.init(error.findings.map(\.description).joined(separator: "\n"))
    default: self.init(error.systemMessage)
    }
  }

  private init(_ error: ServingError) {
    let facts = [error.errorCode, error.status.map { "HTTP \($0)" }].compactMap(\.self).joined(separator: ", ")
    let tries = error.attempts > 1 ? "tried \(error.attempts) times" : nil
    let details = [facts.isEmpty ? nil : facts, tries].compactMap(\.self).joined(separator: "; ")
    // Without a status, the server did not reject a token: there is none to send.
    let isWithoutToken = error.kind == .unauthenticated && error.status == nil
    let what = error.isNameTaken ? "it already exists" : Self.what(error.kind)
    self.init(
      isWithoutToken ? "no access token" : what,
      place: error.call + (details.isEmpty ? "" : " (\(details))"), why: error.serverMessage, next: error.advice)
  }

  private static func what(_ kind: ServingError.Kind) -> String {
    switch kind {
    case .notFound: "the provider did not find it"
    case .conflict: "the endpoint is being changed, or the name is taken"
    case .unauthenticated: "the provider rejected the token"
    case .permissionDenied: "the provider denied permission"
    case .invalid: "the provider refused the request"
    case .throttled: "the provider is rate-limiting requests"
    case .unavailable: "the provider is not available"
    case .internalError: "the provider failed"
    case .unimplemented: "the provider cannot do this"
    case .cancelledByServer: "the provider canceled the request"
    case .timeout: "the request timed out"
    case .network: "the provider cannot be reached"
    case .untrustedServer: "the provider's certificate is not trusted"
    case .unexpectedAnswer: "the response is not from the serving API"
    case .refusedLocally: "the request is not valid"
    }
  }
}
