import Endpoints
import Testing

@Suite struct `The head of a manifest` {
  private static let heads: [(text: String, findings: [String])] = [
    (
      "resource \"a\" \"b\" {\n  x = 1\n}\n",
      [
        "1:1: error: the file looks like HCL (Terraform), not YAML; move other objects elsewhere, or exclude them with "
          + "--exclude GLOB or a .setpointignore file"
      ]
    ),
    (
      "[]",
      [
        "1:1: error: expected a mapping with apiVersion, kind, metadata and spec, found a list; move other objects "
          + "elsewhere, or exclude them with --exclude GLOB or a .setpointignore file"
      ]
    ),
    (
      "a: 1",
      [
        "1:1: error: not a ServingEndpoint: it has neither kind nor metadata nor spec; move other objects "
          + "elsewhere, or exclude them with --exclude GLOB or a .setpointignore file"
      ]
    ),
    (
      "a: 1\nspec: {}",
      [
        "1:1: error: a: unknown field; known fields: apiVersion, kind, metadata, spec, status",
        "1:1: error: apiVersion: required, but missing; for example apiVersion: serving.setpoint.dev/v1alpha1",
        "1:1: error: kind: required, but missing; for example kind: ServingEndpoint",
        "1:1: error: metadata: required, but missing; for example metadata: {name: support-chat}",
        "2:7: error: spec.entityVersion: required, but missing; for example entityVersion: \"7\"",
        "2:7: error: spec.model: required, but missing; for example model: main.support.qwen3",
      ]
    ),
    (
      "apiVersion: serving.setpoint.dev/v1alpha2\nkind: ServingEndpiont\nmetadata: {nam: x}\nspec: {model: m}",
      [
        "1:13: error: apiVersion: expected \"serving.setpoint.dev/v1alpha1\", found the text "
          + "\"serving.setpoint.dev/v1alpha2\"; did you mean \"serving.setpoint.dev/v1alpha1\"?",
        "2:7: error: kind: expected \"ServingEndpoint\", found the text \"ServingEndpiont\"; did you mean "
          + "\"ServingEndpoint\"?",
        "3:11: error: metadata.name: required, but missing; for example name: support-chat",
        "3:12: error: metadata.nam: unknown field; did you mean \"name\"?",
        "4:7: error: spec.entityVersion: required, but missing; for example entityVersion: \"7\"",
      ]
    ),
    (
      """
      apiVersion: serving.setpoint.dev/v1alpha1
      kind: ServingEndpoint
      metadata:
        name: x
        namespace: ml
        annotations: {a: 1}
      spec: {model: m, entityVersion: 1}
      status: {ready: true}
      """,
      [
        "5:3: warning: metadata.namespace: used by Kubernetes; ignored for the endpoint",
        "6:3: warning: metadata.annotations: used by Kubernetes; ignored for the endpoint",
        "8:1: warning: status: set by the cluster; ignored in a file",
      ]
    ),
  ]

  @Test(arguments: heads)
  func `the head of a manifest is checked like everything else`(text: String, expected: [String]) {
    #expect(findings(text).sorted() == expected.sorted())
  }
}
