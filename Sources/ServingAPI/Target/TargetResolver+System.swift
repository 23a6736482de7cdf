extension TargetResolver {
  /// The resolver of a command line: real files, and the runtime directory that the environment names.
  package static func system(environment: [String: String]) -> TargetResolver {
    TargetResolver(
      environment: environment, readFile: { path throws(TargetError) in try SecureFile.readText(path) },
      findPlane: { () throws(TargetError) in
        try LocalPlane.read(from: LocalPlane.runtimeDirectory(environment: environment))
      })
  }
}
