"""The plane's records, and the processes with its mark."""

import contextlib
import json
import pathlib
import sqlite3
import threading
from collections.abc import Iterable

import descendants

from story.setpoint import Setpoint

SAMPLE_EVERY_SECONDS = 0.1


def recorded_replicas(data: pathlib.Path) -> set[str]:
    """The replicas that are alive according to the plane's store."""
    with contextlib.closing(sqlite3.connect(f"file:{data / 'setpoint.sqlite'}?mode=ro", uri=True)) as store:
        documents = [json.loads(row[0]) for row in store.execute("SELECT document FROM replica")]
    return {document["id"] for document in documents if document.get("ended") is None}


def marks(pids: Iterable[int]) -> set[str]:
    """The replicas that processes belong to, by the mark in their environment."""
    found = set()
    for pid in pids:
        for variable in descendants.read(pathlib.Path(f"/proc/{pid}/environ")).split("\0"):
            name, _, value = variable.partition("=")
            if name == "SETPOINT_REPLICA":
                found.add(value.rpartition(".")[2])
    return found


def marked_replicas() -> set[str]:
    """The replicas that have a running process."""
    return marks(descendants.living())


def agreed(setpoint: Setpoint) -> bool:
    """Whether the processes are those on record."""
    try:
        return recorded_replicas(setpoint.data) == marked_replicas()
    except sqlite3.OperationalError:
        return False


def settled(setpoint: Setpoint) -> bool:
    """Whether every endpoint is ready and no update is in progress."""
    outcome = setpoint.run("get", "-o", "json", quiet=True)
    if outcome.status != 0:
        return False
    document = json.loads(outcome.out)
    endpoints = document if isinstance(document, list) else document.get("endpoints", document.get("items", []))
    states = [endpoint.get("state", {}) for endpoint in endpoints]
    return all(
        state.get("ready") == "READY" and state.get("config_update") in ("NOT_UPDATING", "UPDATE_FAILED")
        for state in states
    )


class ReplicaWatch:
    """`with ReplicaWatch() as watch:` samples which replicas have processes during the block."""

    def __init__(self):
        self.seen: set[str] = set()
        self.most: set[str] = set()  # the largest number of them at once
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look_repeatedly, daemon=True)

    def _look_repeatedly(self) -> None:
        while not self._over.wait(SAMPLE_EVERY_SECONDS):
            found = marked_replicas()
            self.seen |= found
            self.most = max(self.most, found, key=len)

    def __enter__(self) -> "ReplicaWatch":
        self._thread.start()
        return self

    def __exit__(self, *_) -> None:
        self._over.set()
        self._thread.join()
