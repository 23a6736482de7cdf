import ServingAPI
import TestKit
import Testing

@Suite struct ModelsTests {
  @Test func `models are listed with versions and aliases`() async {
    let workspace = WorkspaceDouble()
    workspace.setModel("main.support.hello", versions: [1: .ready, 2: .ready], aliases: ["champion": 2])
    let run = await CommandRun(["models", "list"], workspace: workspace)
    #expect(run.code == 0, "\(run)")
    #expect(
      run.lines.map { $0.split(separator: " ").joined(separator: " ") } == [
        "MODEL VERSION STATUS ALIASES SOURCE", "main.support.hello 1 READY - -",
        "main.support.hello 2 READY @champion -",
      ])
  }
}
