import ServingAPI
import TestKit
import Testing

@Suite struct TargetResolverTests {
  private static let file = """
    ; profiles
    [DEFAULT]
    host = https://default.example.com
    token = default-token

    [dev]
    host  = dev.example.com/
    TOKEN = dev-token
    [hostless]
    token = x
    [tokenless]
    host = https://t.example.com
    [both]
    host = https://b.example.com
    token = both-token
    client_id = id
    [chosen]
    host = https://c.example.com
    token = chosen-token
    client_id = id
    auth_type = pat
    [cli]
    host = https://cli.example.com
    auth_type = databricks-cli
    """

  private static let plane = LocalPlane(
    url: "http://127.0.0.1:7387", tokenFile: "/run/token", processID: 7, dataDirectory: "/data/a")
  private static let other = LocalPlane(
    url: "http://127.0.0.1:7400", tokenFile: "/run/token", processID: 8, dataDirectory: "/data/b",
    options: ["--port", "7400", "--python", "/my env/python"])

  private static let everywhere = LocalPlane(
    url: "http://0.0.0.0:7387", tokenFile: "/run/token", processID: 9, dataDirectory: "/data/c")
  private static let secure = LocalPlane(
    url: "https://127.0.0.1:7387", tokenFile: "/run/token", processID: 11, dataDirectory: "/data/e")
  private static let sixth = LocalPlane(
    url: "http://[::1]:7387", tokenFile: "/run/token", processID: 10, dataDirectory: "/data/d")

  struct Case: CustomTestStringConvertible {
    let what: String
    var environment: [String: String] = [:]
    var host: String?
    var profile: String?
    var file: String? = TargetResolverTests.file
    var plane: LocalPlane?
    var second: LocalPlane?
    var gone: LocalPlane?
    var stopped: LocalPlane?
    /// `url token source`, or a part of the error's text.
    let expected: Expected
    var testDescription: String { what }

    enum Expected {
      case target(String, token: String, source: String)
      case error(String)
    }
  }

  private static let environmentHost = ["DATABRICKS_HOST": "https://env.example.com", "DATABRICKS_TOKEN": "env-token"]

