extension TargetResolver {
  /// The resolver for a command line: real files, and the runtime directory from the environment.
  package static func system(environment: [String: String]) -> TargetResolver {
    let runtimeDirectory = LocalPlane.runtimeDirectory(environment: environment)
    return TargetResolver(
      environment: environment, readFile: { path throws(TargetError) in try SecureFile.readText(path) },
      runtimeDirectory: runtimeDirectory,
      findPlanes: { () throws(TargetError) in try LocalPlane.announced(in: runtimeDirectory) })
  }
}
