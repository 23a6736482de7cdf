#!/usr/bin/env python3
"""A plane exports its telemetry to an OpenTelemetry receiver, in the form of OpenTelemetry's own definitions.

    otlp.py --setpoint .build/debug/setpoint

Starts a receiver and a plane on free ports of this machine. The plane's engine is the stand-in for vLLM, or with
--python that of an environment with vLLM. Everything that is received is parsed with the classes of
opentelemetry-proto; a name that they do not have is an error. Prints one line per check, `ok ...` or `FAILED ...`, and
exits with 1 if any failed. Requires scripts/clients.txt.
"""

import argparse
import base64
import http.server
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import threading
import time
import traceback
import urllib.request
from collections.abc import Callable

from google.protobuf import json_format
from google.protobuf.message import Message
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.metrics.v1.metrics_pb2 import AGGREGATION_TEMPORALITY_CUMULATIVE
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from claims import check, exit_status

ROOT = pathlib.Path(__file__).resolve().parents[2]
MODEL = "main.support.hello"
ENDPOINT = "otlp-chat"
SECRET = "otlp-secret"
TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
START_SECONDS = 300
REQUESTS = {
    "/v1/logs": ExportLogsServiceRequest,
    "/v1/metrics": ExportMetricsServiceRequest,
    "/v1/traces": ExportTraceServiceRequest,
}
IDS = ("traceId", "spanId", "parentSpanId")


def with_bytes(value: object) -> object:
    """The same JSON as Protobuf reads it: there, IDs are in base64, while OTLP has hexadecimal digits."""
    if isinstance(value, list):
        return [with_bytes(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        key: base64.b64encode(bytes.fromhex(item)).decode() if key in IDS else with_bytes(item)
        for key, item in value.items()
    }


class Receiver(http.server.ThreadingHTTPServer):
    """Parses what it receives. The first request of each path is refused as by a busy server."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.lock = threading.Lock()
        self.messages: dict[str, list[Message]] = {path: [] for path in REQUESTS}
        self.refused: set[str] = set()
        self.errors: list[str] = []
        self.headers: set[tuple[str, str]] = set()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def take(self, path: str, headers: dict[str, str], body: bytes) -> int:
        with self.lock:
            if path in REQUESTS and path not in self.refused:
                self.refused.add(path)
                return 503
            try:
                message = json_format.ParseDict(with_bytes(json.loads(body)), REQUESTS[path]())
            except (KeyError, ValueError, json_format.ParseError) as error:
                self.errors.append(f"{path}: {error}")
                return 400
            self.messages[path].append(message)
            self.headers.add((headers.get("content-type", ""), headers.get("authorization", "")))
            return 200

    def resources(self, path: str, field: str) -> list[tuple[dict[str, str], Message]]:
        """The resources' attributes, each with one scope of it."""
        with self.lock:
            groups = [group for message in self.messages[path] for group in getattr(message, field)]
        scopes = {"resource_logs": "scope_logs", "resource_metrics": "scope_metrics", "resource_spans": "scope_spans"}
        return [
            (texts(group.resource.attributes), scope) for group in groups for scope in getattr(group, scopes[field])
        ]

    def logs(self) -> list[tuple[dict[str, str], Message]]:
        found = self.resources("/v1/logs", "resource_logs")
        return [(resource, record) for resource, scope in found for record in scope.log_records]

    def metrics(self) -> list[tuple[dict[str, str], Message]]:
        found = self.resources("/v1/metrics", "resource_metrics")
        return [(resource, metric) for resource, scope in found for metric in scope.metrics]

    def spans(self) -> list[tuple[dict[str, str], Message]]:
        found = self.resources("/v1/traces", "resource_spans")
        return [(resource, span) for resource, scope in found for span in scope.spans]


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        headers = {name.lower(): value for name, value in self.headers.items()}
        status = self.server.take(self.path, headers, body)
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_) -> None:
        pass


def texts(attributes) -> dict[str, str]:
    return {attribute.key: attribute.value.string_value for attribute in attributes}


