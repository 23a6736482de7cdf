internal import Commands

#if canImport(Darwin)
  internal import Darwin
#else
  internal import Glibc
#endif

@main
enum Setpoint {
  static func main() async {
    // A peer that hangs up is an error of one write, not the end of the process.
    signal(SIGPIPE, SIG_IGN)
    exit(await SetpointCommand.run(Array(CommandLine.arguments.dropFirst())))
  }
}
