internal import HTTPSupport
package import Planning
internal import PrometheusMetrics
internal import Scheduling

extension ControllerMetrics {
  /// All metrics in the Prometheus text format, version 0.0.4.
  package func text(now: Timestamp) -> String {
    let state = snapshot
    var text = PrometheusText()
    writeLoop(state, &text)
    writeQueue(state, &text)
    writeEndpoints(state, now, &text)
    writeSurroundings(state, &text)
    writeProcess(&text)
    libraries.write(to: &text)
    return text.text
  }

  private static let controller = PrometheusText.Labels(["controller": "servingendpoint"])
  private static let queueName = PrometheusText.Labels(["name": "servingendpoint"])

  private func writeLoop(_ state: State, _ text: inout PrometheusText) {
    func number(_ results: Result...) -> Int { results.map { state.results[$0] ?? 0 }.reduce(0, +) }
    text.begin("controller_runtime_reconcile_total", .counter, "Reconciliations of an endpoint, by result.")
    for results: [Result] in [[.success], [.error, .terminalError, .timeout], [.requeue], [.requeueAfter]] {
      text.sample(
        PrometheusText.Labels(["controller": "servingendpoint", "result": results[0].label]),
        results.map { number($0) }.reduce(0, +))
    }
    text.begin("controller_runtime_reconcile_errors_total", .counter, "Reconciliations that failed.")
    text.sample(Self.controller, number(.error, .terminalError, .timeout))
    text.begin(
      "controller_runtime_terminal_reconcile_errors_total", .counter,
      "Reconciliations that failed with an error that retrying cannot fix.")
    text.sample(Self.controller, number(.terminalError))
    text.begin("controller_runtime_reconcile_timeouts_total", .counter, "Reconciliations that exceeded their deadline.")
    text.sample(Self.controller, number(.timeout))
    text.begin("controller_runtime_reconcile_time_seconds", .histogram, "Duration of reconciliations.")
    text.sample(Self.controller, state.runTime)
    text.begin(
      "controller_runtime_max_concurrent_reconciles", .gauge, "Maximum number of concurrent reconciliations.")
    text.sample(Self.controller, facts.concurrency)
    text.begin("controller_runtime_active_workers", .gauge, "Number of reconciliations in progress.")
    text.sample(Self.controller, state.queue?.running ?? 0)
    text.begin(
      "leader_election_master_status", .gauge, "1 if this controller holds its fleet's lease, 0 if it is standing by.")
    text.sample(PrometheusText.Labels(["name": facts.fleet]), state.isLeader)
  }

  private func writeQueue(_ state: State, _ text: inout PrometheusText) {
    text.begin("workqueue_depth", .gauge, "Endpoints that are due and waiting for a worker, by priority.")
    for priority in WorkPriority.allCases {
      text.sample(
        PrometheusText.Labels(["name": "servingendpoint", "priority": "\(priority)"]),
        state.queue?.depthByPriority[priority] ?? 0)
    }
    text.begin("workqueue_adds_total", .counter, "Number of endpoints added to the queue.")
    text.sample(Self.queueName, state.queue?.adds ?? 0)
    text.begin(
      "workqueue_retries_total", .counter, "Number of endpoints added to the queue after a failed reconciliation.")
    text.sample(Self.queueName, state.queue?.retries ?? 0)
    text.begin("workqueue_queue_duration_seconds", .histogram, "Time that due endpoints waited for a worker.")
    text.sample(Self.queueName, state.queueTime)
    text.begin("workqueue_work_duration_seconds", .histogram, "Time that workers spent on an endpoint.")
    text.sample(Self.queueName, state.runTime)
    text.begin(
      "workqueue_unfinished_work_seconds", .gauge, "Total duration of the reconciliations in progress.")
    text.sample(Self.queueName, (state.queue?.unfinishedWork ?? .zero).inSeconds)
    text.begin(
      "workqueue_longest_running_processor_seconds", .gauge,
      "Duration of the longest reconciliation in progress.")
    text.sample(Self.queueName, (state.queue?.longestRunning ?? .zero).inSeconds)
  }

