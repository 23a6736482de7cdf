import FoundationEssentials
import ServingAPI
import TestKit

/// A workspace, a state directory and one manifest file.
struct ApplyHarness {
  let workspace: WorkspaceDouble
  let directory: String

  var manifest: String { "\(directory)/support-chat.yaml" }

  func write(_ text: String) throws { try Data(text.utf8).write(to: URL(filePath: manifest)) }

  func run(_ arguments: String...) async -> CommandRun {
    await CommandRun(arguments + ["--state", "\(directory)/state"], workspace: workspace, timing: workspace.timing)
  }

  func apply(_ more: String...) async -> CommandRun {
    await CommandRun(
      ["apply", "-f", manifest, "--state", "\(directory)/state"] + more, workspace: workspace,
      timing: workspace.timing)
  }

  func diff(_ more: String...) async -> CommandRun {
    await CommandRun(
      ["diff", "-f", manifest, "--state", "\(directory)/state"] + more, workspace: workspace, timing: workspace.timing
    )
  }
}

/// Runs a test with a workspace that has versions 1 to 5 of a model; version 3 fails.
func withApplyBench(_ body: (ApplyHarness) async throws -> Void) async throws {
  try await withTemporaryDirectory { directory in
    var behaviors = WorkspaceBehaviors()
    behaviors.keepsPendingAfterFailure = true
    let workspace = WorkspaceDouble(behaviors: behaviors)
    workspace.setModel(
      "main.support.hello", versions: Dictionary(uniqueKeysWithValues: (1...5).map { ($0, .ready) }))
    workspace.setBehavior(
      .fails(message: "vLLM stopped: the weights are damaged: incomplete metadata"), model: "main.support.hello",
      version: "3")
    try await body(ApplyHarness(workspace: workspace, directory: directory))
  }
}
