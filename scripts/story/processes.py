"""The story's processes: which of them are vLLM, and how to stop all of them."""

import contextlib
import os
import pathlib
import signal
import time
from collections.abc import Iterator

import descendants
import leftovers

LOOK_AGAIN_SECONDS = 1.0


def is_api_server(command: str) -> bool:
    return "vllm.entrypoints" in command or "/vllm serve " in command


def is_vllm(command: str) -> bool:
    """The API server shows its module or the script `vllm`; engine and worker are VLLM::EngineCore and VLLM::Worker."""
    return is_api_server(command) or command.startswith("VLLM::")


def vllm_pids() -> set[int]:
    return {pid for pid, command in descendants.living().items() if is_vllm(command)}


def lasting_vllm_pids() -> set[int]:
    """Those that exist for a while: a child has its parent's command line until it gets its own."""
    seen = vllm_pids()
    time.sleep(LOOK_AGAIN_SECONDS)
    return seen & vllm_pids()


def api_servers() -> set[int]:
    """One process per replica: API servers that are not children of another one."""
    found = {pid for pid, command in descendants.living().items() if is_api_server(command)}
    parents = descendants.parents()
    return {pid for pid in found if parents.get(pid, pid) not in found}


@contextlib.contextmanager
def halted(pid: int) -> Iterator[None]:
    """Suspends the process for the duration of the block."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)


def replica_ports() -> list[int]:
    """The ports of the API servers, from their command lines."""
    words = [command.split() for command in descendants.living().values() if is_api_server(command)]
    return sorted({int(line[line.index("--port") + 1]) for line in words if "--port" in line})


def resident_bytes(pid: int) -> int:
    """The resident memory of a process; 0 if it has exited."""
    status = descendants.read(pathlib.Path(f"/proc/{pid}/status"))
    return next((int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmRSS")), 0)


def open_connections(pid: int, port: int) -> int:
    """How many connections to the port a process has not closed."""
    inodes = leftovers.sockets_of(pid)
    rows = descendants.read(pathlib.Path("/proc/net/tcp")).splitlines()[1:]
    ours = (fields for fields in map(str.split, rows) if fields[9] in inodes and fields[3] != leftovers.LISTENING)
    return sum(int(fields[1].partition(":")[2], 16) == port for fields in ours)


def wait_until(condition, seconds: float, every: float = 0.2) -> bool:
    """Whether the condition became true within the time."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(every)
    return True


def end_all() -> list[str]:
    """Kill every process of the story and remove its shared memory; returns the killed processes."""
    # Listed before any is killed, because killing one may end others.
    mapped = {inode for pid in descendants.living() for inode in leftovers.shared_memory_of(pid)}
    killed = descendants.end_all()
    for inode, path in leftovers.shared_memory().items():
        if inode in mapped:
            path.unlink(missing_ok=True)
    return [f"process {pid}: {command[:120]}" for pid, command in killed.items()]
