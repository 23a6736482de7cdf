/// A signal that terminates processes (signal(7), with Linux's numbers), and its usual meaning for a model server.
package struct ProcessSignal: Hashable, Sendable {
  /// Such as 9.
  package let number: Int
  /// Such as `SIGKILL`.
  package let name: String
  /// The usual cause, as the end of a sentence.
  package let meaning: String
  /// Whether the same start can be expected to work later.
  package let isPassing: Bool

  private init(_ number: Int, _ name: String, _ meaning: String, isPassing: Bool = false) {
    self.number = number
    self.name = name
    self.meaning = meaning
    self.isPassing = isPassing
  }

  /// Returns the signal with that number; nil if no model server is known to be terminated by it.
  package static func numbered(_ number: Int) -> ProcessSignal? { all.first { $0.number == number } }

  /// Returns the signal for an exit code above 128, as shells and container runtimes report it.
  package static func ofExitCode(_ code: Int) -> ProcessSignal? { code > 128 ? numbered(code - 128) : nil }

  package static let all = [
    ProcessSignal(1, "SIGHUP", "its terminal or session was closed", isPassing: true),
    ProcessSignal(2, "SIGINT", "it was interrupted", isPassing: true),
    ProcessSignal(3, "SIGQUIT", "it was asked to quit", isPassing: true),
    ProcessSignal(4, "SIGILL", "it was built for a different processor"),
    ProcessSignal(6, "SIGABRT", "its native code aborted, as after a failed assertion in CUDA or NCCL"),
    ProcessSignal(
      7, "SIGBUS", "a mapped file was truncated, or /dev/shm is full"),
    ProcessSignal(8, "SIGFPE", "its native code divided by zero"),
    ProcessSignal(
      9, "SIGKILL",
      "it was killed from outside, usually by the kernel or the container's limit because the machine ran out of memory"
    ),
    ProcessSignal(
      11, "SIGSEGV", "its native code crashed, often because a driver or library does not match its build"),
    ProcessSignal(13, "SIGPIPE", "the reader of its output exited", isPassing: true),
    ProcessSignal(15, "SIGTERM", "it was asked to terminate", isPassing: true),
    ProcessSignal(24, "SIGXCPU", "it exceeded its CPU time limit"),
    ProcessSignal(25, "SIGXFSZ", "it exceeded its file size limit"),
    ProcessSignal(31, "SIGSYS", "it made a system call that a sandbox forbids"),
  ]
}
