"""What is measured, and the bounds that the plane has to meet."""

import json
import pathlib
import statistics
from dataclasses import dataclass

from gatewaybench import accounting, load
from gatewaybench.gateways import Gateway
from gatewaybench.upstream import MODEL


@dataclass(frozen=True)
class Case:
    """One kind of load."""

    name: str
    title: str
    upstream: str  # the kind of replica behind the gateways
    connections: int
    content: str = "Say hello."

    @property
    def streams(self) -> bool:
        return self.upstream == "streams"

    @property
    def unit(self) -> str:
        return "chunk" if self.streams else "request"

    def body(self) -> bytes:
        messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": self.content}]
        return json.dumps({"model": MODEL, "messages": messages, "stream": self.streams}).encode()


LARGE = "All work and no play makes Jack a dull boy. " * 5000  # 220 KB

CASES = [
    Case("one", "short chat requests, 1 at once", "canned", 1),
    Case("many", "short chat requests, 32 at once", "canned", 32),
    Case("large", "requests with a body of 220 KB, 8 at once", "canned", 8, LARGE),
    Case("streams", "streams of 200 chunks, 16 at once", "streams", 16),
]


@dataclass(frozen=True)
class Sample:
    """A gateway under the load of one round. The CPU time is in microseconds, per request or per chunk."""

    result: load.Result
    rate: float  # per second
    p50: float  # milliseconds
    p99: float
    cpu: float
    reads: float  # of the client, per chunk: less than 1 if chunks arrive joined
    megabytes: float


def measure(case: Case, gateway: Gateway, seconds: float, folder: pathlib.Path) -> Sample:
    def spent() -> float:
        return accounting.cpu_seconds(accounting.processes_of(gateway.pid, gateway.starts_replicas))

    before = spent()
    if case.streams:
        result = load.streams(gateway, case.body(), case.connections, seconds)
    else:
        result = load.requests(gateway, case.body(), case.connections, seconds, folder)
    used = spent() - before
    count = max(1, result.chunks if case.streams else result.requests)
    return Sample(
        result=result,
        rate=count / result.seconds,
        p50=result.p50,
        p99=result.p99,
        cpu=used / count * 1e6,
        reads=result.reads / count,
        megabytes=accounting.megabytes(accounting.processes_of(gateway.pid, gateway.starts_replicas)),
    )


@dataclass(frozen=True)
class Summary:
    """All rounds of a gateway in a case: the medians, the highest memory, and every failure."""

    rate: float
    p50: float
    p99: float
    cpu: float
    reads: float
    megabytes: float
    failed: int
    reason: str

    @staticmethod
    def of(samples: list[Sample]) -> "Summary":
        def median(name: str) -> float:
            return statistics.median(getattr(sample, name) for sample in samples)

        return Summary(
            rate=median("rate"),
            p50=median("p50"),
            p99=median("p99"),
            cpu=median("cpu"),
            reads=median("reads"),
            megabytes=max(sample.megabytes for sample in samples),
            failed=sum(sample.result.failed for sample in samples),
            reason=next((sample.result.reason for sample in samples if sample.result.failed), ""),
        )


# By case, then by gateway.
Summaries = dict[str, dict[str, Summary]]


@dataclass(frozen=True)
class Bound:
    """The most that a figure of the plane may be, as a ratio to a peer's."""

    case: str
    figure: str
    peer: str
    most: float
    goal: float | None = None

    def words(self, case: Case) -> str:
        figure = f"CPU time per {case.unit}" if self.figure == "cpu" else self.figure
        return f"{case.title}: {figure} at most {self.most:g} × {self.peer}'s"


BOUNDS = [
    Bound("many", "cpu", "vllm-router", 0.8, goal=0.5),
    Bound("large", "cpu", "envoy", 1.2),
    Bound("streams", "cpu", "vllm-router", 1.0),
    Bound("many", "p99", "vllm-router", 1.0),
]
# If the plane joins chunks and the peer does not, the CPU time per chunk does not compare the same work.
LEAST_READS = 0.8
