"""Every process that the story starts, directly or not, and the way to end all of them and no other.

The story is the kernel's "child subreaper": a replica whose plane was killed becomes the story's child, not init's. So
the processes below the story are exactly those that it started, however they lost their parents.
"""

import contextlib
import ctypes
import os
import pathlib
import signal
import subprocess
import threading
import time

import leftovers

PR_SET_CHILD_SUBREAPER = 36  # <linux/prctl.h>
REAP_EVERY_SECONDS = 0.2

_own: set[int] = set()  # children of Popen, which collects their status itself
_starting = threading.Lock()


def start(command: list[str], **options) -> subprocess.Popen:
    """Popen, known to the reaper. Nothing in the story may start a process in another way."""
    with _starting:
        child = subprocess.Popen(command, **options)
        _own.add(child.pid)
    return child


def become_reaper() -> None:
    """Take in orphaned descendants from now on, and collect each as it ends, as init would."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_CHILD_SUBREAPER) failed")
    threading.Thread(target=_reap_for_ever, daemon=True).start()


def _reap_for_ever() -> None:
    while True:
        time.sleep(REAP_EVERY_SECONDS)
        with _starting:
            for pid, parent in _parents().items():
                if parent == os.getpid() and pid not in _own:
                    _reap(pid)


def _reap(pid: int) -> None:
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)


def _parents() -> dict[int, int]:
    """Each process's parent."""
    fields = {int(folder.name): leftovers.status_fields(folder) for folder in leftovers.process_folders()}
    return {pid: int(values[1]) for pid, values in fields.items() if values}


def descendants() -> dict[int, str]:
    """The living processes that the story started, with their command lines."""
    parents = _parents()
    found: set[int] = {os.getpid()}
    while more := {pid for pid, parent in parents.items() if parent in found} - found:
        found |= more
    folders = {pid: pathlib.Path(f"/proc/{pid}") for pid in found - {os.getpid()}}
    alive = {pid: folder for pid, folder in folders.items() if leftovers.status_fields(folder)[:1] not in ([], ["Z"])}
    return {pid: leftovers.command_line(folder) for pid, folder in alive.items()}


def vllm_pids() -> set[int]:
    """The story's vLLM processes: API servers, engines and workers."""
    return {pid for pid, command in descendants().items() if leftovers.is_vllm(command)}


def replica_ports() -> list[int]:
    """The ports of the story's vLLM API servers, read off their command lines."""
    words = [command.split() for command in descendants().values() if "vllm.entrypoints" in command]
    return sorted({int(line[line.index("--port") + 1]) for line in words if "--port" in line})


def wait_until(condition, seconds: float, every: float = 0.2) -> bool:
    """Whether the condition came true within the time."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(every)
    return True


def end_all() -> list[str]:
    """Kill every descendant and remove the shared memory they had mapped; answers what there was to kill."""
    killed: dict[int, str] = {}
    mapped: set[int] = set()
    while left := descendants():
        killed |= left
        # All of them first: the death of one ends others.
        mapped |= {inode for pid in left for inode in _shared_memory_of(pid)}
        for pid in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(REAP_EVERY_SECONDS)
    for path in leftovers.SHARED_MEMORY.iterdir():
        if path.lstat().st_ino in mapped:
            path.unlink(missing_ok=True)
    return [f"process {pid}: {command[:120]}" for pid, command in killed.items()]


def _shared_memory_of(pid: int) -> set[int]:
    """Inodes, not names: a semaphore is mapped under a name of its first moments, and was then linked to its own."""
    lines = leftovers.read(pathlib.Path(f"/proc/{pid}/maps")).splitlines()
    return {int(line.split()[4]) for line in lines if f" {leftovers.SHARED_MEMORY}/" in line}
