"""The part of a cold start that the plane adds: from the first 200 of the replica's /health to the first token."""

import contextlib
import http.client
import pathlib
import re
import socket
import statistics
import threading
import time

import descendants
from story import processes
from story.manifests import ENDPOINT
from story.narration import StoryFailed
from story.setpoint import Setpoint

from waitingbench import clients
from waitingbench.figures import Figure

BOUND_MILLISECONDS = 300
BOUND_ON_A_LOADED_MACHINE = 400
# The share of the cores that other programs use, from which a machine counts as loaded.
LOADED = 0.25
MEASURE_LOAD_SECONDS = 2
START_SECONDS = 600
LOOK_EVERY_SECONDS = 0.005
# An event of a stream with text. The heartbeat of a held stream and its first chunk have none.
TOKEN = re.compile(rb'"content":\s*"[^"]')


def busy_share() -> float:
    """How much of the cores is used while the plane and its replicas do nothing."""

    def ticks() -> list[int]:
        fields = descendants.read(pathlib.Path("/proc/stat")).split("\n", 1)[0].split()[1:9]
        return [int(field) for field in fields]

    before = ticks()
    time.sleep(MEASURE_LOAD_SECONDS)
    spent = [now - then for now, then in zip(ticks(), before, strict=True)]
    return 1 - (spent[3] + spent[4]) / max(1, sum(spent))


class HealthWatch(threading.Thread):
    """Asks the replica that starts next for its health, until that is good."""

    def __init__(self):
        super().__init__(daemon=True)
        self.healthy_at = 0.0

    def run(self) -> None:
        ports: list[int] = []

        def is_healthy() -> bool:
            nonlocal ports
            ports = ports or processes.replica_ports()
            with contextlib.suppress(OSError, http.client.HTTPException, IndexError):
                connection = http.client.HTTPConnection("127.0.0.1", ports[0], timeout=5)
                with contextlib.closing(connection):
                    connection.request("GET", "/health")
                    return connection.getresponse().status == 200
            return False

        if processes.wait_until(is_healthy, START_SECONDS, LOOK_EVERY_SECONDS):
            self.healthy_at = time.perf_counter()


def is_asleep(setpoint: Setpoint) -> bool:
    described = setpoint.get(f"/api/2.0/serving-endpoints/{ENDPOINT}")[1]
    return "Scaled to zero" in described and not processes.vllm_pids()


def added_milliseconds(setpoint: Setpoint) -> float:
    """The added part of one cold start."""
    if not processes.wait_until(lambda: is_asleep(setpoint), START_SECONDS):
        raise StoryFailed("the endpoint does not scale to zero")
    watch = HealthWatch()
    watch.start()
    received = b""
    with socket.create_connection(("127.0.0.1", setpoint.port), START_SECONDS) as connection:
        connection.sendall(clients.message(setpoint.token, "Say hello.", stream=True, size=0))
        while not TOKEN.search(received):
            data = connection.recv(65536)
            if not data:
                raise StoryFailed(f"the held request failed: {received[-300:]!r}")
            received += data
        token_at = time.perf_counter()
    watch.join(START_SECONDS)
    if not watch.healthy_at:
        raise StoryFailed("no replica became healthy")
    return (token_at - watch.healthy_at) * 1000


def figure(engine: str, added: list[float], loaded: bool) -> Figure:
    bound = BOUND_ON_A_LOADED_MACHINE if loaded else BOUND_MILLISECONDS
    note = f"median {statistics.median(added):.0f} ms of {len(added)}" + (", on a loaded machine" if loaded else "")
    return Figure(f"added part of a cold start, {engine} (longest)", max(added), "ms", bound, note)
