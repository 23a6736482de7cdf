import Endpoints
import Testing

@Suite struct `Settings for a plane` {
  private static let all = """
    {"affinity":"prefix","concurrency":64,"idleAfter":"15m","queue":{"bytes":"64Mi","length":8,"wait":"1h"}}
    """

  @Test func `every entity carries them as canonical JSON in one variable`() throws {
    let set = read(
      manifest(
        """
        plane: {idleAfter: 15m, concurrency: 64, queue: {length: 8, wait: 60m, bytes: 67108864}, affinity: prefix}
        servedEntities:
          - {model: m, entityVersion: 7, traffic: 90, scaleToZero: true}
          - {model: m, entityVersion: 8, traffic: 10, environment: {LEVEL: INFO}}
        """))
    #expect(set.findings.isEmpty, "\(set.findings)")
    let entities = try #require(set.manifests.first).desired().config.entities
    #expect(entities.map { $0.environment["SETPOINT_PLANE"] } == [Self.all, Self.all])
    #expect(entities.last?.environment["LEVEL"] == "INFO")
  }

  @Test(arguments: ["plane: {}", "plane:", "plane: {queue: {}}"])
  func `without a setting there is no variable`(text: String) throws {
    let set = read(manifest("model: m\nentityVersion: 7\n" + text))
    #expect(set.findings.isEmpty, "\(set.findings)")
    #expect(try set.manifests.first?.desired().config.entities.first?.environment == [:])
  }

  static let faults: [(String, String)] = [
    ("plane: {idleAfer: 15m}", "8:11: error: spec.plane.idleAfer: unknown field; did you mean \"idleAfter\"?"),
    (
      "plane: {concurrency: 0}",
      "8:24: error: spec.plane.concurrency: expected an integer from 1 to 100000, found 0"
    ),
    (
      "plane: {queue: {length: -1}}",
      "8:27: error: spec.plane.queue.length: expected an integer from 0 to 1000000, found -1"
    ),
    (
      "plane: {queue: {wait: 300}}",
      "8:25: error: spec.plane.queue.wait: expected a duration such as 90s, 60m or 1h30m, found 300; add a unit: 300s "
        + "or 300m"
    ),
    (
      "plane: {queue: {bytes: 64}}",
      "8:26: error: spec.plane.queue.bytes: expected a number of bytes from 1Ki to 1Ti, such as 64Mi, found 64"
    ),
    (
      "plane: {queue: {bytes: 64MB}}",
      "8:26: error: spec.plane.queue.bytes: expected a number of bytes from 1Ki to 1Ti, such as 64Mi, found the text "
        + "\"64MB\""
    ),
    (
      "plane: {affinity: prefx}",
      "8:21: error: spec.plane.affinity: expected one of none, prefix, session, found the text \"prefx\"; did you mean "
        + "\"prefix\"?"
    ),
    (
      "plane: {idleAfter: 15m}",
      "8:22: error: spec.plane.idleAfter: has no effect without scaleToZero: true; write scaleToZero: true, or remove "
        + "idleAfter"
    ),
    (
      "environment: {SETPOINT_PLANE: \"{}\"}",
      "8:17: error: spec.environment.SETPOINT_PLANE: variables starting with \"SETPOINT_\" are reserved for Setpoint; "
        + "write the settings under plane"
    ),
  ]

  @Test(arguments: faults)
  func `each fault is a finding with its place`(text: String, finding: String) {
    #expect(findings(manifest("model: m\nentityVersion: 7\n" + text)) == [finding])
  }

