#!/usr/bin/env python3
"""Finds what a command leaves behind: processes, the ports they listen on, and shared memory.

    scripts/leftovers.py run COMMAND...     run it, report and stop what it left, and exit with 1 if there was anything

A killed replica leaves these: its engine and worker (they survive their API server), their ports, and /dev/shm/psm_*
and sem.mp-* (nothing unlinks them). Only what the command itself started counts, not other programs on the machine or
the files that they create.
"""

import argparse
import contextlib
import os
import pathlib
import signal
import socket
import struct
import sys
import threading
import time

import descendants

SHARED_MEMORY = pathlib.Path("/dev/shm")
LISTENING = "0A"
# Processes are still exiting for a moment after their parent was notified of it.
PATIENCE_SECONDS = 60.0
LOOK_EVERY_SECONDS = 0.2
# vLLM maps a shared memory file immediately after creating it. One that no descendant has mapped by now is not ours.
UNATTRIBUTED_SECONDS = 30.0


def address_in(text: str) -> str:
    """An address as /proc/net/tcp and tcp6 write it: 32-bit words in the machine's byte order, a colon, the port."""
    words, port = text.split(":")
    packed = b"".join(struct.pack("=I", int(words[at : at + 8], 16)) for at in range(0, len(words), 8))
    family = socket.AF_INET if len(packed) == 4 else socket.AF_INET6
    return f"{socket.inet_ntop(family, packed)} port {int(port, 16)}"


def listening_sockets() -> dict[str, str]:
    """The machine's listening sockets: inode to address."""
    found = {}
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in descendants.read(pathlib.Path(table)).splitlines()[1:]:
            fields = line.split()
            if fields[3] == LISTENING:
                found[fields[9]] = address_in(fields[1])
    return found


def sockets_of(pid: int) -> list[str]:
    """The inodes of the sockets that a process has open; none if it has exited."""
    links = []
    with contextlib.suppress(OSError):
        for entry in pathlib.Path(f"/proc/{pid}/fd").iterdir():
            with contextlib.suppress(FileNotFoundError):  # closed meanwhile
                links.append(os.readlink(entry))
    return [link[8:-1] for link in links if link.startswith("socket:[")]


def ports_of(pid: int) -> list[str]:
    """The addresses that a process listens on."""
    listening = listening_sockets()
    return [listening[inode] for inode in sockets_of(pid) if inode in listening]


def shared_memory() -> dict[int, pathlib.Path]:
    """The shared memory files by inode."""
    found = {}
    for path in SHARED_MEMORY.iterdir():
        try:
            found[path.lstat().st_ino] = path
        except FileNotFoundError:
            continue
    return found


def shared_memory_of(pid: int) -> set[int]:
    """The inodes of the files that a process has mapped. Not names, because a semaphore is mapped under another name:
    sem_open(3) creates a file and then links it to its final name."""
    lines = descendants.read(pathlib.Path(f"/proc/{pid}/maps")).splitlines()
    return {int(line.split()[4]) for line in lines if f" {SHARED_MEMORY}/" in line}


class SharedMemoryWatch:
    """Tracks the shared memory files that descendants of this process create from now on.

    The creator of a file is not recorded, only which processes have it mapped. Each new file is therefore looked up in
    the maps of our own processes when it appears; files that other programs create are not attributed to us.
    """

    def __init__(self):
        self.before = set(shared_memory())
        self.ours: set[int] = set()
        self._first_seen: dict[int, float] = {}
        self._lock = threading.Lock()
        threading.Thread(target=self._look_repeatedly, daemon=True).start()

    def look(self) -> None:
        """Attribute new files. A file that no descendant has mapped for a while is not checked again."""
        with self._lock:
            now = time.monotonic()
            new = set(shared_memory()) - self.before - self.ours
            seen = {inode: self._first_seen.get(inode, now) for inode in new}
            self._first_seen = seen
            if any(now - first < UNATTRIBUTED_SECONDS for first in seen.values()):
                mapped = {inode for pid in descendants.living() for inode in shared_memory_of(pid)}
                self.ours |= mapped & new

    def abandoned(self) -> list[pathlib.Path]:
        """Our files that no running process has mapped."""
        self.look()
        kept = {inode: path for inode, path in shared_memory().items() if inode in self.ours}
        if not kept:
            return []
        mapped = {inode for pid in descendants.folders() for inode in shared_memory_of(pid)}
        return [path for inode, path in kept.items() if inode not in mapped]

    def wait_for_abandoned(self, seconds: float) -> list[pathlib.Path]:
        """The files that stay abandoned for a while: a process may be about to map a file, or to unlink it."""
        end = time.monotonic() + seconds
        while (abandoned := self.abandoned()) and time.monotonic() < end:
            time.sleep(LOOK_EVERY_SECONDS)
        return abandoned

    def _look_repeatedly(self) -> None:
        while True:
            self.look()
            time.sleep(LOOK_EVERY_SECONDS)


def leftovers(watch: SharedMemoryWatch, patience: float = PATIENCE_SECONDS) -> list[str]:
    """What the descendants of this process left behind; waits for what is about to disappear."""
    left = descendants.wait_for_end(patience)
    words = [f"process {pid}: {command[:120]}" for pid, command in left.items()]
    words += [f"process {pid} listens on {address}" for pid in left for address in ports_of(pid)]
    return words + [f"shared memory {path}" for path in watch.wait_for_abandoned(patience)]


def run(command: list[str]) -> int:
    descendants.become_reaper()
    watch = SharedMemoryWatch()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        status = descendants.start(command).wait()
        left = leftovers(watch)
    except KeyboardInterrupt:
        return 130
    finally:
        descendants.end_all()
    for words in left or ["nothing (no process, no port, nothing in /dev/shm)"]:
        print(f"left behind: {words}")
    return status or (1 if left else 0)


def main() -> int:
    parser = argparse.ArgumentParser(description="Run a command and find what it leaves behind.")
    parser.add_argument("verb", choices=["run"])
    parser.add_argument("command", nargs=argparse.REMAINDER)
    return run(parser.parse_args().command)


if __name__ == "__main__":
    sys.exit(main())
