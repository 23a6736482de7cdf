#!/usr/bin/env python3
"""Measures the cost of many clients that never finish for the serving plane: memory, and latency for a new client.

    scripts/stress-connections.py --setpoint .build/debug/setpoint [--connections 2000] [--seconds 60] [--files N]

Every connection sends 15 of 16 MB of a request's body and then nothing more. Meanwhile, a new client sends a request
every tenth of a second, on a new connection. Then the same number of connections are opened that send nothing and have
no token. Fails if the plane uses 300 MB or more, if a new client gets no response, or if the plane exits. Everything
stays on the loopback interface, and is limited in time, number and bytes.
"""

import argparse
import contextlib
import os
import pathlib
import resource
import selectors
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

ANNOUNCED = 16 << 20
SENT = 15 << 20
PIECE = b" " * (64 << 10)
GOAL_MEGABYTES = 300
PATIENCE_SECONDS = 30


class Plane:
    """A plane on a free port, in a separate directory."""

    def __init__(self, binary: pathlib.Path, folder: pathlib.Path, files: int | None, memory: str):
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.port = probe.getsockname()[1]
        environment = {**os.environ, "XDG_RUNTIME_DIR": str(folder), "HOME": str(folder)}
        command = [str(binary), "serve", "--data", str(folder / "data"), "--port", str(self.port)]
        command += ["--request-memory", memory]
        limit = (lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))) if files else None
        self.process = subprocess.Popen(
            command, env=environment, preexec_fn=limit, stdout=subprocess.DEVNULL, stderr=open(folder / "log", "w")
        )
        self.token = folder / "data" / "token"

    def ask(self, path: str, token: bool = True) -> int:
        """The status of a GET on a new connection; 0 if there was no response."""
        head = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n"
        if token:
            head += f"Authorization: Bearer {self.token.read_text().strip()}\r\n"
        try:
            with socket.create_connection(("127.0.0.1", self.port), PATIENCE_SECONDS) as connection:
                connection.settimeout(PATIENCE_SECONDS)
                connection.sendall(head.encode() + b"\r\n")
                return int(connection.recv(4096).split()[1])
        except (OSError, IndexError, ValueError):
            return 0

    def wait_until_up(self) -> None:
        end = time.monotonic() + 60
        while self.ask("/health", token=False) != 200:
            if self.process.poll() is not None or time.monotonic() > end:
                raise SystemExit("the plane did not start")
            time.sleep(0.1)

    def megabytes(self) -> float:
        for line in pathlib.Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS"):
                return int(line.split()[1]) / 1024
        return 0.0

    def end(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


class Watch(threading.Thread):
    """Connects as a new client repeatedly, and monitors the plane's memory."""

    def __init__(self, plane: Plane):
        super().__init__(daemon=True)
        self.plane, self.over = plane, threading.Event()
        self.waits: list[float] = []
        self.unanswered = 0
        self.most = 0.0

    def run(self) -> None:
        while not self.over.wait(0.1):
            began = time.monotonic()
            if self.plane.ask("/v1/models") == 200:
                self.waits.append(time.monotonic() - began)
            else:
                self.unanswered += 1
            with contextlib.suppress(OSError):
                self.most = max(self.most, self.plane.megabytes())


def open_connections(port: int, count: int) -> list[socket.socket]:
    connections = []
    for _ in range(count):
        connection = socket.socket()
        connection.setblocking(False)
        connection.connect_ex(("127.0.0.1", port))
        connections.append(connection)
        if len(connections) % 100 == 0:
            time.sleep(0.02)  # shorter than the queue of new connections
    return connections


def crowd(plane: Plane, count: int, seconds: float) -> str:
    """Open connections that send nearly all of a body; returns their outcomes."""
    head = "POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1\r\n"
    head += f"Authorization: Bearer {plane.token.read_text().strip()}\r\n"
    head += f"Content-Type: application/json\r\nContent-Length: {ANNOUNCED}\r\n\r\n"
    end = time.monotonic() + seconds
    connections = open_connections(plane.port, count)
    outcomes: dict[str, int] = {}
    with selectors.DefaultSelector() as selector:
        for connection in connections:
            selector.register(connection, selectors.EVENT_READ | selectors.EVENT_WRITE, [head.encode(), SENT])

        def is_over(connection: socket.socket, how: str) -> None:
            outcomes[how] = outcomes.get(how, 0) + 1
            selector.unregister(connection)
            connection.close()

        while selector.get_map() and time.monotonic() < end:
            for key, mask in selector.select(1):
                try:
                    if mask & selectors.EVENT_READ:
                        answer = key.fileobj.recv(4096)
                        is_over(key.fileobj, answer.split()[1].decode() if answer else "closed")
                        continue
                    if key.data[0]:
                        key.data[0] = key.data[0][key.fileobj.send(key.data[0]) :]
                    elif key.data[1] > 0:
                        key.data[1] -= key.fileobj.send(PIECE[: key.data[1]])
                    else:
                        selector.modify(key.fileobj, selectors.EVENT_READ, key.data)
                except BlockingIOError:
                    pass
                except OSError:
                    is_over(key.fileobj, "reset")
    left = sum(connection.fileno() >= 0 for connection in connections)
    for connection in connections:
        connection.close()
    told = ", ".join(f"{number} x {how}" for how, number in sorted(outcomes.items()))
    return f"{left} still open at the end; the others: {told or 'none'}"


def section(plane: Plane, name: str, work) -> bool:
    watch = Watch(plane)
    watch.start()
    told = work()
    watch.over.set()
    watch.join(2 * PATIENCE_SECONDS)
    waits = sorted(watch.waits) or [float("inf")]
    good = plane.process.poll() is None and watch.most < GOAL_MEGABYTES and watch.unanswered == 0
    print(
        f"{name}: {'ok' if good else 'FAILED'}: the plane used at most {watch.most:.0f} MB "
        f"(goal: under {GOAL_MEGABYTES}); "
        f"{len(watch.waits)} new clients served, {watch.unanswered} not; p50 {waits[len(waits) // 2] * 1000:.0f} ms, "
        f"longest {waits[-1] * 1000:.0f} ms; {told}; plane {'running' if plane.process.poll() is None else 'EXITED'}",
        flush=True,
    )
    return good


def idle(plane: Plane, count: int, seconds: float) -> str:
    connections = open_connections(plane.port, count)
    time.sleep(min(seconds, 10))
    for connection in connections:
        connection.close()
    return f"{count} idle connections without a token"


def main() -> int:
    parser = argparse.ArgumentParser(description="Measure the cost of clients that never finish for the plane.")
    parser.add_argument("--setpoint", type=pathlib.Path, required=True, metavar="BINARY")
    parser.add_argument("--connections", type=int, default=2000)
    parser.add_argument("--seconds", type=float, default=60, help="the maximum duration of each part")
    parser.add_argument("--request-memory", default="64Mi", help="the plane's flag with that name")
    parser.add_argument("--files", type=int, help="the plane's open file limit, soft and hard")
    arguments = parser.parse_args()
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    folder = pathlib.Path(tempfile.mkdtemp(prefix="setpoint-stress-"))
    plane = Plane(arguments.setpoint.resolve(), folder, arguments.files, arguments.request_memory)
    try:
        plane.wait_until_up()
        print(f"{arguments.connections} connections; the plane uses {plane.megabytes():.0f} MB before", flush=True)
        good = section(
            plane, "15 of 16 MB", lambda: crowd(plane, min(arguments.connections, 5000), min(arguments.seconds, 300))
        )
        good &= section(plane, "idle", lambda: idle(plane, min(arguments.connections, 5000), arguments.seconds))
        return 0 if good else 1
    finally:
        plane.end()
        if plane.process.returncode not in (0, -signal.SIGTERM):
            print(f"the plane exited with {plane.process.returncode}:\n{(folder / 'log').read_text()[-2000:]}")
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