  @Test(arguments: [
    Case(
      what: "the environment", environment: environmentHost, plane: plane,
      expected: .target("https://env.example.com", token: "env-token", source: "environment DATABRICKS_HOST")),
    Case(
      what: "a host flag over the environment, with the environment's token for the same host",
      environment: environmentHost, host: "env.example.com",
      expected: .target("https://env.example.com", token: "env-token", source: "flag --host")),
    Case(
      what: "a token is not sent to a host it was not given for", environment: environmentHost,
      host: "https://other.example.com",
      expected: .error("credentials belong to DATABRICKS_HOST (https://env.example.com)")),
    Case(
      what: "a host flag with a token without a host", environment: ["DATABRICKS_TOKEN": "env-token"],
      host: "https://other.example.com",
      expected: .target("https://other.example.com", token: "env-token", source: "flag --host")),
    Case(
      what: "a host flag that is the plane's address", environment: environmentHost, host: "http://127.0.0.1:7387/",
      plane: plane, expected: .target("http://127.0.0.1:7387", token: "plane-token", source: "flag --host")),
    Case(
      what: "a host flag and nothing else", host: "x.example.com",
      expected: .error("no token for https://x.example.com")),
    Case(
      what: "a host flag with the profile of that host", environment: environmentHost, host: "https://dev.example.com",
      profile: "dev", expected: .target("https://dev.example.com", token: "dev-token", source: "flag --host")),
    Case(
      what: "a host flag with the profile of another host", host: "https://x.example.com", profile: "dev",
      expected: .error("is for another host")),
    Case(
      what: "a profile flag over the environment", environment: environmentHost, profile: "dev", plane: plane,
      expected: .target(
        "https://dev.example.com", token: "dev-token",
        source: "profile dev of /home/a/.databrickscfg")),
    Case(
      what: "a profile named by the environment", environment: ["DATABRICKS_CONFIG_PROFILE": "dev"], plane: plane,
      expected: .target(
        "https://dev.example.com", token: "dev-token",
        source: "profile dev of /home/a/.databrickscfg")),
    Case(
      what: "the environment's token over the file's",
      environment: ["DATABRICKS_CONFIG_PROFILE": "dev", "DATABRICKS_TOKEN": "env-token"],
      expected: .target(
        "https://dev.example.com", token: "env-token",
        source: "profile dev of /home/a/.databrickscfg")),
    Case(
      what: "the environment's host with a named profile's token",
      environment: ["DATABRICKS_HOST": "https://dev.example.com", "DATABRICKS_CONFIG_PROFILE": "dev"],
      expected: .target("https://dev.example.com", token: "dev-token", source: "environment DATABRICKS_HOST")),
    Case(
      what: "a missing profile", profile: "prod",
      expected: .error("use one of DEFAULT, both, chosen, cli, dev, hostless, tokenless")),
    Case(what: "a profile without a file", profile: "dev", file: nil, expected: .error("file not found")),
    Case(
      what: "a profile without a host: DEFAULT is not inherited", profile: "hostless", expected: .error("has no host")),
    Case(what: "a profile without a token", profile: "tokenless", expected: .error("has no token")),
    Case(what: "another kind of authentication", profile: "cli", expected: .error("is databricks-cli")),
    Case(what: "two kinds in a profile", profile: "both", expected: .error("more than one authentication method")),
    Case(
      what: "two kinds, one chosen", profile: "chosen",
      expected: .target(
        "https://c.example.com", token: "chosen-token", source: "profile chosen of /home/a/.databrickscfg")),
    Case(
      what: "two kinds in the environment",
      environment: environmentHost.merging(["DATABRICKS_CLIENT_ID": "i"]) { $1 },
      expected: .error(
        "more than one authentication method")),
    Case(
      what: "an authentication type in the environment",
      environment: environmentHost.merging(["DATABRICKS_AUTH_TYPE": "azure-cli"]) { $1 },
      expected: .error("environment DATABRICKS_AUTH_TYPE is azure-cli")),
    Case(
      what: "a host without a token", environment: ["DATABRICKS_HOST": "https://env.example.com"], plane: plane,
      expected: .error("DATABRICKS_TOKEN is not set")),
    Case(
      what: "the plane's address in the environment, without a token",
      environment: ["DATABRICKS_HOST": "http://127.0.0.1:7387"], plane: plane,
      expected: .target("http://127.0.0.1:7387", token: "plane-token", source: "environment DATABRICKS_HOST")),
    Case(
      what: "a token without a host", environment: ["DATABRICKS_TOKEN": "t"], plane: plane,
      expected: .error("DATABRICKS_TOKEN is set, but DATABRICKS_HOST is not")),
    Case(
      what: "the plane on this machine", plane: plane,
      expected: .target("http://127.0.0.1:7387", token: "plane-token", source: "the plane on this machine")),
    Case(
      what: "an empty variable is not set", environment: ["DATABRICKS_HOST": " ", "DATABRICKS_TOKEN": ""], plane: plane,
      expected: .target("http://127.0.0.1:7387", token: "plane-token", source: "the plane on this machine")),
    Case(
      what: "a default profile that the file names", file: "[__settings__]\ndefault_profile = dev\n" + file,
      plane: plane,
      expected: .target(
        "https://dev.example.com", token: "dev-token",
        source: "profile dev of /home/a/.databrickscfg")),
    Case(
      what: "a missing default profile", file: "[__settings__]\ndefault_profile = gone\n[dev]\nhost = h\n",
      expected: .error("use dev")),
    Case(
      what: "nothing: DEFAULT counts only if it is named", expected: .error("start a plane with \"setpoint serve\"")),
    Case(
      what: "two planes on this machine", file: nil, plane: plane, second: other,
      expected: .error("--host http://127.0.0.1:7400  (data in /data/b)")),
    Case(
      what: "one of two planes, chosen by its address", host: "127.0.0.1:7400", file: nil, plane: plane, second: other,
      expected: .target("http://127.0.0.1:7400", token: "plane-token", source: "flag --host")),
    Case(
      what: "localhost is the plane's machine", host: "localhost:7387", file: nil, plane: plane, second: other,
      expected: .target("http://127.0.0.1:7387", token: "plane-token", source: "flag --host")),
    Case(
      what: "and so is [::1]", host: "http://[::1]:7387/", file: nil, plane: plane,
      expected: .target("http://127.0.0.1:7387", token: "plane-token", source: "flag --host")),
    Case(
      what: "localhost in the environment", environment: ["DATABRICKS_HOST": "LOCALHOST:7387"], file: nil, plane: plane,
      expected: .target("http://127.0.0.1:7387", token: "plane-token", source: "environment DATABRICKS_HOST")),
    Case(
      what: "a plane on all addresses of the machine", host: "localhost:7387", file: nil, plane: everywhere,
      expected: .target("http://0.0.0.0:7387", token: "plane-token", source: "flag --host")),
    Case(
      what: "the plane at the very address, before another on the same port", host: "[::1]:7387", file: nil,
      plane: plane,
      second: sixth, expected: .target("http://[::1]:7387", token: "plane-token", source: "flag --host")),
    Case(
      what: "a name that means two planes", host: "localhost:7387", file: nil, plane: plane, second: sixth,
      expected: .error("http://localhost:7387 matches 2 serving planes")),
    Case(
      what: "another port of this machine", host: "localhost:7388", file: nil, plane: plane,
      expected: .error("no token for http://localhost:7388")),
    Case(
      what: "another scheme on this machine", host: "https://localhost:7387", file: nil, plane: plane,
      expected: .error("no token for https://localhost:7387")),
    Case(
      what: "a plane with TLS, by an address without a scheme", host: "localhost:7387", file: nil, plane: secure,
      expected: .target("https://127.0.0.1:7387", token: "plane-token", source: "flag --host")),
    Case(
      what: "another machine", host: "http://h.example.com:7387", file: nil, plane: everywhere,
      expected: .error("no token for http://h.example.com:7387")),
    Case(
      what: "a stopped plane, by another name of this machine", host: "localhost:7400", file: nil, gone: other,
      expected: .error("the serving plane at http://127.0.0.1:7400 is not running")),
    Case(
      what: "one of two planes, chosen in the environment", environment: ["DATABRICKS_HOST": "127.0.0.1:7387"],
      file: nil,
      plane: plane, second: other,
      expected: .target("http://127.0.0.1:7387", token: "plane-token", source: "environment DATABRICKS_HOST")),
    Case(
      what: "a plane beside the remains of another one", file: nil, plane: plane, gone: other,
      expected: .target("http://127.0.0.1:7387", token: "plane-token", source: "the plane on this machine")),
    Case(
      what: "a stopped plane", file: nil, gone: other,
      expected: .error("\"setpoint serve --data /data/b --port 7400 --python '/my env/python'\"")),
    Case(
      what: "a stopped plane, by its address", host: "http://127.0.0.1:7400", file: nil, gone: other,
      expected: .error("the serving plane at http://127.0.0.1:7400 is not running")),
    Case(
      what: "a plane that was stopped normally", file: nil, stopped: other,
      expected: .error("start the last plane again with \"setpoint serve --data /data/b --port 7400")),
    Case(
      what: "a plane that was stopped normally, by its address", host: "localhost:7400", file: nil, stopped: other,
      expected: .error("the serving plane at http://127.0.0.1:7400 is not running")),
    Case(
      what: "another address than that of the plane that was stopped", host: "localhost:7401", file: nil,
      stopped: other, expected: .error("no token for http://localhost:7401")),
    Case(what: "nothing at all", file: nil, expected: .error("start a plane with \"setpoint serve\"")),
    Case(
      what: "another path of the file", environment: ["DATABRICKS_CONFIG_FILE": "~/other", "HOME": "/home/b"],
      profile: "dev", expected: .error("file not found: /home/b/other")),
    Case(
      what: "an invalid line", profile: "dev", file: "[dev]\ndapi-oops-a-token\n",
      expected: .error("/home/a/.databrickscfg:2: expected KEY = VALUE")),
    Case(what: "an invalid host", host: "ftp://x", expected: .error("neither http nor https")),
  ])
  func `the setting with the highest precedence selects the target`(item: Case) throws {
    let resolver = TargetResolver(
      environment: ["HOME": "/home/a"].merging(item.environment) { $1 },
      readFile: { path throws(TargetError) in
        switch path {
        case "/home/a/.databrickscfg": item.file
        case "/run/token": "plane-token\n"
        default: nil
        }
      },
      findPlanes: { () throws(TargetError) in
        var planes = LocalPlanes()
        planes.running = [item.plane, item.second].compactMap { $0 }
        planes.gone = [item.gone].compactMap { $0 }
        planes.stopped = item.stopped
        return planes
      })
    switch item.expected {
    case .target(let url, let token, let source):
      let access = try resolver.resolve(host: item.host, profile: item.profile)
      #expect(access.target.url == url)
      #expect(access.target.source == source)
      #expect(access.credentials.proof == .token(Secret(token)))
      #expect(access.target.isLocalPlane == (token == "plane-token"))
      // A plane's token goes through a socket that only its user can listen on; any other goes to the configured host.
      #expect((access.target.socket != nil) == (token == "plane-token"))
    case .error(let text):
      let error = #expect(throws: TargetError.self) { try resolver.resolve(host: item.host, profile: item.profile) }
      #expect(error?.description.contains(text) == true, "\(error?.description ?? "")")
      #expect(error?.description.contains("dapi") == false)
      // Its history is found by its address.
      let isStopped = ["is not running", "start the last plane again"].contains {
        error?.description.contains($0) == true
      }
      #expect(error?.stoppedPlane == (isStopped ? (item.gone ?? item.stopped)?.url : nil))
    }
  }

