internal import Endpoints
internal import LibYAML

extension FuzzTarget {
  private static let mutator = Mutator(
    examples: [
      """
      apiVersion: serving.setpoint.dev/v1alpha1
      kind: ServingEndpoint
      metadata: {name: chat, labels: {team: support}}
      spec:
        environment: {HF_TOKEN: "{{secrets/llm/hf}}"}
        engine: {dtype: float16, maxModelLen: 16384, gpuMemoryUtilization: 0.85, extraArgs: ["--enforce-eager"]}
        model: main.support.qwen3
        entityVersion: "7"
        workloadType: A10
        size: Small
        scaleToZero: false
      """,
      """
      apiVersion: serving.setpoint.dev/v1alpha1
      kind: ServingEndpoint
      metadata:
        name: chat
      spec:
        servedEntities:
          - name: stable
            model: main.support.qwen3
            entityVersion: "7"
            workloadType: A10
            traffic: 90
          - name: next
            model: main.support.qwen3
            entityVersion: "@champion"
            workloadType: A10
            traffic: 10
        rollout: {deadline: 60m, onFailure: Rollback}
      ---
      apiVersion: v1
      kind: ConfigMap
      """,
    ],
    tokens: [
      "\n", ": ", "- ", "  ", "0", "-1", "101", "true", "\"", "{{secrets/a/b}}", "{{secrets/", "é", "\"@champion\"",
      "latest",
      "1.5", "1e9", "[", "]", "{", "}", "30m", "T4", "metadata:", "spec:", "name: ", "size: ", "---\n", "\u{0}",
      "\u{202E}",
    ])

  /// A document is a manifest, or it has a finding, with a place in the file, that says why it is not.
  static let manifest = FuzzTarget("manifest", mutator) { bytes throws(BrokenProperty) in
    var reader = ManifestReader()
    reader.read(bytes, file: "fuzz.yaml")
    let set = reader.finish()
    for finding in set.findings where !finding.location.isWholeFile { try requirePlace(finding.location, in: bytes) }
    let errors = set.findings.filter { $0.severity == .error }
    guard set.isComplete == errors.isEmpty else {
      throw BrokenProperty("a file that was not understood has an error: \(set.findings)")
    }
    return !set.manifests.isEmpty && errors.isEmpty
  }
}
