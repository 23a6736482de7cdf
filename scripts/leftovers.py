#!/usr/bin/env python3
"""What a run must not leave behind: vLLM processes, listening ports, shared memory.

    scripts/leftovers.py snapshot FILE     remember what is there now
    scripts/leftovers.py compare FILE      print what is there beyond that, one line each; exit 1 if anything is

A replica that is killed leaves these in this order of likelihood: /dev/shm/psm_* and sem.mp-* (nobody unlinks them),
engine and worker processes (they survive their API server), and the ports of those.
"""

import argparse
import json
import os
import pathlib
import socket
import struct
import sys
import time
from dataclasses import asdict, dataclass

SHARED_MEMORY = pathlib.Path("/dev/shm")
LISTENING = "0A"
# Processes are on their way out for a moment after their parent was told that they ended.
PATIENCE_SECONDS = 10.0


@dataclass(frozen=True)
class Snapshot:
    """Each part maps an identity that is never used twice (a process's includes its start time) to words for people."""

    vllm_processes: dict[str, str]
    ports: dict[str, str]
    shared_memory: dict[str, str]

    def beyond(self, before: "Snapshot") -> list[str]:
        """What this snapshot has and the earlier one had not."""
        now, then = asdict(self), asdict(before)
        return [words for part in now for key, words in now[part].items() if key not in then[part]]


def read(path: pathlib.Path) -> str:
    """The file's text, or nothing when the process it tells of is gone."""
    try:
        return path.read_bytes().decode(errors="replace")
    except OSError:
        return ""


def process_folders() -> list[pathlib.Path]:
    return [folder for folder in pathlib.Path("/proc").iterdir() if folder.name.isdigit()]


def status_fields(folder: pathlib.Path) -> list[str]:
    """/proc/PID/stat after the command's name (which may hold spaces): state, parent, ... start time at index 19."""
    return read(folder / "stat").rpartition(")")[2].split()


def command_line(folder: pathlib.Path) -> str:
    return read(folder / "cmdline").replace("\0", " ").strip()


def is_vllm(command: str) -> bool:
    """vLLM's API server shows its module; engine and worker call themselves VLLM::EngineCore and VLLM::Worker."""
    return "vllm.entrypoints" in command or command.startswith("VLLM::")


def vllm_processes() -> dict[str, str]:
    found = {}
    for folder in process_folders():
        command, fields = command_line(folder), status_fields(folder)
        if fields and fields[0] != "Z" and is_vllm(command):
            found[f"{folder.name}@{fields[19]}"] = f"process {folder.name}: {command[:120]}"
    return found


def socket_owners() -> dict[str, str]:
    """Socket inode to the process that has it open."""
    owners = {}
    for folder in process_folders():
        try:
            links = [os.readlink(entry) for entry in (folder / "fd").iterdir()]
        except OSError:
            continue
        for link in links:
            if link.startswith("socket:["):
                owners[link[8:-1]] = f"process {folder.name}: {command_line(folder)[:90]}"
    return owners


def address_in(text: str) -> str:
    """An address as /proc/net/tcp and tcp6 write it: 32-bit words in the machine's byte order, a colon, the port."""
    words, port = text.split(":")
    packed = b"".join(struct.pack("=I", int(words[at : at + 8], 16)) for at in range(0, len(words), 8))
    family = socket.AF_INET if len(packed) == 4 else socket.AF_INET6
    return f"{socket.inet_ntop(family, packed)} port {int(port, 16)}"


def listening_ports() -> dict[str, str]:
    owners = socket_owners()
    found = {}
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in read(pathlib.Path(table)).splitlines()[1:]:
            fields = line.split()
            if fields[3] == LISTENING:
                address, inode = address_in(fields[1]), fields[9]
                found[f"{address} inode {inode}"] = f"listening on {address}: {owners.get(inode, 'owner unknown')}"
    return found


def shared_memory() -> dict[str, str]:
    found = {}
    for path in SHARED_MEMORY.iterdir():
        try:
            facts = path.lstat()
        except FileNotFoundError:
            continue
        found[f"{path.name}@{facts.st_ino}"] = f"shared memory {path} ({facts.st_size} bytes)"
    return found


def snapshot() -> Snapshot:
    return Snapshot(vllm_processes(), listening_ports(), shared_memory())


def leftovers(before: Snapshot, patience: float = PATIENCE_SECONDS) -> list[str]:
    """What stays beyond the earlier snapshot, after waiting a while for what is about to go."""
    end = time.monotonic() + patience
    while (left := snapshot().beyond(before)) and time.monotonic() < end:
        time.sleep(0.2)
    return left


def main() -> int:
    parser = argparse.ArgumentParser(description="Find vLLM processes, ports and shared memory that a run left behind.")
    parser.add_argument("action", choices=["snapshot", "compare"])
    parser.add_argument("file", type=pathlib.Path)
    arguments = parser.parse_args()
    if arguments.action == "snapshot":
        arguments.file.write_text(json.dumps(asdict(snapshot())))
        return 0
    left = leftovers(Snapshot(**json.loads(arguments.file.read_text())))
    for words in left:
        print(f"left behind: {words}")
    if not left:
        print("nothing left behind: no vLLM process, no listening port, nothing in /dev/shm")
    return 1 if left else 0


if __name__ == "__main__":
    sys.exit(main())
