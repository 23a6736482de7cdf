import Endpoints
import FoundationEssentials
import ServingAPI
import TestKit
import Testing

/// No secret in a provider's message is repeated, whichever command prints it.
@Suite struct SecretRedactionTests {
  private static let value = "correct-horse-battery"
  private static let other = "hunter2hunter2"
  private static let token = "hf_abcDEF0123456789xyz"
  private static let words = "the engine said \(value) and \(token)"
  private static let model = "main.support.hello"

  @Test func `no command prints an environment value that may be a secret, or any other credential`() async throws {
    try await withTemporaryDirectory { directory in
      var behaviors = WorkspaceBehaviors()
      behaviors.keepsPendingAfterFailure = true
      let workspace = WorkspaceDouble(behaviors: behaviors)
      workspace.setModel(Self.model, versions: [1: .ready, 2: .ready, 3: .ready])
      workspace.setBehavior(.fails(message: Self.words), model: Self.model, version: "2")
      workspace.setBehavior(.refused(message: Self.words), model: Self.model, version: "3")
      for version in ["1", "2"] {
        workspace.setLogs(server: "a line\n\(Self.words)\n", build: Self.words, model: Self.model, version: version)
      }
      func run(_ arguments: String...) async -> CommandRun {
        await CommandRun(arguments + ["--state", "\(directory)/state"], workspace: workspace, timing: workspace.timing)
      }
      func write(_ version: String) throws -> String {
        let path = "\(directory)/chat.yaml"
        let text = Manifests.chat(version: version, more: "  environment: {KEY: \(Self.value), MODE: \(Self.other)}")
        try Data(text.utf8).write(to: URL(filePath: path))
        return path
      }
      var runs = [await run("apply", "-f", try write("1")), await run("apply", "-f", try write("2"))]
      for arguments in [
        ["describe", "support-chat"], ["history", "support-chat", "--events"], ["events", "support-chat"],
        ["describe", "support-chat", "-o", "json"], ["diff", "-f", "\(directory)/chat.yaml"],
        ["diff", "-f", "\(directory)/chat.yaml", "-o", "json"],
      ] {
        runs.append(
          await CommandRun(
            arguments + ["--state", "\(directory)/state"], workspace: workspace, timing: workspace.timing))
      }
      for arguments in [
        ["get", "support-chat", "-o", "json"], ["get", "support-chat", "-o", "yaml"], ["logs", "support-chat"],
        ["logs", "support-chat", "--build"],
      ] {
        runs.append(await CommandRun(arguments, workspace: workspace, timing: workspace.timing))
      }
      runs.append(await run("apply", "-f", try write("3")))
      for run in runs {
        let printed = run.output + run.notes
        for secret in [Self.value, Self.other, Self.token] { #expect(!printed.contains(secret), "\(run)") }
      }
      #expect(runs.count { ($0.output + $0.notes).contains("the engine said \(Redaction.mark)") } >= 6)
    }
  }
}
