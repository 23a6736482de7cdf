package import Planning
internal import Scheduling

extension ControllerMetrics {
  /// Everything in the Prometheus text format, version 0.0.4.
  package func text(now: Timestamp) -> String {
    let state = snapshot
    var text = PrometheusText()
    writeLoop(state, &text)
    writeQueue(state, &text)
    writeEndpoints(state, now, &text)
    writeSurroundings(state, &text)
    writeProcess(&text)
    return text.text
  }

  private static let controller = PrometheusText.Labels(["controller": "servingendpoint"])
  private static let queueName = PrometheusText.Labels(["name": "servingendpoint"])

  private func writeLoop(_ state: State, _ text: inout PrometheusText) {
    func number(_ results: Result...) -> Int { results.map { state.results[$0] ?? 0 }.reduce(0, +) }
    text.begin("controller_runtime_reconcile_total", .counter, "Runs over an endpoint, by how they ended.")
    for results: [Result] in [[.success], [.error, .terminalError, .timeout], [.requeue], [.requeueAfter]] {
      text.sample(
        PrometheusText.Labels(["controller": "servingendpoint", "result": results[0].label]),
        results.map { number($0) }.reduce(0, +))
    }
    text.begin("controller_runtime_reconcile_errors_total", .counter, "Runs that failed.")
    text.sample(Self.controller, number(.error, .terminalError, .timeout))
    text.begin(
      "controller_runtime_terminal_reconcile_errors_total", .counter,
      "Runs that failed in a way that only a change can mend.")
    text.sample(Self.controller, number(.terminalError))
    text.begin("controller_runtime_reconcile_timeouts_total", .counter, "Runs that took longer than a run may.")
    text.sample(Self.controller, number(.timeout))
    text.begin("controller_runtime_reconcile_time_seconds", .histogram, "How long runs over an endpoint took.")
    text.sample(Self.controller, state.runTime)
    text.begin(
      "controller_runtime_max_concurrent_reconciles", .gauge, "How many endpoints are worked on at once at most.")
    text.sample(Self.controller, facts.concurrency)
    text.begin("controller_runtime_active_workers", .gauge, "How many endpoints are being worked on.")
    text.sample(Self.controller, state.queue?.running ?? 0)
    text.begin(
      "leader_election_master_status", .gauge, "1 where this controller holds its fleet's lease, 0 where it stands by.")
    text.sample(PrometheusText.Labels(["name": facts.fleet]), state.isLeader)
  }

  private func writeQueue(_ state: State, _ text: inout PrometheusText) {
    text.begin("workqueue_depth", .gauge, "Endpoints that are due and wait for a worker, by priority.")
    for priority in WorkPriority.allCases {
      text.sample(
        PrometheusText.Labels(["name": "servingendpoint", "priority": "\(priority)"]),
        state.queue?.depthByPriority[priority] ?? 0)
    }
    text.begin("workqueue_adds_total", .counter, "How often an endpoint was put in the queue.")
    text.sample(Self.queueName, state.queue?.adds ?? 0)
    text.begin(
      "workqueue_retries_total", .counter, "How often an endpoint was put in the queue because its run had failed.")
    text.sample(Self.queueName, state.queue?.retries ?? 0)
    text.begin("workqueue_queue_duration_seconds", .histogram, "How long endpoints that were due waited for a worker.")
    text.sample(Self.queueName, state.queueTime)
    text.begin("workqueue_work_duration_seconds", .histogram, "How long workers were busy with an endpoint.")
    text.sample(Self.queueName, state.runTime)
    text.begin(
      "workqueue_unfinished_work_seconds", .gauge, "For how long the runs under way have been going, all together.")
    text.sample(Self.queueName, (state.queue?.unfinishedWork ?? .zero).inSeconds)
    text.begin(
      "workqueue_longest_running_processor_seconds", .gauge,
      "For how long the longest of the runs under way has been going.")
    text.sample(Self.queueName, (state.queue?.longestRunning ?? .zero).inSeconds)
  }

