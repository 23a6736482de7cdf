import Controller
import CoreMetrics
import HTTPSupport
import LibCurl
import Planning
import PrometheusMetrics
import Scheduling
import ServingAPI
import Synchronization
import TestKit
import Testing

@Suite struct ControllerMetricsTests {
  private let metrics = ControllerMetrics(
    version: "1.2.3", fleet: "prod", started: Timestamp(milliseconds: 1_700_000_000_500), concurrency: 16,
    process: { ProcessMetrics(residentBytes: 123_456_789, processorSeconds: 1.25) })

  private func read(now: Int64 = 1_700_000_100_000) throws -> Exposition {
    try Exposition(metrics.text(now: Timestamp(milliseconds: now)))
  }

  @Test(arguments: [
    ("controller_runtime_reconcile_total", "counter"), ("controller_runtime_reconcile_errors_total", "counter"),
    ("controller_runtime_terminal_reconcile_errors_total", "counter"),
    ("controller_runtime_reconcile_timeouts_total", "counter"),
    ("controller_runtime_reconcile_time_seconds", "histogram"),
    ("controller_runtime_max_concurrent_reconciles", "gauge"), ("controller_runtime_active_workers", "gauge"),
    ("workqueue_depth", "gauge"), ("workqueue_adds_total", "counter"), ("workqueue_retries_total", "counter"),
    ("workqueue_queue_duration_seconds", "histogram"), ("workqueue_work_duration_seconds", "histogram"),
    ("workqueue_unfinished_work_seconds", "gauge"), ("workqueue_longest_running_processor_seconds", "gauge"),
    ("leader_election_master_status", "gauge"), ("setpoint_endpoint_ready", "gauge"),
    ("setpoint_endpoint_info", "gauge"), ("setpoint_endpoint_drift_seconds", "gauge"),
    ("setpoint_endpoint_first_time_to_ready_seconds", "histogram"), ("setpoint_rollbacks_total", "counter"),
    ("setpoint_endpoint_quarantined", "gauge"), ("setpoint_provider_calls_total", "counter"),
    ("setpoint_source_syncs_total", "counter"), ("setpoint_source_last_sync_timestamp_seconds", "gauge"),
    ("setpoint_source_manifests", "gauge"), ("setpoint_notifications_total", "counter"),
    ("setpoint_build_info", "gauge"), ("process_resident_memory_bytes", "gauge"),
    ("process_cpu_seconds_total", "counter"), ("process_start_time_seconds", "gauge"),
  ])
  func `every metric family exists from the start, with its standard name and type`(name: String, type: String) throws {
    let family = try #require(try read().families[name])
    #expect(family.type == type)
    #expect(family.help.hasSuffix("."))
  }

  @Test func `counters without labels start at zero`() throws {
    let text = try read()
    for result in ["success", "error", "requeue", "requeue_after"] {
      let labels = ["controller": "servingendpoint", "result": result]
      #expect(text["controller_runtime_reconcile_total", labels] == 0)
    }
    #expect(text["setpoint_source_syncs_total", ["result": "error"]] == 0)
    #expect(text["setpoint_notifications_total", ["result": "dropped"]] == 0)
    #expect(text["workqueue_depth", ["name": "servingendpoint", "priority": "edit"]] == 0)
    #expect(text["setpoint_source_last_sync_timestamp_seconds"] == 1_700_000_000.5)
    #expect(text["setpoint_build_info", ["version": "1.2.3"]] == 1)
    #expect(text["process_start_time_seconds"] == 1_700_000_000.5)
    #expect(text["process_resident_memory_bytes"] == 123_456_789)
    #expect(text["process_cpu_seconds_total"] == 1.25)
  }

  @Test func `permanent and timed failures count as errors too`() throws {
    for result in ControllerMetrics.Result.allCases { metrics.reconciled(result, seconds: .milliseconds(30)) }
    let text = try read()
    let of: [String: String] = ["controller": "servingendpoint"]
    func total(_ result: String) -> Double? {
      text["controller_runtime_reconcile_total", of.merging(["result": result]) { $1 }]
    }
    #expect(total("success") == 1)
    #expect(total("error") == 3)
    #expect(total("requeue") == 1)
    #expect(total("requeue_after") == 1)
    #expect(text["controller_runtime_reconcile_errors_total", of] == 3)
    #expect(text["controller_runtime_terminal_reconcile_errors_total", of] == 1)
    #expect(text["controller_runtime_reconcile_timeouts_total", of] == 1)
  }

