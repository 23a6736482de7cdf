"""Many clients of a plane from one thread, each with one connection and one request."""

import contextlib
import http.client
import json
import os
import re
import resource
import selectors
import socket
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from story import processes
from story.manifests import ENDPOINT
from story.narration import StoryFailed
from story.setpoint import Setpoint

from waitingbench import engine

PATIENCE_SECONDS = 120
# So many requests are sent at once. The next ones follow when the plane has them, so that neither it nor the replica
# has more new connections than it can take, and the order of arrival is known.
BATCH = 100
BODY_BYTES = 1024
OK = b"HTTP/1.1 200 "
WAITING = re.compile(r"and (\d+) more requests are waiting")


def raise_open_file_limit() -> int:
    """Raise the soft limit to the hard limit, as the plane does; returns it."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def most_clients(files: int) -> int:
    """How many clients a plane with this open file limit accepts (OpenFileLimit.connections), less a few for probes."""
    reserve = files // 8 + 64 + 4 * (os.cpu_count() or 1)
    return min(10_000, (files - reserve) // 2) - 16


def body(content: str, stream: bool, size: int) -> bytes:
    """A request of at least this size."""
    document = {"messages": [{"role": "user", "content": f"{content} "}], "stream": stream}
    document["messages"][0]["content"] += "x" * (size - len(json.dumps(document)))
    return json.dumps(document).encode()


def path() -> str:
    return f"/serving-endpoints/{ENDPOINT}/invocations"


def message(token: str, content: str, stream: bool = False, size: int = BODY_BYTES) -> bytes:
    data = body(content, stream, size)
    head = f"POST {path()} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {token}\r\n"
    head += f"Content-Type: application/json\r\nContent-Length: {len(data)}\r\n\r\n"
    return head.encode() + data


@dataclass(eq=False)
class Client:
    connection: socket.socket
    received: bytearray = field(default_factory=bytearray)

    def is_answered(self) -> bool:
        head, gap, rest = self.received.partition(b"\r\n\r\n")
        lengths = re.findall(rb"(?i)content-length: (\d+)", head)
        return bool(gap) and bool(lengths) and len(rest) >= int(lengths[0])

    def has_event(self) -> bool:
        return b"data: " in self.received


class Clients:
    """`with Clients(setpoint) as clients:` closes all connections at the end of the block."""

    def __init__(self, setpoint: Setpoint):
        self.port, self.token = setpoint.port, setpoint.token
        self.selector = selectors.DefaultSelector()

    def __enter__(self) -> "Clients":
        return self

    def __exit__(self, *_) -> None:
        for key in list(self.selector.get_map().values()):
            key.fileobj.close()
        self.selector.close()

    def send(self, messages: Iterable[bytes]) -> list[Client]:
        clients = []
        for request in messages:
            connection = socket.create_connection(("127.0.0.1", self.port), PATIENCE_SECONDS)
            connection.sendall(request)
            connection.setblocking(False)
            clients.append(Client(connection))
            self.selector.register(connection, selectors.EVENT_READ, clients[-1])
        return clients

    def wait(self, clients: list[Client], is_done: Callable[[Client], bool]) -> None:
        """Read until it is true for each of the clients."""
        left = {client for client in clients if not is_done(client)}
        end = time.monotonic() + PATIENCE_SECONDS
        while left:
            for key, _ in self.selector.select(1):
                client = key.data
                data = b""
                with contextlib.suppress(OSError):
                    data = key.fileobj.recv(65536)
                client.received += data
                if not data or not client.received.startswith(OK[: len(client.received)]):
                    raise StoryFailed(f"a request failed: {bytes(client.received[:300])!r}")
                if is_done(client):
                    left.discard(client)
            if time.monotonic() > end:
                raise StoryFailed(f"{len(left)} of {len(clients)} requests have no response after {PATIENCE_SECONDS} s")


# Holding requests


def waiting(setpoint: Setpoint) -> int | None:
    """How many requests the plane holds, from its refusal of one that may not wait; none if it is not refused."""
    headers = {
        "Authorization": f"Bearer {setpoint.token}",
        "Content-Type": "application/json",
        "X-Setpoint-Max-Wait": "0",
    }
    connection = http.client.HTTPConnection("127.0.0.1", setpoint.port, timeout=PATIENCE_SECONDS)
    with contextlib.closing(connection):
        connection.request("POST", path(), body("probe", stream=False, size=0), headers)
        response = connection.getresponse()
        found = WAITING.search(response.read().decode())
    return int(found[1]) if response.status == 429 and found else None


def hold(setpoint: Setpoint, clients: Clients, count: int) -> list[Client]:
    """Occupy the replica, and have the plane hold this many requests behind that; returns all of them."""
    held = clients.send([message(setpoint.token, engine.HOLD)])
    wait_until_waiting(setpoint, 0)
    for first in range(0, count, BATCH):
        numbers = range(first, min(first + BATCH, count))
        held += clients.send(message(setpoint.token, f"request {number}") for number in numbers)
        wait_until_waiting(setpoint, len(held) - 1)
    return held


def wait_until_waiting(setpoint: Setpoint, count: int) -> None:
    if not processes.wait_until(lambda: waiting(setpoint) == count, PATIENCE_SECONDS, every=0.002):
        raise StoryFailed(f"the plane does not hold {count} requests, but {waiting(setpoint)}")


def ask_engine(method: str, route: str) -> bytes:
    """A call of the replica itself."""
    connection = http.client.HTTPConnection("127.0.0.1", processes.replica_ports()[0], timeout=PATIENCE_SECONDS)
    with contextlib.closing(connection):
        connection.request(method, route)
        return connection.getresponse().read()


def release(clients: Clients, held: list[Client]) -> float:
    """Let the replica answer; returns the seconds until every request is answered."""
    began = time.perf_counter()
    ask_engine("POST", "/release")
    clients.wait(held, Client.is_answered)
    return time.perf_counter() - began
