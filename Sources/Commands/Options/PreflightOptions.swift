internal import ArgumentParser

/// Whether a command checks its changes before it sends them.
struct PreflightOptions: ParsableArguments {
  @Flag(
    name: .customLong("preflight"), inversion: .prefixedNo,
    help: "Run preflight checks first, and wait for a version that is still being registered.")
  var isOn = true

  init() {}
}
