/// What an engine's output says, for engines that no plane has started.
package enum EngineOutput {
  /// Why an engine did not start, or died.
  package struct Failure: Hashable, Sendable {
    /// The cause's stable name.
    package let code: String
    /// What happened, in plain words.
    package let explanation: String
    /// The line that says so.
    package let line: String?
  }

  /// Returns the cause that the output names; nil if it names none that is known.
  package static func failure(in output: String) -> Failure? {
    let failure = StartFailure.cause(log: output, exit: .code(1), program: "python")
    guard let code = failure.code, ![StartFailure.Code.exit, StartFailure.Code.silentExit].contains(code) else {
      return nil
    }
    return Failure(code: code, explanation: failure.explanation, line: failure.line)
  }
}
