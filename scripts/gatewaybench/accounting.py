"""The CPU time and the memory of a gateway: of all its processes, without the replicas that it starts."""

import os
import pathlib

import descendants

TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
# The fields of proc(5)'s stat, counted from the one after the command's name.
UTIME, CSTIME = 11, 14


def is_replica(pid: int) -> bool:
    """Whether it is the upstream. nginx overwrites its command line and its environment."""
    command = descendants.read(pathlib.Path(f"/proc/{pid}/cmdline"))
    return command.startswith("nginx: ") or "upstream.py" in command


def processes_of(root: int, starts_replicas: bool) -> set[int]:
    """The process and its descendants; those of a plane without its replicas."""
    parents = descendants.parents()
    found: set[int] = set()
    more = {root}
    while more:
        found |= more
        more = {pid for pid, parent in parents.items() if parent in found} - found
        if starts_replicas:
            more = {pid for pid in more if not is_replica(pid)}
    return found


def cpu_seconds(pids: set[int]) -> float:
    """User and system time, including that of children that have exited."""
    ticks = 0
    for pid in pids:
        fields = descendants.read(pathlib.Path(f"/proc/{pid}/stat")).rpartition(")")[2].split()
        ticks += sum(map(int, fields[UTIME : CSTIME + 1]))
    return ticks / TICKS_PER_SECOND


def megabytes(pids: set[int]) -> float:
    """The proportional set size: memory that processes share counts once."""
    kilobytes = 0
    for pid in pids:
        for line in descendants.read(pathlib.Path(f"/proc/{pid}/smaps_rollup")).splitlines():
            if line.startswith("Pss:"):
                kilobytes += int(line.split()[1])
    return kilobytes / 1024
