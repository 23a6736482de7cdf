#!/usr/bin/env python3
"""Measures the latency that the plane adds: through the plane compared with direct to the same vLLM, interleaved.

    scripts/bench-gateway.py --setpoint .build-release/release/setpoint [--copy-megabytes 5000]

One-token chat completions over keep-alive connections, with 1 and with 8 concurrent requests. Rounds alternate between
the two ways and swap their order, so that a slow moment of the machine affects both. Prints the p50 of each and the
difference. Then measures the p99 of queries while the plane registers a model and copies its weights, compared with the
p99 immediately before and after.
"""

import argparse
import contextlib
import json
import pathlib
import random
import selectors
import shutil
import socket
import statistics
import sys
import tempfile
import threading
import time

import descendants
from story import chapters, processes
from story.manifests import ENDPOINT
from story.narration import Narrator, StoryFailed
from story.setpoint import Setpoint

ROOT = pathlib.Path(__file__).resolve().parent.parent
REQUESTS = {1: 400, 8: 1600}  # by how many at once
WARM_UP_ROUNDS = 20
REQUEST = {"messages": [{"role": "user", "content": "Say hello."}], "max_tokens": 1}
GOAL_MILLISECONDS = 2.0
COPY_AT_ONCE = 4
ALONE_SECONDS = 15
COPY_SECONDS = 900  # the maximum time to measure during a copy
COPY_RATIO = 3.0  # on a machine with two cores that vLLM keeps busy, and a disk that the copy keeps busy
SHARD = 60 << 20  # below the size from which the plane links weights instead of copying them


class Connection:
    """A keep-alive HTTP/1.1 connection with little Python overhead between the clock and the socket."""

    def __init__(self, port: int, path: str, token: str):
        body = json.dumps(REQUEST).encode()
        head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAuthorization: Bearer {token}\r\n"
        head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        self.message = head.encode() + body
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.began = 0.0
        self.received = b""

    def send(self) -> None:
        self.received = b""
        self.began = time.perf_counter()
        self.socket.sendall(self.message)

    def receive(self) -> float | None:
        """Read the available data; returns the seconds since sending once the response is complete."""
        self.received += self.socket.recv(65536)
        now = time.perf_counter()
        head, gap, body = self.received.partition(b"\r\n\r\n")
        if not gap or not whole(head, body):
            return None
        if b" 200 " not in head.split(b"\r\n")[0]:
            raise StoryFailed(f"a request failed: {self.received[:400]!r}")
        return now - self.began


def whole(head: bytes, body: bytes) -> bool:
    headers = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:])
    if b"content-length" in headers:
        return len(body) >= int(headers[b"content-length"])
    return body.endswith(b"0\r\n\r\n")


def one_round(connections: list[Connection]) -> list[float]:
    """Send on all connections at once; returns the duration of each response in seconds."""
    taken = []
    with selectors.DefaultSelector() as selector:
        for connection in connections:
            selector.register(connection.socket, selectors.EVENT_READ, connection)
        for connection in connections:
            connection.send()
        while len(taken) < len(connections):
            for key, _ in selector.select():
                if (seconds := key.data.receive()) is not None:
                    taken.append(seconds)
    return taken


