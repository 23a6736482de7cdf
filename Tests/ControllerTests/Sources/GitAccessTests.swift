import Controller
import Endpoints
import Foundation
import Subprocess
import Testing

@Suite struct `The address of a repository` {
  private static let addresses: [(url: String, address: String, shown: String)] = [
    ("https://example.com/a/b.git", "https://example.com/a/b.git", "https://example.com/a/b.git"),
    ("https://ada:s3cret@example.com:8443/b", "https://example.com:8443/b", "https://***@example.com:8443/b"),
    ("https://ghp_s3cret@example.com/b", "https://example.com/b", "https://***@example.com/b"),
    ("https://a:p@s3cret@example.com/b", "https://example.com/b", "https://***@example.com/b"),
    ("HTTPS://example.com/b", "https://example.com/b", "https://example.com/b"),
    ("ssh://git@example.com/b", "ssh://git@example.com/b", "ssh://git@example.com/b"),
    ("ssh://git:s3cret@example.com/b", "ssh://git@example.com/b", "ssh://***@example.com/b"),
    ("git@example.com:a/b.git", "git@example.com:a/b.git", "git@example.com:a/b.git"),
    ("/srv/fleet.git", "/srv/fleet.git", "/srv/fleet.git"),
    ("file:///srv/fleet.git", "file:///srv/fleet.git", "file:///srv/fleet.git"),
  ]

  @Test(arguments: addresses)
  func `an address goes to git and to messages without secrets`(url: String, address: String, shown: String) throws {
    let remote = try GitRemote(url)
    #expect(remote.address == address && remote.shown == shown)
  }

  @Test(arguments: [
    "", "-x", "--upload-pack=touch /tmp/x", "ext::sh -c touch% /tmp/x", "fd::17", "ftp://example.com/a",
    "https://", "https:///b", "https://ada:s3cret@/b", "https://example.com/a\nb",
  ])
  func `an address that git could not use, or only by running something else, is refused`(url: String) {
    let error = #expect(throws: GitSourceError.self) { try GitRemote(url) }
    #expect(error?.description.contains("s3cret") == false)
  }

  @Test(arguments: [
    "", "-x", "a b", "a..b", "a~1", "main^", "x:y", "*", "a//b", "/a", "a/", ".a", "a.lock", "a@{1}", "a\u{7}",
  ])
  func `a reference that cannot exist is refused`(ref: String) {
    #expect(throws: GitSourceError.self) { try GitRef(ref) }
  }

  @Test(arguments: ["/etc", "../x", "a/../../b", ".git", "a/.GIT/b"])
  func `a path outside the repository is refused`(path: String) {
    #expect(throws: GitSourceError.self) {
      try GitSource(url: "https://example.com/a", path: path, stateDirectory: "/nowhere", environment: [:])
    }
  }

  @Test func `credentials that do not fit the address are refused`() {
    func error(_ url: String, _ access: GitAccess) -> String {
      do {
        _ = try GitSource(url: url, stateDirectory: "/nowhere", access: access, environment: [:])
        return ""
      } catch {
        return error.description
      }
    }
    let token = GitAccess(token: .environment("TOKEN"))
    #expect(error("https://example.com/a", token).isEmpty)
    #expect(error("https://deploy@example.com/a", token).isEmpty)
    #expect(error("http://127.0.0.1:99/a", token).isEmpty)
    #expect(error("http://example.com/a", token).contains("use https"))
    #expect(error("http://127.0.0.1.example.com/a", token).contains("use https"))
    #expect(error("http://ada:s3cret@example.com/a", GitAccess()).contains("use https"))
    #expect(error("git@example.com:a", token).contains("does not use a token"))
    #expect(error("https://ada:s3cret@example.com/a", token).contains("remove the password"))
  }
}

