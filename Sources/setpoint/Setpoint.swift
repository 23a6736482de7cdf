internal import Commands

#if canImport(Darwin)
  internal import Darwin
#else
  internal import Glibc
#endif

@main
enum Setpoint {
  static func main() async {
    // A closed connection is an error of one write and must not end the process.
    signal(SIGPIPE, SIG_IGN)
    exit(await SetpointCommand.run(Array(CommandLine.arguments.dropFirst())))
  }
}
