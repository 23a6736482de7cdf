import CanonicalJSON
import FoundationEssentials
import Testing

@testable import ServingPlane

/// Who may refer to the plane's secrets.
@Suite(.timeLimit(.minutes(5))) struct SecretUseTests {
  @Test func `a secret reference is introduced only by those who may manage all endpoints, and stays for the others`()
    async throws
  {
    let data = TestData()
    let folder = try data.model()
    let secrets = data.settings.secretsPath + "/llm"
    try FileManager.default.createDirectory(atPath: secrets, withIntermediateDirectories: true)
    for key in ["one", "two"] { try Data("hunter2".utf8).write(to: URL(filePath: "\(secrets)/\(key)")) }
    try await withPlane(data) { admin in
      let version = try await admin.register("hello", folder)
      func environment(_ variables: [String: String], name: String = "m") -> [JSONValue] {
        [entity("hello", version, name: name, environment: variables)]
      }
      #expect(try await admin.create("chat", environment(["KEY": "{{secrets/llm/one}}"])).status == 200)
      _ = try await admin.waitUntilSettled("chat")
      let owner = try await admin.tokenHolder("owner", can: "manage", endpoints: ["chat"])
      // Whether the secret exists makes no difference.
      for key in ["two", "missing"] {
        let refused = try await owner.put(
          "chat", environment(["KEY": "{{secrets/llm/one}}", "OTHER": "{{secrets/llm/\(key)}}"]))
        #expect(refused.status == 403 && refused.code == "PERMISSION_DENIED", "\(refused.text)")
        #expect(
          refused.message
            == "served entity \"m\": principal \"owner\" may not introduce the secret reference {{secrets/llm/\(key)}} in "
            + "OTHER: a token with the permission \"manage\" on all endpoints is required; an administrator can set the "
            + "variable, or create one with \"setpoint tokens create NAME --can manage\"")
      }
      let kept = try await owner.put("chat", environment(["KEY": "{{secrets/llm/one}}", "LEVEL": "debug"], name: "x"))
      #expect(kept.status == 200, "\(kept.text)")
      _ = try await admin.waitUntilSettled("chat")
      let manager = try await admin.tokenHolder("manager", can: "manage")
      let introduced = try await manager.put("chat", environment(["KEY": "{{secrets/llm/two}}"]))
      #expect(introduced.status == 200, "\(introduced.text)")
    }
  }
}