@Suite(.timeLimit(.minutes(2))) struct `A private repository` {
  private let fixture: GitFixture
  /// A different one for each test, because the command lines of the whole machine are searched.
  private let token = "s3cret%token/\(UUID().uuidString)"

  init() async throws {
    fixture = try await GitFixture()
    try await fixture.commit(["fleet/a.yaml": manifestText("a")])
    // Git's own HTTP server requires it.
    try await fixture.git("config", "http.uploadpack", "true")
  }

  /// Runs `body` with two servers for the repository: the first requires the token, the second redirects to the first.
  /// - Returns: what they received: a line per `Authorization` header, and per command line that contains the token.
  private func withServers(_ body: @escaping @Sendable (_ asking: Int, _ sending: Int) async throws -> Void)
    async throws
    -> String
  {
    try fixture.folder.write(Self.server, "server.py")
    let log = fixture.folder("log")
    try fixture.folder.write("", "log")
    _ = try await Subprocess.run(
      .name("python3"), arguments: [fixture.folder("server.py"), fixture.folder("work"), token, log],
      environment: .custom(["PATH": fixture.path]), input: .inputWriter, output: .sequence, error: .discarded
    ) { execution in
      var lines = execution.standardOutput.strings().makeAsyncIterator()
      let ports = try #require(try await lines.next()).split(separator: " ").compactMap {
        Int($0.trimmingCharacters(in: .newlines))
      }
      try #require(ports.count == 2)
      try await body(ports[0], ports[1])
      // The server ends with its standard input.
      try await execution.standardInputWriter.finish()
    }
    return try String(contentsOfFile: log, encoding: .utf8)
  }

  @Test(arguments: ["file", "environment", "address", "name"])
  func `a repository is read with a token that no command line and no output shows`(place: String) async throws {
    let (fixture, token) = (fixture, token)
    let log = try await withServers { port, _ in
      try fixture.folder.write(token + "\n", "token")
      let encoded = token.replacing("%", with: "%25").replacing("/", with: "%2F")
      let source: GitSource =
        switch place {
        case "file":
          try fixture.source("http://127.0.0.1:\(port)/.git", access: GitAccess(token: .file(fixture.folder("token"))))
        case "environment":
          try fixture.source(
            "http://127.0.0.1:\(port)/.git", access: GitAccess(token: .environment("TOKEN")),
            environment: ["TOKEN": token])
        case "address": try fixture.source("http://ada:\(encoded)@127.0.0.1:\(port)/.git")
        default: try fixture.source("http://\(encoded)@127.0.0.1:\(port)/.git")
        }
      let reading = try await source.read()
      #expect(reading.names == ["a"] && reading.problem == nil, "\(reading.problem ?? "")")
      #expect(!source.description.contains("s3cret"))
      #expect(
        try !fixture.kept().contains { name in
          FileManager.default.contents(atPath: fixture.folder("state/" + name)).map {
            String(decoding: $0, as: UTF8.self).contains("s3cret")
          } ?? false
        })
    }
    #expect(log.contains(" authorized") && !log.contains("leaked"))
  }

  @Test func `a wrong token or none is refused, in a message without the token`() async throws {
    let fixture = fixture
    _ = try await withServers { port, _ in
      let address = "http://127.0.0.1:\(port)/.git"
      let wrong = try fixture.source("http://ada:wr0ng@127.0.0.1:\(port)/.git")
      let refused = try await wrong.read()
      #expect(!refused.set.isComplete && refused.problem?.contains("Authentication failed") == true)
      #expect(refused.problem?.contains("http://***@127.0.0.1") == true)
      #expect(refused.problem?.contains("wr0ng") == false)
      #expect(refused.set.findings.allSatisfy { !$0.description.contains("wr0ng") })
      let none = try await fixture.source(address).read()
      #expect(none.problem?.contains("terminal prompts disabled") == true)
      let missing = try await fixture.source(address, access: GitAccess(token: .file("/nowhere/token"))).read()
      #expect(missing.problem?.contains("the token file /nowhere/token: cannot read it") == true)
      let unset = try await fixture.source(address, access: GitAccess(token: .environment("TOKEN"))).read()
      #expect(unset.problem?.contains("no token in the environment variable TOKEN") == true)
    }
  }

  @Test func `a redirect to another host does not receive the token`() async throws {
    let (fixture, token) = (fixture, token)
    let log = try await withServers { _, port in
      let source = try fixture.source(
        "http://127.0.0.1:\(port)/.git", access: GitAccess(token: .environment("TOKEN")),
        environment: ["TOKEN": token])
      #expect(try await !source.read().set.isComplete)
    }
    #expect(log.contains("unauthorized") && !log.contains(" authorized"))
  }

  @Test func `a repository is read over ssh with the configured key and known hosts, and nothing else`() async throws {
    try fixture.folder.write(
      """
      #!/bin/sh
      printf '%s\\n' "$@" > \(fixture.folder("words"))
      env > \(fixture.folder("variables"))
      for last; do :; done
      exec sh -c "$last"
      """, "bin/ssh")
    try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: fixture.folder("bin/ssh"))
    let source = try fixture.source(
      "git@example.com:" + fixture.folder("work"),
      access: GitAccess(keyFile: fixture.folder("it's a key"), knownHostsFile: fixture.folder("known hosts")),
      environment: ["PATH": fixture.folder("bin") + ":" + fixture.path, "DATABRICKS_TOKEN": "s3cret"])
    let reading = try await source.read()
    #expect(reading.names == ["a"] && reading.problem == nil, "\(reading.problem ?? "")")
    let words = try String(contentsOfFile: fixture.folder("words"), encoding: .utf8).split(separator: "\n").map(
      String.init)
    let host = try #require(words.firstIndex(of: "git@example.com"))
    let expected = [
      "BatchMode=yes", "StrictHostKeyChecking=yes", "IdentitiesOnly=yes", "IdentityAgent=none",
      fixture.folder("it's a key"), "UserKnownHostsFile=\"\(fixture.folder("known hosts"))\"",
      "GlobalKnownHostsFile=/dev/null", "LogLevel=ERROR",
    ]
    for word in expected { #expect(words[..<host].contains(word)) }
    let variables = try String(contentsOfFile: fixture.folder("variables"), encoding: .utf8)
    #expect(!variables.contains("s3cret"))
  }

  @Test func `an ssh failure is reported with its reason, without the server's banner`() async throws {
    let greeting = String(repeating: "*** AUTHORIZED USE ONLY ***\n", count: 200)
    try fixture.folder.write(
      """
      #!/bin/sh
      cat \(fixture.folder("greeting")) >&2
      echo "git@example.com: Permission denied (publickey)." >&2
      exit 255
      """, "bin/ssh")
    try fixture.folder.write(greeting, "greeting")
    try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: fixture.folder("bin/ssh"))
    let source = try fixture.source(
      "git@example.com:" + fixture.folder("work"),
      environment: ["PATH": fixture.folder("bin") + ":" + fixture.path])
    let problem = try #require(try await source.read().problem)
    #expect(problem.contains(": git@example.com: Permission denied (publickey).; fatal: "), "\(problem)")
    #expect(!problem.contains("Please make sure"))
  }

  /// Two HTTP servers for one repository. The arguments are its root, the token, and a log file.
  private static let server = #"""
    import base64, glob, os, subprocess, sys, threading, urllib.parse
    from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
    root, token, log = sys.argv[1:4]

    def note(line):
        with open(log, "a") as file: file.write(" " + line + "\n")

    def leaks():
        for path in glob.glob("/proc/[0-9]*/cmdline"):
            try: words = open(path, "rb").read().split(b"\0")
            except OSError: continue
            # This server was given the token itself.
            if words[1:2] == [sys.argv[0].encode()]: continue
            text = b" ".join(words)
            if token.encode() in text or urllib.parse.quote(token, safe="").encode() in text: note("leaked")

    class Asking(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        def log_message(self, *arguments): pass
        def answer(self):
            leaks()
            header = self.headers.get("Authorization", "")
            pair = base64.b64decode(header[6:]).decode() if header.startswith("Basic ") else ":"
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            if token not in pair.split(":", 1):
                note("unauthorized")
                return self.send(401, [("WWW-Authenticate", "Basic realm=fleet")], b"")
            note("authorized")
            path, _, query = self.path.partition("?")
            environment = {"PATH": os.environ["PATH"], "GIT_PROJECT_ROOT": root, "GIT_HTTP_EXPORT_ALL": "1",
              "PATH_INFO": path, "QUERY_STRING": query, "REQUEST_METHOD": self.command, "REMOTE_USER": "ada",
              "CONTENT_TYPE": self.headers.get("Content-Type", ""), "CONTENT_LENGTH": str(len(body)),
              "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
              "GIT_PROTOCOL": self.headers.get("Git-Protocol", "")}
            output = subprocess.run(["git", "http-backend"], env=environment, input=body, capture_output=True).stdout
            head, _, rest = output.partition(b"\r\n\r\n")
            fields = [line.decode().split(": ", 1) for line in head.split(b"\r\n")]
            status = next((int(value[:3]) for name, value in fields if name == "Status"), 200)
            self.send(status, [field for field in fields if field[0] != "Status"], rest)
        def send(self, status, fields, body):
            self.send_response(status)
            for name, value in fields: self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
        do_GET = do_POST = answer

    class Sending(Asking):
        def answer(self):
            place = "http://127.0.0.1:%d%s" % (asking.server_port, self.path)
            self.send(302, [("Location", place)], b"")
        do_GET = do_POST = answer

    asking = ThreadingHTTPServer(("127.0.0.1", 0), Asking)
    sending = ThreadingHTTPServer(("127.0.0.1", 0), Sending)
    for server in (asking, sending): threading.Thread(target=server.serve_forever, daemon=True).start()
    print(asking.server_port, sending.server_port, flush=True)
    sys.stdin.read()
    """#
}