class Plane:
    """A plane with one endpoint."""

    def __init__(self, program: str, folder: pathlib.Path, python: str | None, receiver: str) -> None:
        self.data = folder / "data"
        self.folder = folder
        self.python = python
        foreign = ("DATABRICKS_", "SETPOINT_", "OTEL_")
        environment = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
        environment["OTEL_EXPORTER_OTLP_HEADERS"] = f"authorization=Bearer%20{SECRET}"
        command = [program, "serve", "--data", str(self.data), "--port", "0", "--otlp", receiver]
        if python:
            command += ["--python", python]
        self.log = folder / "plane.txt"
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
        words = "listens on "
        wait(lambda: words in self.log.read_text(errors="replace"), START_SECONDS)
        self.url = self.log.read_text(errors="replace").split(words)[1].split()[0]
        self.token = (self.data / "token").read_text().strip()

    def call(self, method: str, path: str, body: dict | None = None, **headers: str) -> dict:
        request = urllib.request.Request(
            self.url + path,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"} | headers,
            method=method,
        )
        with urllib.request.urlopen(request, timeout=START_SECONDS) as answer:
            text = answer.read()
        return {} if body and body.get("stream") else json.loads(text)

    def deploy(self) -> None:
        if self.python:
            source = self.folder / "model"
            make = [sys.executable, str(ROOT / "scripts/make-model.py"), str(source), "--mlflow", "--say", "Hello"]
            subprocess.run(make, check=True, stdout=subprocess.DEVNULL, timeout=120)
            version = {"source": str(source)}
        else:
            source = self.folder / "model"
            (source / "m").mkdir(parents=True)
            (source / "m/behaviour.json").write_text("{}")
            standin = ROOT / "Tests/Support/vllm_standin.py"
            start = f"python3 '{standin}' --model m --served-model-name m --host 0.0.0.0 --port 8000"
            version = {"source": str(source), "entrypoint": start}
        self.call("POST", f"/api/2.1/unity-catalog/models/{MODEL}/versions", version)
        entity = {
            "name": "main",
            "entity_name": MODEL,
            "entity_version": "1",
            "workload_type": "CPU",
            "workload_size": "Small",
            "scale_to_zero_enabled": False,
        }
        path = "/api/2.0/serving-endpoints"
        self.call("POST", path, {"name": ENDPOINT, "config": {"served_entities": [entity]}})
        wait(lambda: self.call("GET", f"{path}/{ENDPOINT}")["state"]["ready"] == "READY", START_SECONDS)

    def ask(self, stream: bool = False, **headers: str) -> dict:
        messages = [{"role": "user", "content": "Hi"}]
        body = {"model": ENDPOINT, "messages": messages, "max_tokens": 8, "stream": stream}
        return self.call("POST", "/serving-endpoints/chat/completions", body, **headers)

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(timeout=60)


def wait(condition: Callable[[], object], seconds: float) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.1)
    return False


def check_logs(receiver: Receiver) -> None:
    logs = receiver.logs()
    check("the engine's output is exported", logs)
    own = [resource for resource, _ in logs if resource.get("service.name") == ENDPOINT]
    check(
        "its resource is the endpoint, its version, its entity and the replica",
        len(own) == len(logs)
        and all(found["service.version"] == "1" and found["setpoint.entity"] == "main" for found in own)
        and all(found.get("service.instance.id") for found in own),
        own[:1],
    )
    check("a line has its time and its severity", any(record.severity_number == 9 for _, record in logs))
    check("and each was read at a time", all(record.observed_time_unix_nano > 10**18 for _, record in logs))


