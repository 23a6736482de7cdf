import HTTPSupport
import HTTPTypes
import Hummingbird
import NIOCore
import PrometheusMetrics
import Telemetry

/// The metrics of the whole plane, and those of one endpoint (serving-api.md E15).
struct MetricsCalls: Sendable {
  let endpoints: ServingEndpoints
  let telemetry: PlaneTelemetry
  /// Setpoint's version.
  let version: String
  /// The metrics that libraries report.
  let libraries: MetricRegistry
  /// The number of open connections.
  let connections: @Sendable () -> Int
  /// Nanoseconds since 1970.
  let now: @Sendable () -> Int64

  func addRoutes(to router: some RouterMethods<PlaneContext>) {
    router.get("/metrics") { _, _ in
      Response.exposition(await plane(), type: PrometheusText.contentType)
    }
    router.get("/api/2.0/serving-endpoints/{name}/metrics") { request, context in
      let form: PrometheusText.Form = Self.prefersOpenMetrics(request.headers[.accept]) ? .openMetrics : .prometheus
      return Response.exposition(try await endpoint(context.path("name"), form), type: form.contentType)
    }
  }

  private func plane() async -> String {
    var exposition = PlaneExposition()
    exposition.version = version
    exposition.endpoints = await endpoints.endpointFigures
    exposition.heldBytes = await endpoints.heldBytes
    exposition.replicas = telemetry.all
    exposition.requests = telemetry.metrics.figures
    exposition.starts = endpoints.starts.counts
    exposition.connections = connections()
    exposition.telemetry = telemetry.store?.counters
    exposition.export = telemetry.exporter?.counters
    // Reads of /proc, and hundreds of kilobytes of text: not on the threads that all requests share.
    return await BlockingWork.brief.run { [exposition, libraries] in
      var exposition = exposition
      exposition.process = ProcessMetrics.current()
      return exposition.text(libraries)
    }
  }

  private func endpoint(_ name: String, _ form: PrometheusText.Form) async throws -> String {
    let figures = try await endpoints.figures(of: name)
    let exposition = EndpointExposition(
      endpoint: figures, requests: telemetry.metrics.figures.filter { $0.key.endpoint == name },
      minute: RequestMinutes.minute(of: now()))
    return exposition.text(form)
  }

  private static func prefersOpenMetrics(_ accept: String?) -> Bool {
    accept?.lowercased().contains("application/openmetrics-text") ?? false
  }
}

extension Response {
  /// Metrics as text.
  fileprivate static func exposition(_ text: String, type: String) -> Response {
    Response(
      status: .ok, headers: [.contentType: type], body: ResponseBody(byteBuffer: ByteBuffer(string: text)))
  }
}