  @Test func `they belong to the spec, not to an entity`() {
    let text = "servedEntities:\n  - {model: m, entityVersion: 7, plane: {concurrency: 1}}"
    #expect(
      findings(manifest(text)) == [
        "7:36: error: spec.servedEntities[0].plane: unknown field here; it belongs at spec.plane"
      ])
  }

  @Test func `for a workspace, each of them is a finding`() throws {
    let spec = """
      model: m
      entityVersion: 7
      scaleToZero: true
      plane:
        idleAfter: 15m
        queue: {length: 8, wait: 1m}
      """
    let described = try #require(read(manifest(spec)).manifests.first).findingsForWorkspace.map(\.description)
    let words = "workspaces do not support this setting; serving planes do; remove it for endpoints in a workspace"
    #expect(
      described == [
        "f.yaml:10:16: error: spec.plane.idleAfter: \(words)", "f.yaml:11:21: error: spec.plane.queue.length: \(words)",
        "f.yaml:11:30: error: spec.plane.queue.wait: \(words)",
      ])
  }

  @Test func `the variable is read back, in whatever order and spelling`() throws {
    #expect(try PlaneArguments(parsing: Self.all).text == Self.all)
    let other = try PlaneArguments(parsing: #"{"queue": {"bytes": 1024, "wait": "90s"}, "affinity": "none"}"#)
    #expect(other == PlaneArguments(queueWait: .seconds(90), queueBytes: 1024, affinity: .leastWork))
    #expect(other.text == #"{"affinity":"none","queue":{"bytes":"1Ki","wait":"1m30s"}}"#)
  }

  @Test(arguments: [
    ("", "must be a JSON object"), ("[]", "must be a JSON object"), ("7", "must be a JSON object"),
    ("{", "is not valid JSON: "), (#"{"concurrency":1,"concurrency":2}"#, "duplicate key"),
    (#"{"concurrency":"many"}"#, "concurrency: expected an integer from 1 to 100000"),
    (#"{"queue":{"lenght":1}}"#, "queue.lenght: unknown field; did you mean \"length\"?"),
    (#"{"idleAfter":"0s"}"#, "idleAfter: expected a duration"),
  ])
  func `any other value is refused with the reason`(text: String, reason: String) {
    let error = #expect(throws: InvalidPlaneArguments.self) { try PlaneArguments(parsing: text) }
    #expect(error?.description.hasPrefix("SETPOINT_PLANE ") == true)
    #expect(error?.description.contains(reason) == true, "\(error?.description ?? "")")
  }
}

@Suite struct ByteCountTextTests {
  @Test(arguments: [
    ("0", 0), ("4096", 4096), ("64Mi", 64 << 20), ("1Ti", 1 << 40), ("2k", 2000), ("1G", 1_000_000_000),
  ])
  func `a number of bytes may have a unit`(text: String, bytes: Int) {
    #expect(ByteCountText.bytes(text) == bytes)
  }

  @Test(arguments: ["", "Mi", "-1", "+1", "1.5Mi", "64MB", "64mi", "9999999999Gi", "٣Mi"])
  func `anything else is not a number of bytes`(text: String) {
    #expect(ByteCountText.bytes(text) == nil)
  }

  @Test(arguments: [
    (0, "0"), (1000, "1000"), (1024, "1Ki"), (1536 << 10, "1536Ki"), (1 << 30, "1Gi"), (1 << 40, "1Ti"),
  ])
  func `a printed number is the shortest that is read back`(bytes: Int, text: String) {
    #expect(ByteCountText.text(bytes: bytes) == text)
    #expect(ByteCountText.bytes(text) == bytes)
  }

  @Test(
    arguments: [
      (-1, "0"), (0, "0"), (1023, "1023"), (1024, "1Ki"), (1100, "1Ki"), (1536, "1.5Ki"), ((1 << 30) - 1, "1023Mi"),
      (16_320_875_725, "15.2Gi"), (812 << 20, "812Mi"), (100 << 30, "100Gi"), (Int.max, "8388607Ti"),
    ] as [(Int, String)])
  func `a number of bytes for people has at most one decimal`(bytes: Int, text: String) {
    #expect(ByteCountText.rounded(bytes: bytes) == text)
  }
}
