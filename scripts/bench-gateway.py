#!/usr/bin/env python3
"""What the plane adds to a request: through the plane against straight to the same vLLM, interleaved in one run.

    scripts/bench-gateway.py --setpoint .build-release/release/setpoint

One-token chat completions over connections kept open, at 1 and at 8 at once. Rounds alternate between the two ways and
change which goes first, so that a slow moment of the machine falls on both. Prints the p50 of each and what was added.
"""

import argparse
import contextlib
import json
import pathlib
import selectors
import shutil
import socket
import statistics
import sys
import tempfile
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


class Connection:
    """One HTTP/1.1 connection that is kept open, with little of Python between the clock and the socket."""

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
        """Read what is there; the seconds since sending once the answer is whole."""
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
    """Send on all connections at once; the seconds that each answer took."""
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
    """Measure and print; whether the goal is met."""
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
            f"gateway, {at_once} at once: added p50 {added:.2f} ms (bound {GOAL_MILLISECONDS:.0f} ms): "
            f"{p50['plane']:.2f} ms through the plane, {p50['direct']:.2f} ms straight to vLLM, "
            f"ratio {p50['plane'] / p50['direct']:.2f}; {requests} requests each way, interleaved"
        )
    return met


def main() -> int:
    parser = argparse.ArgumentParser(description="Measure what the plane adds to a request.")
    parser.add_argument("--setpoint", type=pathlib.Path, required=True, metavar="BINARY")
    binary = parser.parse_args().setpoint.resolve()
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
            return 0 if report(setpoint) else 1
    except StoryFailed:
        return 1
    finally:
        processes.end_all()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
