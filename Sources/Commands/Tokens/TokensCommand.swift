internal import ArgumentParser
internal import HTTPSupport
internal import ServingAPI

struct TokensCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "tokens", abstract: "Manage the access tokens of a plane.",
    discussion: """
      Each user, team and program gets a token of its own. Its name is what manifests (spec.access), logs and usage \
      refer to. Only administrators manage tokens; everybody may rotate their own.
      """,
    subcommands: [
      TokensCreateCommand.self, TokensListCommand.self, TokensRevokeCommand.self, TokensRotateCommand.self,
    ])
}

extension TokenLevel: ExpressibleByArgument {}

extension Connection {
  /// Makes a call for tokens.
  ///
  /// - Throws: ``ErrorReport`` for a workspace, for a plane without tokens, and for a name that no token has.
  func withTokens<Value>(
    _ name: String? = nil, _ call: (APIProvider) async throws -> Value
  ) async throws -> Value {
    try await requirePlane(
      why: "this command manages the access tokens of a plane",
      next: "select the plane with --host; a workspace has tokens and service principals of its own")
    do {
      return try await call(provider)
    } catch let error as ServingError where error.isUnknownPath {
      throw ErrorReport(
        "the plane at \(target.url) has a single token", place: error.call,
        why: "it is an earlier version of Setpoint", next: "replace it with this version: \"setpoint serve --takeover\""
      )
    } catch let error as ServingError where error.isAbsence {
      guard let name else { throw error }
      let known = (try? await provider.tokens().compactMap(\.name)) ?? []
      throw ErrorReport(
        "token \"\(name)\" not found at \(target.url)", place: error.call, why: error.serverMessage,
        next: KnownNames.next([name], among: known, otherwise: "\"setpoint tokens list\" lists the tokens"))
    } catch let error as ServingError where error.outcomeUnknown {
      throw ErrorReport(
        "the plane may have made the change, but returned no valid response", place: error.call,
        why: error.serverMessage,
        next: "\"setpoint tokens list\" shows the tokens; \"setpoint tokens rotate NAME\" replaces a secret that you "
          + "do not have")
    }
  }
}
