#!/usr/bin/env python3
"""What a run must not leave behind: processes, the ports they listen on, and shared memory.

    scripts/leftovers.py run COMMAND...     run it; then say what it left, end that, and exit 1 if there was anything

A replica that is killed leaves these: its engine and worker (they survive their API server), the ports of those, and
/dev/shm/psm_* and sem.mp-* (nobody unlinks them). Only what the command itself started counts: other programs on the
machine, and the files that they make, are none of its business.
"""

import argparse
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
# Processes are on their way out for a moment after their parent was told that they ended.
PATIENCE_SECONDS = 60.0
LOOK_EVERY_SECONDS = 0.2
# vLLM maps a file of shared memory at once after making it. One that none of ours has mapped by now is somebody else's.
UNATTRIBUTED_SECONDS = 30.0


def address_in(text: str) -> str:
    """An address as /proc/net/tcp and tcp6 write it: 32-bit words in the machine's byte order, a colon, the port."""
    words, port = text.split(":")
    packed = b"".join(struct.pack("=I", int(words[at : at + 8], 16)) for at in range(0, len(words), 8))
    family = socket.AF_INET if len(packed) == 4 else socket.AF_INET6
    return f"{socket.inet_ntop(family, packed)} port {int(port, 16)}"


def listening_sockets() -> dict[str, str]:
    """Where the machine listens: socket inode to address."""
    found = {}
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in descendants.read(pathlib.Path(table)).splitlines()[1:]:
            fields = line.split()
            if fields[3] == LISTENING:
                found[fields[9]] = address_in(fields[1])
    return found


def ports_of(pid: int) -> list[str]:
    """Where a process listens."""
    listening = listening_sockets()
    try:
        links = [os.readlink(entry) for entry in pathlib.Path(f"/proc/{pid}/fd").iterdir()]
    except OSError:
        return []
    inodes = [link[8:-1] for link in links if link.startswith("socket:[")]
    return [listening[inode] for inode in inodes if inode in listening]


def shared_memory() -> dict[int, pathlib.Path]:
    """The files of shared memory by inode."""
    found = {}
    for path in SHARED_MEMORY.iterdir():
        try:
            found[path.lstat().st_ino] = path
        except FileNotFoundError:
            continue
    return found


def shared_memory_of(pid: int) -> set[int]:
    """What a process has mapped. Inodes, since a semaphore is mapped under another name than the one it was then given:
    sem_open(3) makes a file and links it to its own name."""
    lines = descendants.read(pathlib.Path(f"/proc/{pid}/maps")).splitlines()
    return {int(line.split()[4]) for line in lines if f" {SHARED_MEMORY}/" in line}


class SharedMemoryWatch:
    """Which files of shared memory the processes below this one make, from now on.

    A file has no creator, only processes that have it mapped: so each new file is looked for in the maps of our own
    processes as it appears, and what other programs of this machine make meanwhile is theirs.
    """

    def __init__(self):
        self.before = set(shared_memory())
        self.ours: set[int] = set()
        self._first_seen: dict[int, float] = {}
        self._lock = threading.Lock()
        threading.Thread(target=self._look_repeatedly, daemon=True).start()

    def look(self) -> None:
        """Attribute new files. One that none of ours has mapped for a while is not looked for again."""
        with self._lock:
            now = time.monotonic()
            new = set(shared_memory()) - self.before - self.ours
            seen = {inode: self._first_seen.get(inode, now) for inode in new}
            self._first_seen = seen
            if any(now - first < UNATTRIBUTED_SECONDS for first in seen.values()):
                mapped = {inode for pid in descendants.living() for inode in shared_memory_of(pid)}
                self.ours |= mapped & new

    def abandoned(self) -> list[pathlib.Path]:
        """Our files that no living process has mapped."""
        self.look()
        kept = {inode: path for inode, path in shared_memory().items() if inode in self.ours}
        if not kept:
            return []
        mapped = {inode for pid in descendants.folders() for inode in shared_memory_of(pid)}
        return [path for inode, path in kept.items() if inode not in mapped]

    def wait_for_abandoned(self, seconds: float) -> list[pathlib.Path]:
        """What stays abandoned: a process may be about to map a file, or to unlink it."""
        end = time.monotonic() + seconds
        while (abandoned := self.abandoned()) and time.monotonic() < end:
            time.sleep(LOOK_EVERY_SECONDS)
        return abandoned

    def _look_repeatedly(self) -> None:
        while True:
            self.look()
            time.sleep(LOOK_EVERY_SECONDS)


def leftovers(watch: SharedMemoryWatch, patience: float = PATIENCE_SECONDS) -> list[str]:
    """What the processes below this one left; waits for what is about to go."""
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
    parser = argparse.ArgumentParser(description="Run a command and find what it left behind.")
    parser.add_argument("verb", choices=["run"])
    parser.add_argument("command", nargs=argparse.REMAINDER)
    return run(parser.parse_args().command)


if __name__ == "__main__":
    sys.exit(main())