def check_metrics(receiver: Receiver) -> None:
    metrics = receiver.metrics()
    names = {metric.name for _, metric in metrics}
    for name, unit in (
        ("gen_ai.server.request.duration", "s"),
        ("gen_ai.server.time_to_first_token", "s"),
        ("gen_ai.client.token.usage", "{token}"),
    ):
        found = [metric for _, metric in metrics if metric.name == name]
        check(f"{name} is a histogram in {unit}", found and all(metric.unit == unit for metric in found), sorted(names))
        points = [point for metric in found for point in metric.histogram.data_points]
        check(
            f"{name} is cumulative, and its buckets hold all of it",
            points
            and all(metric.histogram.aggregation_temporality == AGGREGATION_TEMPORALITY_CUMULATIVE for metric in found)
            and all(sum(point.bucket_counts) == point.count for point in points)
            and all(len(point.bucket_counts) == len(point.explicit_bounds) + 1 for point in points)
            and all(0 < point.start_time_unix_nano <= point.time_unix_nano for point in points),
            points[:1],
        )
        attributes = [texts(point.attributes) for point in points]
        check(
            f"{name} has the conventions' attributes",
            any(
                found.get("gen_ai.operation.name") == "chat"
                and found.get("gen_ai.request.model") == ENDPOINT
                and found.get("gen_ai.provider.name") == "vllm"
                for found in attributes
            ),
            attributes,
        )
    check("the engine's own metrics are exported", any(name.startswith("vllm:") for name in names), sorted(names))


def check_traces(receiver: Receiver) -> None:
    spans = [(resource, span) for resource, span in receiver.spans() if span.trace_id.hex() == TRACE]
    roots = [(resource, span) for resource, span in spans if span.parent_span_id.hex() == PARENT]
    check("the client's span is the parent of one span", len(roots) == 1, [span.name for _, span in spans])
    if not roots:
        return
    resource, root = roots[0]
    check("which is the server's", root.kind == Span.SPAN_KIND_SERVER and root.name == f"chat {ENDPOINT}", root.name)
    check("of the endpoint", resource.get("service.name") == ENDPOINT, resource)
    attributes = {attribute.key: attribute.value for attribute in root.attributes}
    check(
        "it has the conventions' attributes",
        attributes["gen_ai.operation.name"].string_value == "chat"
        and attributes["gen_ai.request.model"].string_value == ENDPOINT
        and attributes["gen_ai.usage.output_tokens"].int_value > 0,
        sorted(attributes),
    )
    upstream = [span for _, span in spans if span.name == "upstream"]
    check(
        "the replica's part is a client's span in it",
        len(upstream) == 1
        and upstream[0].parent_span_id == root.span_id
        and upstream[0].kind == Span.SPAN_KIND_CLIENT
        and root.start_time_unix_nano <= upstream[0].start_time_unix_nano <= upstream[0].end_time_unix_nano,
        upstream,
    )


def main() -> int:
    parser = argparse.ArgumentParser(description="Check a plane's export with OpenTelemetry's definitions.")
    parser.add_argument("--setpoint", required=True, help="the program")
    parser.add_argument("--python", help="the Python of an environment with vLLM (default: the stand-in for vLLM)")
    arguments = parser.parse_args()
    receiver = Receiver()
    threading.Thread(target=receiver.serve_forever, daemon=True).start()
    # A short path: engines create Unix sockets below it.
    with tempfile.TemporaryDirectory(prefix="otlp-") as folder:
        plane = Plane(os.path.abspath(arguments.setpoint), pathlib.Path(folder), arguments.python, receiver.address)
        try:
            plane.deploy()
            plane.ask(traceparent=f"00-{TRACE}-{PARENT}-01")
            # Only a stream shows when its first token came.
            plane.ask(stream=True)
            # The engine's metrics are read every 15 s.
            wait(lambda: any(metric.name.startswith("vllm:") for _, metric in receiver.metrics()), 60)
        except Exception as error:  # a failed start is a failed check too, and is printed with its location
            traceback.print_exc(file=sys.stdout)
            check("the plane serves", False, error)
        finally:
            plane.stop()
        check("everything received has OpenTelemetry's form", not receiver.errors, receiver.errors[:3])
        check("what a busy receiver refused was sent again", receiver.refused == set(REQUESTS), receiver.refused)
        expected = {("application/json", f"Bearer {SECRET}")}
        check("requests are JSON, with the header fields of the variable", receiver.headers == expected)
        check_logs(receiver)
        check_metrics(receiver)
        check_traces(receiver)
        check("no secret is in the plane's output", SECRET not in plane.log.read_text(errors="replace"))
    receiver.shutdown()
    return exit_status()


if __name__ == "__main__":
    sys.exit(main())