  @Test(arguments: [
    ("dbc-1.cloud.databricks.com", "https://dbc-1.cloud.databricks.com"),
    ("https://H.example.com/", "https://h.example.com"), ("https://h.example.com:443/", "https://h.example.com"),
    ("http://h.example.com:80", "http://h.example.com"), ("https://h.example.com:8443", "https://h.example.com:8443"),
    ("https://h.example.com/a/B/", "https://h.example.com/a/B"),
    ("https://adb-1.azuredatabricks.net/?o=123", "https://adb-1.azuredatabricks.net"),
    (" 127.0.0.1:7387 ", "http://127.0.0.1:7387"), ("localhost:1", "http://localhost:1"), ("[::1]:1", "http://[::1]:1"),
    ("HTTPS://h", "https://h"),
  ])
  func `a host is accepted in the forms that people write`(written: String, expected: String) throws {
    let resolver = TargetResolver(
      environment: ["DATABRICKS_HOST": written, "DATABRICKS_TOKEN": "t"], readFile: { _ throws(TargetError) in nil },
      findPlanes: { () throws(TargetError) in LocalPlanes() })
    #expect(try resolver.resolve().target.url == expected)
  }

  @Test(arguments: [
    "ftp://h", "https://", "https://user:pass@h", "h:port", "h:99999", "a b", "https://:1", "hé",
  ])
  func `an invalid host is refused, and no password is repeated`(written: String) {
    let resolver = TargetResolver(
      environment: ["DATABRICKS_HOST": written, "DATABRICKS_TOKEN": "t"], readFile: { _ throws(TargetError) in nil },
      findPlanes: { () throws(TargetError) in LocalPlanes() })
    let error = #expect(throws: TargetError.self) { try resolver.resolve() }
    #expect(error?.description.contains("pass") == false)
  }
}