  @Test func `the queue metrics show the last reported values`() throws {
    let time = Mutex(Duration.zero)
    let queue = KeyQueue(backoff: Backoff(first: .seconds(1), cap: .seconds(9)), now: { time.withLock { $0 } })
    metrics.queue(queue.metrics)
    for name in ["a", "b", "c", "d"] { queue.add(name, priority: name == "a" ? .rescue : .resync) }
    #expect(queue.takeReady()?.key == "a")
    time.withLock { $0 = .milliseconds(2500) }
    metrics.queue(queue.metrics)
    metrics.taken(waited: .milliseconds(4))
    let text = try read()
    let name = ["name": "servingendpoint"]
    #expect(text["workqueue_depth", ["name": "servingendpoint", "priority": "resync"]] == 3)
    #expect(text["workqueue_depth", ["name": "servingendpoint", "priority": "rescue"]] == 0)
    #expect(text["workqueue_adds_total", name] == 4)
    #expect(text["workqueue_retries_total", name] == 0)
    #expect(text["workqueue_unfinished_work_seconds", name] == 2.5)
    #expect(text["workqueue_longest_running_processor_seconds", name] == 2.5)
    #expect(text["controller_runtime_active_workers", ["controller": "servingendpoint"]] == 1)
    #expect(text["controller_runtime_max_concurrent_reconciles", ["controller": "servingendpoint"]] == 16)
    #expect(text["workqueue_queue_duration_seconds_count", name] == 1)
  }

  @Test func `an endpoint has its series until it is deleted`() throws {
    let since = Timestamp(milliseconds: 1_700_000_040_000)
    metrics.endpoint("chat", ready: true, quarantined: false, driftSince: since, phase: "inSync", reason: "drift")
    metrics.endpoint("docs", ready: false, quarantined: true, driftSince: nil)
    metrics.rolledBack("docs")
    metrics.rolledBack("docs")
    metrics.endpoint("docs", ready: false, quarantined: true, driftSince: nil)
    metrics.firstReady(seconds: .seconds(42))
    let text = try read()
    #expect(text["setpoint_endpoint_ready", ["endpoint": "chat"]] == 1)
    #expect(text["setpoint_endpoint_drift_seconds", ["endpoint": "chat"]] == 60)
    #expect(text["setpoint_rollbacks_total", ["endpoint": "chat"]] == 0)
    #expect(text["setpoint_endpoint_info", ["endpoint": "chat", "phase": "inSync", "reason": "drift"]] == 1)
    #expect(text["setpoint_endpoint_ready", ["endpoint": "docs"]] == 0)
    #expect(text["setpoint_endpoint_quarantined", ["endpoint": "docs"]] == 1)
    #expect(text["setpoint_endpoint_drift_seconds", ["endpoint": "docs"]] == 0)
    #expect(text["setpoint_rollbacks_total", ["endpoint": "docs"]] == 2)
    #expect(text["setpoint_endpoint_first_time_to_ready_seconds_bucket", ["le": "60"]] == 1)
    metrics.removed("docs")
    metrics.endpoint("chat", ready: true, quarantined: false, driftSince: nil, phase: "updating")
    let later = try read()
    for (name, family) in later.families {
      #expect(!family.samples.contains { $0.labels["endpoint"] == "docs" }, "\(name)")
    }
    #expect(later["setpoint_endpoint_drift_seconds", ["endpoint": "chat"]] == 0)
    #expect(later.families["setpoint_endpoint_info"]?.samples.count == 1)
  }

  @Test func `the metrics of libraries follow, and cannot replace the controller's own`() throws {
    let registry = MetricRegistry()
    let metrics = ControllerMetrics(
      version: "1.2.3", fleet: "prod", started: Timestamp(milliseconds: 0), concurrency: 16, process: { nil },
      libraries: registry)
    let own = metrics.text(now: Timestamp(milliseconds: 0))
    Counter(label: "requests", factory: registry).increment(by: 3)
    Gauge(label: "workqueue_adds_total", factory: registry).record(7)
    let all = metrics.text(now: Timestamp(milliseconds: 0))
    #expect(all.hasPrefix(own))
    let text = try Exposition(all)
    #expect(text["requests_total"] == 3)
    #expect(text["workqueue_adds_total", ["name": "servingendpoint"]] == 0)
  }