def measure(ways: dict[str, list[Connection]], requests: int) -> dict[str, list[float]]:
    times: dict[str, list[float]] = {way: [] for way in ways}
    at_once = len(next(iter(ways.values())))
    for number in range(WARM_UP_ROUNDS + requests // at_once):
        order = list(ways) if number % 2 else list(reversed(ways))
        for way in order:
            taken = one_round(ways[way])
            if number >= WARM_UP_ROUNDS:
                times[way] += taken
    return times


def report(setpoint: Setpoint) -> bool:
    """Measure and print; returns whether the goal is met."""
    direct_port = processes.replica_ports()[0]
    met = True
    for at_once, requests in REQUESTS.items():
        ways = {
            "plane": [
                Connection(setpoint.port, f"/serving-endpoints/{ENDPOINT}/invocations", setpoint.token)
                for _ in range(at_once)
            ],
            "direct": [Connection(direct_port, "/v1/chat/completions", "none") for _ in range(at_once)],
        }
        times = measure(ways, requests)
        p50 = {way: statistics.median(taken) * 1000 for way, taken in times.items()}
        added = p50["plane"] - p50["direct"]
        met = met and added <= GOAL_MILLISECONDS
        print(
            f"gateway, {at_once} concurrent: added p50 {added:.2f} ms (bound {GOAL_MILLISECONDS:.0f} ms): "
            f"{p50['plane']:.2f} ms through the plane, {p50['direct']:.2f} ms direct to vLLM, "
            f"ratio {p50['plane'] / p50['direct']:.2f}; {requests} requests each way, interleaved"
        )
    return met


def write_weights(folder: pathlib.Path, megabytes: int) -> int:
    """Write files that cannot be sparse; returns their size in megabytes. Leaves enough disk space for the copy."""
    folder.mkdir()
    room = shutil.disk_usage(folder).free // 3 >> 20
    block = random.randbytes(1 << 20)
    written = 0
    while written + (SHARD >> 20) <= min(megabytes, room):
        with open(folder / f"model-{written:06}.safetensors", "wb") as shard:
            for number in range(SHARD >> 20):
                shard.write(number.to_bytes(8, "little") + block[8:])
        written += SHARD >> 20
    return written


def measure_while(connections: list[Connection], goes_on) -> list[float]:
    times: list[float] = []
    while goes_on():
        times += one_round(connections)
    return times


def p99(times: list[float]) -> float:
    return sorted(times)[int(len(times) * 0.99)] * 1000


def report_copy(setpoint: Setpoint, megabytes: int) -> bool:
    """Measure the effect of a large registration on clients; returns whether the goal is met."""
    weights = setpoint.folder / "weights"
    written = write_weights(weights, megabytes)
    connections = [
        Connection(setpoint.port, f"/serving-endpoints/{ENDPOINT}/invocations", setpoint.token)
        for _ in range(COPY_AT_ONCE)
    ]

    def alone() -> list[float]:
        end = time.monotonic() + ALONE_SECONDS
        return measure_while(connections, lambda: time.monotonic() < end)

    outcomes = []
    entrypoint = "python -m vllm.entrypoints.openai.api_server --model ."
    copy = threading.Thread(
        target=lambda: outcomes.append(
            setpoint.run("models", "register", "bench-large", str(weights), "--entrypoint", entrypoint, quiet=True)
        )
    )
    alone()  # the first ones are slow for other reasons
    quiet = alone()
    began = time.monotonic()
    copy.start()
    beside = measure_while(connections, lambda: copy.is_alive() and time.monotonic() < began + COPY_SECONDS)
    took = time.monotonic() - began
    copy.join()
    quiet += alone()
    if not outcomes or outcomes[0].status != 0:
        raise StoryFailed(f"the registration failed: {outcomes[0] if outcomes else 'it did not finish'}")
    if len(beside) < 100:
        print(f"registration of {written} MB: {took:.1f} s, too short to measure a p99 with {len(beside)} requests")
        return True
    ratio = p99(beside) / p99(quiet)
    print(
        f"gateway during a registration of {written} MB: p99 {p99(beside):.1f} ms, {p99(quiet):.1f} ms without, "
        f"ratio {ratio:.2f} (bound {COPY_RATIO:.0f}); copied in {took:.1f} s, {len(beside)} and {len(quiet)} requests, "
        f"{COPY_AT_ONCE} concurrent"
    )
    return ratio <= COPY_RATIO


def main() -> int:
    parser = argparse.ArgumentParser(description="Measure the latency that the plane adds to a request.")
    parser.add_argument("--setpoint", type=pathlib.Path, required=True, metavar="BINARY")
    parser.add_argument("--copy-megabytes", type=int, default=5000, metavar="MB", help="size of the model to register")
    arguments = parser.parse_args()
    binary = arguments.setpoint.resolve()
    narrator = Narrator(strict=False)
    folder = pathlib.Path(tempfile.mkdtemp(prefix="setpoint-bench-"))
    descendants.become_reaper()
    try:
        chapters.prepare(narrator, ROOT, binary)
        chapters.make_models(narrator, ROOT, folder)
        with contextlib.closing(Setpoint(binary, folder, ROOT / ".tools/vllm", narrator)) as setpoint:
            chapters.start_plane(setpoint)
            chapters.register_models(setpoint)
            chapters.apply_first_version(setpoint)
            met = [report(setpoint), report_copy(setpoint, arguments.copy_megabytes)]
            return 0 if all(met) else 1
    except StoryFailed:
        return 1
    finally:
        processes.end_all()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