  private func writeEndpoints(_ state: State, _ now: Timestamp, _ text: inout PrometheusText) {
    let endpoints = state.endpoints.sorted { $0.key < $1.key }
      .map { (name: $0.key, labels: PrometheusText.Labels(["endpoint": $0.key]), metrics: $0.value) }
    text.begin("setpoint_endpoint_ready", .gauge, "1 if the endpoint is ready, otherwise 0.")
    for endpoint in endpoints { text.sample(endpoint.labels, endpoint.metrics.isReady) }
    text.begin("setpoint_endpoint_quarantined", .gauge, "1 if the desired config failed and is held.")
    for endpoint in endpoints { text.sample(endpoint.labels, endpoint.metrics.isQuarantined) }
    text.begin(
      "setpoint_endpoint_drift_seconds", .gauge,
      "How long the live config has differed from the applied one; 0 if it does not.")
    for endpoint in endpoints {
      text.sample(endpoint.labels, endpoint.metrics.driftSince.map { max(0, (now - $0).inSeconds) } ?? 0)
    }
    text.begin("setpoint_rollbacks_total", .counter, "Number of rollbacks of the endpoint.")
    for endpoint in endpoints { text.sample(endpoint.labels, endpoint.metrics.rollbacks) }
    text.begin("setpoint_endpoint_info", .gauge, "The endpoint's phase and reason. Always 1.")
    for endpoint in endpoints {
      guard let phase = endpoint.metrics.phase else { continue }
      text.sample(
        PrometheusText.Labels(["endpoint": endpoint.name, "phase": phase, "reason": endpoint.metrics.reason ?? ""]), 1)
    }
    text.begin(
      "setpoint_endpoint_first_time_to_ready_seconds", .histogram,
      "Time from the first manifest of a new endpoint until it was ready.")
    text.sample(PrometheusText.Labels(), state.timeToReady)
  }

  private func writeSurroundings(_ state: State, _ text: inout PrometheusText) {
    text.begin("setpoint_provider_calls_total", .counter, "Provider calls, by result.")
    for (call, count) in state.calls.sorted(by: { ($0.key.call, $0.key.result) < ($1.key.call, $1.key.result) }) {
      text.sample(PrometheusText.Labels(["call": call.call, "result": call.result]), count)
    }
    text.begin(
      "setpoint_source_syncs_total", .counter, "Number of source reads, by result.")
    text.sample(PrometheusText.Labels(["result": "success"]), state.wholeSyncs)
    text.sample(PrometheusText.Labels(["result": "error"]), state.partialSyncs)
    text.begin(
      "setpoint_source_last_sync_timestamp_seconds", .gauge,
      "Time of the last complete source read, as a Unix timestamp; before the first, the start of the process."
    )
    text.sample(PrometheusText.Labels(), seconds(state.lastWholeSync ?? facts.started))
    text.begin("setpoint_source_manifests", .gauge, "Number of endpoints that the source describes.")
    text.sample(PrometheusText.Labels(), state.manifests)
    text.begin("setpoint_notifications_total", .counter, "Notifications, by result.")
    for delivery in Delivery.allCases {
      text.sample(PrometheusText.Labels(["result": delivery.rawValue]), state.deliveries[delivery] ?? 0)
    }
    text.begin("setpoint_build_info", .gauge, "The version of Setpoint. Always 1.")
    text.sample(PrometheusText.Labels(["version": facts.version]), 1)
  }

  private func writeProcess(_ text: inout PrometheusText) {
    text.begin("process_start_time_seconds", .gauge, "Start time of the process, as a Unix timestamp.")
    text.sample(PrometheusText.Labels(), seconds(facts.started))
    guard let process = process() else { return }
    text.begin("process_resident_memory_bytes", .gauge, "Resident memory size.")
    text.sample(PrometheusText.Labels(), process.residentBytes)
    text.begin("process_cpu_seconds_total", .counter, "Total user and system CPU time.")
    text.sample(PrometheusText.Labels(), process.processorSeconds)
    if let files = process.openFiles {
      text.begin("process_open_fds", .gauge, "Number of open file descriptors.")
      text.sample(PrometheusText.Labels(), files)
    }
    if let files = process.maximumFiles {
      text.begin("process_max_fds", .gauge, "Maximum number of open file descriptors.")
      text.sample(PrometheusText.Labels(), files)
    }
  }

  private func seconds(_ moment: Timestamp) -> Double { Double(moment.milliseconds) / 1000 }
}