  @Test func `an incomplete sync does not change the time of the last sync`() throws {
    metrics.leads(true)
    metrics.synced(isWhole: true, at: Timestamp(milliseconds: 1_700_000_001_000), manifests: 12)
    metrics.synced(isWhole: false, at: Timestamp(milliseconds: 1_700_000_061_000), manifests: 11)
    metrics.notified(.failed)
    let text = try read()
    #expect(text["leader_election_master_status", ["name": "prod"]] == 1)
    #expect(text["setpoint_source_syncs_total", ["result": "success"]] == 1)
    #expect(text["setpoint_source_syncs_total", ["result": "error"]] == 1)
    #expect(text["setpoint_source_last_sync_timestamp_seconds"] == 1_700_000_001)
    #expect(text["setpoint_source_manifests"] == 11)
    #expect(text["setpoint_notifications_total", ["result": "failed"]] == 1)
  }

  @Test(arguments: [
    ("GET", "https://h/api/2.0/serving-endpoints", 200, "GET /api/2.0/serving-endpoints", "success"),
    (
      "PUT", "http://h:1/api/2.0/serving-endpoints/chat/config", 409, "PUT /api/2.0/serving-endpoints/{name}/config",
      "conflict"
    ),
    (
      "GET", "http://h/api/2.0/serving-endpoints/config?x=chat", 404, "GET /api/2.0/serving-endpoints/{name}",
      "not_found"
    ),
    (
      "GET", "http://h/api/2.1/unity-catalog/models/main.a.b/aliases/champion", 429,
      "GET /api/2.1/unity-catalog/models/{name}/aliases/{name}", "throttled"
    ),
    (
      "POST", "http://h/serving-endpoints/chat/served-models/logs/invocations", 502,
      "POST /serving-endpoints/{name}/served-models/{name}/invocations", "server_error"
    ), ("POST", "http://h", 400, "POST /", "refused"),
  ])
  func `calls are counted without the names in their paths`(
    method: String, url: String, status: Int, call: String, result: String
  ) async throws {
    let transport = metrics.counting { _ in APIResponse(status: status, body: AsyncThrowingStream { $0.finish() }) }
    _ = try await transport(HTTPRequest(method: method, url: url))
    #expect(try read()["setpoint_provider_calls_total", ["call": call, "result": result]] == 1)
  }

  @Test func `a call without a response is counted and fails as before`() async throws {
    let failure = HTTPClientError(code: .connect, message: "refused", method: "GET", url: "http://h")
    let transport = metrics.counting { _ in throw failure }
    await #expect(throws: HTTPClientError.self) {
      try await transport(HTTPRequest(url: "http://h/api/2.0/serving-endpoints"))
    }
    let labels = ["call": "GET /api/2.0/serving-endpoints", "result": "no_answer"]
    #expect(try read()["setpoint_provider_calls_total", labels] == 1)
  }

  @Test func `the process reports its memory, processor time and open files`() throws {
    let metrics = try #require(ProcessMetrics.current())
    #expect(metrics.residentBytes > 1 << 20)
    #expect(metrics.processorSeconds > 0)
    let (open, most) = (try #require(metrics.openFiles), try #require(metrics.maximumFiles))
    #expect(open > 2 && open < most)
  }

  @Test func `a fleet of 10,000 endpoints is rendered in well under a second`() throws {
    for index in 0..<10_000 {
      metrics.endpoint("endpoint-\(index)", ready: true, quarantined: false, driftSince: nil, phase: "inSync")
    }
    let clock = ContinuousClock()
    var text = ""
    let times = (0..<3).map { _ in clock.measure { text = metrics.text(now: Timestamp(milliseconds: 0)) } }
    #expect(text.utf8.count > 50_000 * 20)
    // A scrape usually times out after ten seconds; this is an unoptimized build on a busy machine, and the best of
    // three.
    #expect(times.contains { $0 < .seconds(5) }, "\(times)")
  }
}
