import Commands
import Testing

@Suite struct ProgressBoardTests {
  private func waiting(_ endpoint: String, _ detail: String = "") -> EndpointProgress {
    EndpointProgress(endpoint: endpoint, phase: .waiting, state: "updating", detail: detail)
  }

  private let size = TerminalSize(columns: 80, rows: 24)

  @Test func `without a terminal, each change is one line, and no change prints nothing`() {
    var board = ProgressBoard()
    #expect(board.note(waiting("chat", "replica 1 loads"), now: 0) == "chat: updating: replica 1 loads")
    #expect(board.note(waiting("chat", "replica 1 loads"), now: 5000) == nil)
    let done = EndpointProgress(endpoint: "chat", phase: .done, state: "updated")
    #expect(board.note(done, now: 65000) == "chat: updated (1m05s)")
  }

  @Test func `without a terminal, a wait is reported at least every fifteen seconds`() {
    var board = ProgressBoard()
    #expect(board.reminder(now: 60_000) == nil, "no waiting")
    _ = board.note(waiting("chat", "replica 1 loads"), now: 0)
    var said: [Int64] = [0]
    var lines: [String] = []
    for now in stride(from: Int64(1000), through: 65_000, by: 1000) {
      if let line = board.reminder(now: now) {
        said.append(now)
        lines.append(line)
      }
    }
    #expect(lines.first == "chat: still updating: replica 1 loads (10s)")
    #expect(zip(said, said.dropFirst()).allSatisfy { $1 - $0 <= 15_000 })
    #expect(said.last ?? 0 >= 50_000)
    _ = board.note(EndpointProgress(endpoint: "chat", phase: .done, state: "updated"), now: 66_000)
    #expect(board.reminder(now: 100_000) == nil)
  }

  @Test func `a call that is refused repeatedly is not printed again for fifteen seconds`() {
    var board = ProgressBoard()
    let call = EndpointProgress(endpoint: "chat", phase: .sending, state: "creating", detail: "POST")
    let pause = EndpointProgress(endpoint: "chat", phase: .waiting, state: "creating", detail: "no secret llm/hf")
    #expect(board.note(call, now: 0) == "chat: creating: POST")
    #expect(board.note(pause, now: 0) == "chat: creating: no secret llm/hf")
    for now in [1000, 3000, 7000, 14_999] as [Int64] {
      #expect(board.note(call, now: now) == nil && board.note(pause, now: now) == nil)
    }
    #expect(board.note(call, now: 15_000) == "chat: creating: POST (15s)")
    #expect(board.note(EndpointProgress(endpoint: "chat", phase: .done, state: "created"), now: 15_001) != nil)
  }

  @Test func `a reminder writes a state in lower case, in the middle of its sentence`() {
    var board = ProgressBoard()
    _ = board.note(EndpointProgress(endpoint: "chat", phase: .waiting, state: "Updating", detail: ""), now: 0)
    #expect(board.reminder(now: 12_000) == "chat: still updating (12s)")
    _ = board.note(EndpointProgress(endpoint: "other", phase: .waiting, state: "Not ready", detail: ""), now: 12_000)
    #expect(
      board.reminder(now: 24_000) == "still waiting for 2 endpoints: chat (updating, 24s), other (not ready, 12s)")
  }

  @Test func `a reminder about several endpoints is one short line, whatever their messages`() {
    var board = ProgressBoard()
    for index in 1...7 { _ = board.note(waiting("chat-\(index)", String(repeating: "long ", count: 99)), now: 0) }
    let line = board.reminder(now: 12_000) ?? ""
    #expect(line.hasPrefix("still waiting for 7 endpoints: chat-1 (updating, 12s), chat-2"))
    #expect(line.hasSuffix("and 2 more"))
    #expect(!line.contains("long"))
  }

  @Test func `on a terminal each endpoint has a line with its elapsed time`() {
    var board = ProgressBoard()
    _ = board.note(waiting("chat", "replica 1 loads"), now: 0)
    _ = board.note(EndpointProgress(endpoint: "summarizer", phase: .failed, state: "failed"), now: 1000)
    #expect(
      board.lines(now: 12000, size: size, palette: .plain) == [
        "· chat        updating  12s     replica 1 loads",
        "✗ summarizer  failed    0s",
      ])
    #expect(board.unfinished.map(\.endpoint) == ["chat"])
  }

  @Test func `a line is never wider than the terminal`() {
    var board = ProgressBoard()
    _ = board.note(waiting("chat", String(repeating: "long ", count: 50)), now: 0)
    let lines = board.lines(now: 0, size: TerminalSize(columns: 40, rows: 24), palette: .plain)
    #expect(lines.allSatisfy { $0.count < 40 })
    #expect(lines == ["· chat  updating  0s      long long lo…"])
  }

  @Test func `a line that fits is not cut`() {
    var board = ProgressBoard()
    _ = board.note(waiting("chat", "replica 1 loads"), now: 0)
    let width = "chat  updating  0s      replica 1 loads".count + 3
    let lines = board.lines(now: 0, size: TerminalSize(columns: width, rows: 24), palette: .plain)
    #expect(lines == ["· chat  updating  0s      replica 1 loads"])
  }

  @Test func `without a terminal, no message is cut`() {
    var board = ProgressBoard()
    let detail = String(repeating: "long ", count: 50) + "end"
    #expect(board.note(waiting("chat", detail), now: 0) == "chat: updating: \(detail)")
    #expect(board.reminder(now: 12_000) == "chat: still updating: \(detail) (12s)")
  }

  @Test func `with more endpoints than rows, the active ones are shown and the rest counted`() {
    var board = ProgressBoard()
    for index in 0..<9 {
      _ = board.note(EndpointProgress(endpoint: "done-\(index)", phase: .done, state: "updated"), now: 0)
    }
    _ = board.note(waiting("chat"), now: 0)
    let lines = board.lines(now: 0, size: TerminalSize(columns: 80, rows: 5), palette: .plain)
    #expect(lines.count == 4)
    #expect(lines.first?.contains("chat") == true)
    #expect(lines.last == "  and 7 more")
  }
}
