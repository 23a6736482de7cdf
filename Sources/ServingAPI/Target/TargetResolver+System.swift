extension TargetResolver {
  /// The resolver of a command line: real files, and the runtime directory that the environment names.
  package static func system(environment: [String: String]) -> TargetResolver {
    let runtimeDirectory = LocalPlane.runtimeDirectory(environment: environment)
    return TargetResolver(
      environment: environment, readFile: { path throws(TargetError) in try SecureFile.readText(path) },
      runtimeDirectory: runtimeDirectory,
      findPlanes: { () throws(TargetError) in try LocalPlane.announced(in: runtimeDirectory) })
  }
}
