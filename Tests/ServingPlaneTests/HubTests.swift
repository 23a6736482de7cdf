import CanonicalJSON
import FoundationEssentials
import Glibc
import Testing

@testable import ServingPlane

/// Models of a hub, with a double of the hub's tool: a script that writes the cache that the real one writes.
@Suite(.timeLimit(.minutes(5))) struct HubTests {
  private let data = TestData()
  private let bin: String
  private let models: String

  private static let versions = "/api/2.1/unity-catalog/models/tiny/versions"
  private static let token = "hf_0123456789abcdef"

  /// Downloads in two steps: the first breaks off while the file `broken` exists, does not end while `stuck` exists,
  /// and finds no model while `absent` exists.
  private static let script = """
    #!/bin/sh
    cache="$4/models--acme--tiny"
    echo "token=$HF_TOKEN endpoint=$HF_ENDPOINT offline=$HF_HUB_OFFLINE $1 $2 $3 $5 $6" >> "$HF_DOUBLE/calls"
    mkdir -p "$cache/blobs" "$cache/refs" "$cache/snapshots/abc123"
    if [ -e "$HF_DOUBLE/stuck" ]; then exec sleep 600; fi
    if [ -e "$HF_DOUBLE/absent" ]; then
      printf "\\033[1m\\033[31mError: Model '$2' not found.\\033[0m\\n" >&2
      echo "If the repo does not exist, create it with: hf repos create $2" >&2
      echo "Hint: Run hf skills add -g to teach your AI agents how to use the hf CLI." >&2
      exit 1
    fi
    if [ -e "$HF_DOUBLE/broken" ]; then
      printf wei > "$cache/blobs/weights.incomplete"
      echo "Downloading" >&2
      echo "Error: 401 for the token $HF_TOKEN" >&2
      exit 1
    fi
    if [ -e "$cache/blobs/weights.incomplete" ]; then
      echo resumed >> "$HF_DOUBLE/calls"
      rm "$cache/blobs/weights.incomplete"
    fi
    printf weights > "$cache/blobs/weights"
    printf '{"architectures": ["TinyForCausalLM"]}' > "$cache/blobs/config"
    ln -sf ../../blobs/weights "$cache/snapshots/abc123/model.safetensors"
    ln -sf ../../blobs/config "$cache/snapshots/abc123/config.json"
    printf abc123 > "$cache/refs/${6:-main}"
    """

  init() throws {
    bin = data.path + "/bin"
    models = data.path + "/data/models"
    try FileManager.default.createDirectory(atPath: bin, withIntermediateDirectories: true)
    try Data(Self.script.utf8).write(to: URL(filePath: bin + "/hf"))
    #expect(chmod(bin + "/hf", 0o755) == 0)
    // The tool beside the plane's interpreter comes first.
    try FileManager.default.createSymbolicLink(atPath: bin + "/python3", withDestinationPath: "/bin/sh")
  }

  private func adjust(_ settings: inout PlaneConfiguration) {
    settings.python = bin + "/python3"
    settings.environment["HF_DOUBLE"] = data.path
    settings.environment["HF_ENDPOINT"] = "http://127.0.0.1:9"
    settings.environment["HF_HUB_OFFLINE"] = "1"
    settings.environment["HF_TOKEN"] = Self.token
  }

  private var calls: [String] {
    let text = (try? String(contentsOfFile: data.path + "/calls", encoding: .utf8)) ?? ""
    return text.split(separator: "\n").map(String.init)
  }

  private func downloads() throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: models).filter { $0.hasPrefix(".download-") }
  }

  @Test func `a model of a hub is registered with its commit, and the download is removed`() async throws {
    try await withPlane(data, adjust: adjust) { plane in
      let answer = try await plane.call("POST", Self.versions, ["hf": "acme/tiny", "revision": "v1"])
      #expect(answer.status == 200, "\(answer.text)")
      #expect(answer.json["source"] == "hf:acme/tiny@abc123", "\(answer.text)")
      #expect(answer.json["task"] == "llm/v1/completions")
      let files = answer.json["storage_location"]?.stringValue ?? ""
      #expect(try String(contentsOfFile: files + "/model.safetensors", encoding: .utf8) == "weights")
      #expect(
        calls == [
          "token=\(Self.token) endpoint=http://127.0.0.1:9 offline= download acme/tiny --cache-dir --revision v1"
        ])
      #expect(try downloads() == [])
      var status = stat()
      #expect(stat(files + "/model.safetensors", &status) == 0)
      #expect(status.st_mode & 0o777 == 0o600 && status.st_nlink == 1)
    }
  }

  @Test func `a download that broke off is reported without the token, kept, resumed and removed by gc`() async throws {
    let broken = data.path + "/broken"
    try Data().write(to: URL(filePath: broken))
    try await withPlane(data, adjust: adjust) { plane in
      let failed = try await plane.call("POST", Self.versions, ["hf": "acme/tiny"])
      #expect(failed.status == 500, "\(failed.text)")
      #expect(failed.message.contains("hf could not download hf:acme/tiny: Downloading; Error: 401"), "\(failed.text)")
      #expect(failed.message.contains("[redacted]") && !failed.text.contains(Self.token), "\(failed.text)")
    }
    // Not even the next start of the plane removes it.
    try await withPlane(data, adjust: adjust) { plane in
      #expect(try downloads() == [".download-acme--tiny"])
      let listed = try await plane.call("POST", "/api/2.1/unity-catalog/models:gc", ["dry_run": true])
      #expect(listed.json["items"]?.arrayValue?.map { $0["description"] } == ["an interrupted download of acme/tiny"])
      unlink(broken)
      let answer = try await plane.call("POST", Self.versions, ["hf": "acme/tiny"])
      #expect(answer.status == 200, "\(answer.text)")
      #expect(answer.json["version"] == 1)
      #expect(calls.last == "resumed", "\(calls)")
      #expect(try downloads() == [])
    }
  }

  @Test func `a registration that is deleted while its caller waits is answered as canceled, not as to be retried`()
    async throws
  {
    try Data().write(to: URL(filePath: data.path + "/stuck"))
    try await withPlane(data, adjust: adjust) { plane in
      async let waiting = plane.call("POST", Self.versions, ["hf": "acme/tiny"])
      try await eventually("the registration has begun") {
        try await plane.call("GET", Self.versions + "/1").json["status"] == "PENDING_REGISTRATION"
      }
      let deleted = try await plane.call("DELETE", Self.versions + "/1")
      #expect(deleted.status == 200 && deleted.json["registration_canceled"] == true, "\(deleted.text)")
      let answer = try await waiting
      #expect(answer.status == 409 && answer.code == "ABORTED", "\(answer.text)")
      #expect(answer.message == "the registration was canceled; nothing was downloaded", "\(answer.text)")
      #expect(try await plane.call("GET", Self.versions + "/1").status == 404)
    }
  }

  @Test func `a model that the hub does not have is refused in plain words, and nothing of it is left`() async throws {
    try Data().write(to: URL(filePath: data.path + "/absent"))
    try await withPlane(data, adjust: adjust) { plane in
      let answer = try await plane.call("POST", Self.versions, ["hf": "acme/tiny"])
      #expect(answer.status == 404, "\(answer.text)")
      #expect(
        answer.message == "hf could not download hf:acme/tiny: Error: Model 'acme/tiny' not found.", "\(answer.text)")
      #expect(try await plane.call("GET", Self.versions).status == 404)
      #expect(try downloads() == [])
    }
  }

  @Test func `a model that needs an approval is the caller's fault, and a network that fails is not`() {
    #expect(HubToolErrors("Error: Access denied. Model 'a/b' requires approval.").code == .invalid)
    #expect(HubToolErrors("Error: Revision not found in model 'a/b'.").code == .missing)
    #expect(HubToolErrors("Error: Local entry not found. The network is down.").code == .storage)
    #expect(HubToolErrors("\n \n").lastWords == "it failed without a message")
  }

  @Test func `the token may be a secret of the plane`() async throws {
    let folder = data.path + "/data/secrets/hf"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    try Data("hf_from_the_folder\n".utf8).write(to: URL(filePath: folder + "/token"))
    try await withPlane(
      data,
      adjust: {
        adjust(&$0)
        $0.environment["HF_TOKEN"] = nil
      }
    ) { plane in
      let answer = try await plane.call("POST", Self.versions, ["hf": "acme/tiny"])
      #expect(answer.status == 200, "\(answer.text)")
      #expect(calls.first?.hasPrefix("token=hf_from_the_folder ") == true, "\(calls)")
    }
  }

  @Test(
    arguments: [
      (["hf": "--token/x"], "not the name of a model"), (["hf": "../x"], "not the name of a model"),
      (["hf": "a/b/c"], "not the name of a model"), (["hf": "a/b", "revision": "-x"], "not a valid revision"),
      (["hf": "a/b", "revision": "../x"], "not a valid revision"), (["hf": "a/b", "source": "/x"], "not both"),
      ([:], "source must be a folder"), ([:], "for a model of a hub, use hf"),
    ] as [(JSONValue, String)])
  func `a name that is not a model's is refused, and nothing is started`(_ body: JSONValue, _ says: String) async throws
  {
    try await withPlane(data, adjust: adjust) { plane in
      let answer = try await plane.call("POST", Self.versions, body)
      #expect(answer.status == 400 && answer.message.contains(says), "\(answer.text)")
      #expect(calls == [])
    }
  }

  @Test func `a plane without the tool says what to install`() async throws {
    unlink(bin + "/hf")
    try await withPlane(
      data,
      adjust: {
        adjust(&$0)
        $0.environment["PATH"] = bin
      }
    ) { plane in
      let answer = try await plane.call("POST", Self.versions, ["hf": "acme/tiny"])
      #expect(answer.status == 400 && answer.message.contains("install huggingface_hub"), "\(answer.text)")
      #expect(try await plane.call("GET", Self.versions).status == 404)
    }
  }
}