  private func writeEndpoints(_ state: State, _ now: Timestamp, _ text: inout PrometheusText) {
    let endpoints = state.endpoints.sorted { $0.key < $1.key }
      .map { (name: $0.key, labels: PrometheusText.Labels(["endpoint": $0.key]), figures: $0.value) }
    text.begin("setpoint_endpoint_ready", .gauge, "1 where the endpoint is ready, 0 where it is not.")
    for endpoint in endpoints { text.sample(endpoint.labels, endpoint.figures.isReady) }
    text.begin("setpoint_endpoint_quarantined", .gauge, "1 where what is wanted failed and is not sent again.")
    for endpoint in endpoints { text.sample(endpoint.labels, endpoint.figures.isQuarantined) }
    text.begin(
      "setpoint_endpoint_drift_seconds", .gauge,
      "For how long something else has been live than what was applied; 0 where it is not so.")
    for endpoint in endpoints {
      text.sample(endpoint.labels, endpoint.figures.driftSince.map { max(0, (now - $0).inSeconds) } ?? 0)
    }
    text.begin("setpoint_rollbacks_total", .counter, "How often the endpoint was sent back to an earlier revision.")
    for endpoint in endpoints { text.sample(endpoint.labels, endpoint.figures.rollbacks) }
    text.begin("setpoint_endpoint_info", .gauge, "How the endpoint stands: its phase, and why. Always 1.")
    for endpoint in endpoints {
      guard let phase = endpoint.figures.phase else { continue }
      text.sample(
        PrometheusText.Labels(["endpoint": endpoint.name, "phase": phase, "reason": endpoint.figures.reason ?? ""]), 1)
    }
    text.begin(
      "setpoint_endpoint_first_time_to_ready_seconds", .histogram,
      "How long new endpoints took from being wanted to being ready for the first time.")
    text.sample(PrometheusText.Labels(), state.timeToReady)
  }

  private func writeSurroundings(_ state: State, _ text: inout PrometheusText) {
    text.begin("setpoint_provider_calls_total", .counter, "Calls of the provider, by how they were answered.")
    for (call, count) in state.calls.sorted(by: { ($0.key.call, $0.key.result) < ($1.key.call, $1.key.result) }) {
      text.sample(PrometheusText.Labels(["call": call.call, "result": call.result]), count)
    }
    text.begin(
      "setpoint_source_syncs_total", .counter, "How often the source was read: whole, or only in part or not at all.")
    text.sample(PrometheusText.Labels(["result": "success"]), state.wholeSyncs)
    text.sample(PrometheusText.Labels(["result": "error"]), state.partialSyncs)
    text.begin(
      "setpoint_source_last_sync_timestamp_seconds", .gauge,
      "When the source was last read whole, in seconds since 1970; before the first time, when the process was started."
    )
    text.sample(PrometheusText.Labels(), seconds(state.lastWholeSync ?? facts.started))
    text.begin("setpoint_source_manifests", .gauge, "How many endpoints the source describes.")
    text.sample(PrometheusText.Labels(), state.manifests)
    text.begin("setpoint_notifications_total", .counter, "Notifications, by what became of them.")
    for delivery in Delivery.allCases {
      text.sample(PrometheusText.Labels(["result": delivery.rawValue]), state.deliveries[delivery] ?? 0)
    }
    text.begin("setpoint_build_info", .gauge, "The program's version. Always 1.")
    text.sample(PrometheusText.Labels(["version": facts.version]), 1)
  }

  private func writeProcess(_ text: inout PrometheusText) {
    text.begin("process_start_time_seconds", .gauge, "When the process was started, in seconds since 1970.")
    text.sample(PrometheusText.Labels(), seconds(facts.started))
    guard let process = process() else { return }
    text.begin("process_resident_memory_bytes", .gauge, "Memory in use that is not swapped out.")
    text.sample(PrometheusText.Labels(), process.residentBytes)
    text.begin("process_cpu_seconds_total", .counter, "Processor time in the program and in the kernel.")
    text.sample(PrometheusText.Labels(), process.processorSeconds)
  }

  private func seconds(_ moment: Timestamp) -> Double { Double(moment.milliseconds) / 1000 }
}
