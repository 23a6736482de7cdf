"""The load: wrk for requests, and a client with a selector for streams."""

import json
import pathlib
import selectors
import socket
import statistics
import subprocess
import time
from dataclasses import dataclass, field

import descendants
from story.narration import StoryFailed

from gatewaybench.gateways import PATH, TOOLS, Gateway
from gatewaybench.upstream import CHUNKS

PATIENCE_SECONDS = 60
# wrk's own limit for one response. Beyond it, a request has failed.
RESPONSE_SECONDS = 30
OK = b"HTTP/1.1 200 "

# Without a function `request`, wrk sends the same bytes again and again, at no cost of Lua. Times are in microseconds.
SCRIPT = """\
local file = io.open("{body}", "rb")
wrk.method, wrk.body = "POST", file:read("*a")
file:close()
wrk.headers["Content-Type"] = "application/json"
wrk.headers["Authorization"] = "Bearer {token}"
function done(summary, latency, requests)
  local errors = summary.errors
  local failed = errors.connect + errors.read + errors.write + errors.status + errors.timeout
  io.write(string.format('\\n{{"requests":%d,"failed":%d,"seconds":%f,"p50":%f,"p99":%f}}\\n',
    summary.requests, failed, summary.duration / 1e6, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3))
end
"""


@dataclass(frozen=True)
class Result:
    """What the clients saw. Times of responses are in milliseconds."""

    requests: int
    failed: int
    seconds: float
    p50: float
    p99: float
    chunks: int = 0  # events of streams
    reads: int = 0  # how often the client read a part of a stream
    reason: str = ""  # of the first failure


def requests(gateway: Gateway, body: bytes, connections: int, seconds: float, folder: pathlib.Path) -> Result:
    """Requests over keep-alive connections, each sent as soon as the previous response has arrived."""
    body_file, script = folder / "body.json", folder / f"{gateway.name}.lua"
    body_file.write_bytes(body)
    script.write_text(SCRIPT.format(body=body_file, token=gateway.token))
    command = [str(TOOLS / "wrk"), "-t1", f"-c{connections}", f"-d{max(1, round(seconds))}s"]
    command += ["--timeout", f"{RESPONSE_SECONDS}s", "-s", str(script), f"http://127.0.0.1:{gateway.port}{PATH}"]
    process = descendants.start(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        output, _ = process.communicate(timeout=seconds + PATIENCE_SECONDS)
    except subprocess.TimeoutExpired as late:
        raise StoryFailed(f"wrk on {gateway.name} did not exit {PATIENCE_SECONDS} s after its time") from late
    last = output.strip().splitlines()[-1:]
    if process.returncode != 0 or not last or not last[0].startswith("{"):
        raise StoryFailed(f"wrk failed on {gateway.name}: {output.strip()[-400:]!r}")
    reasons = [line.strip() for line in output.splitlines() if "Socket errors" in line or "Non-2xx" in line]
    return Result(**json.loads(last[0]), reason="; ".join(reasons))


@dataclass(eq=False)
class Stream:
    """A keep-alive connection that requests one stream after another."""

    socket: socket.socket
    message: bytes
    began: float = 0.0
    received: bytearray = field(default_factory=bytearray)
    reads: int = 0

    def send(self) -> None:
        self.received.clear()
        self.reads = 0
        self.began = time.perf_counter()
        self.socket.sendall(self.message)

    def receive(self) -> bool:
        """Read the available data; returns whether the response is complete, or refuses the request."""
        data = self.socket.recv(65536)
        if not data:
            raise ConnectionResetError("the connection was closed")
        self.received += data
        self.reads += 1
        return self.received.endswith(b"0\r\n\r\n") or not self.received.startswith(OK[: len(self.received)])

    def outcome(self) -> tuple[int, str]:
        """The events of the complete response, and why it is not a whole stream; empty if it is."""
        if not self.received.startswith(OK):
            return 0, self.received[:200].decode(errors="replace")
        text = unchunked(bytes(self.received).partition(b"\r\n\r\n")[2])
        events = text.count(b"data: ")
        whole = events > CHUNKS and b"data: [DONE]" in text
        return events, "" if whole else f"a stream of {events} events that ends with {text[-200:]!r}"


def unchunked(body: bytes) -> bytes:
    """The content of a body in the chunked encoding, which may divide an event anywhere."""
    parts = []
    while body:
        size, _, body = body.partition(b"\r\n")
        length = int(size.partition(b";")[0], 16)
        parts.append(body[:length])
        body = body[length + 2 :]
    return b"".join(parts)


def streams(gateway: Gateway, body: bytes, connections: int, seconds: float) -> Result:
    """Streams over keep-alive connections. Those that have begun when the time is over are read to their end."""
    head = f"POST {PATH} HTTP/1.1\r\nHost: 127.0.0.1:{gateway.port}\r\nAuthorization: Bearer {gateway.token}\r\n"
    head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    times: list[float] = []
    failures: list[str] = []
    chunks = reads = 0
    began = time.perf_counter()
    with selectors.DefaultSelector() as selector:
        for _ in range(connections):
            connection = socket.create_connection(("127.0.0.1", gateway.port))
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            stream = Stream(connection, head.encode() + body)
            selector.register(connection, selectors.EVENT_READ, stream)
            stream.send()
        while selector.get_map():
            ready = selector.select(1.0)
            now = time.perf_counter()
            for key, _ in ready:
                stream = key.data
                try:
                    if not stream.receive():
                        continue
                    events, failure = stream.outcome()
                except (OSError, ValueError) as error:
                    failure = str(error)
                if failure:
                    failures.append(failure)
                else:
                    times.append((now - stream.began) * 1000)
                    chunks += events
                    reads += stream.reads
                if failure or now > began + seconds:
                    selector.unregister(stream.socket)
                    stream.socket.close()
                else:
                    stream.send()
            if now > began + seconds + PATIENCE_SECONDS:
                left = [key.fileobj for key in selector.get_map().values()]
                failures += [f"no end of a stream within {PATIENCE_SECONDS} s"] * len(left)
                for connection in left:
                    selector.unregister(connection)
                    connection.close()
    times.sort()
    return Result(
        requests=len(times) + len(failures),
        failed=len(failures),
        seconds=time.perf_counter() - began,
        p50=statistics.median(times) if times else 0.0,
        p99=times[int(len(times) * 0.99)] if times else 0.0,
        chunks=chunks,
        reads=reads,
        reason=failures[0] if failures else "",
    )
