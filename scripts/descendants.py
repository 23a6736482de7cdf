"""The descendants of this process, including orphaned ones, and no other processes.

A process can be a "child subreaper" of the kernel: its orphaned descendants become its children, not init's. A replica
of a killed plane is therefore still found, and another plane's replica on the same machine is not.
"""

import contextlib
import ctypes
import os
import pathlib
import signal
import subprocess
import threading
import time

PR_SET_CHILD_SUBREAPER = 36  # <linux/prctl.h>
REAP_EVERY_SECONDS = 0.2

_own: set[int] = set()  # children of Popen, which collects their status itself
_starting = threading.Lock()


def start(command: list[str], **options) -> subprocess.Popen:
    """Popen, registered with the reaper. After `become_reaper`, all processes must be started with it."""
    with _starting:
        child = subprocess.Popen(command, **options)
        _own.add(child.pid)
    return child


def become_reaper() -> None:
    """Adopt orphaned descendants from now on, and reap each when it exits, as init would."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_CHILD_SUBREAPER) failed")
    threading.Thread(target=_reap_for_ever, daemon=True).start()


def _reap_for_ever() -> None:
    while True:
        time.sleep(REAP_EVERY_SECONDS)
        with _starting:
            for pid, parent in parents().items():
                if parent == os.getpid() and pid not in _own:
                    with contextlib.suppress(ChildProcessError):
                        os.waitpid(pid, os.WNOHANG)


def read(path: pathlib.Path) -> str:
    """The file's text, or an empty text if its process has exited."""
    try:
        return path.read_bytes().decode(errors="replace")
    except OSError:
        return ""


def folders() -> dict[int, pathlib.Path]:
    """Every process's folder under /proc."""
    return {int(folder.name): folder for folder in pathlib.Path("/proc").iterdir() if folder.name.isdigit()}


def _stat(folder: pathlib.Path) -> list[str]:
    """The fields of proc(5)'s stat after the command's name (which may contain spaces): state, parent, and so on."""
    return read(folder / "stat").rpartition(")")[2].split()


def parents() -> dict[int, int]:
    """Every process's parent."""
    fields = {pid: _stat(folder) for pid, folder in folders().items()}
    return {pid: int(values[1]) for pid, values in fields.items() if values}


def living() -> dict[int, str]:
    """The running descendants of this process, with their command lines."""
    above = parents()
    found: set[int] = {os.getpid()}
    while more := {pid for pid, parent in above.items() if parent in found} - found:
        found |= more
    paths = {pid: pathlib.Path(f"/proc/{pid}") for pid in found - {os.getpid()}}
    alive = {pid: path for pid, path in paths.items() if _stat(path)[:1] not in ([], ["Z"])}
    return {pid: read(path / "cmdline").replace("\0", " ").strip() for pid, path in alive.items()}


def wait_for_end(seconds: float) -> dict[int, str]:
    """Wait for all of them to exit; returns those that did not."""
    end = time.monotonic() + seconds
    while (left := living()) and time.monotonic() < end:
        time.sleep(REAP_EVERY_SECONDS)
    return left


def end_all() -> dict[int, str]:
    """Kill all of them; returns the killed processes."""
    killed: dict[int, str] = {}
    while left := living():
        killed |= left
        for pid in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(REAP_EVERY_SECONDS)
    return killed
