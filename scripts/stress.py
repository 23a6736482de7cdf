#!/usr/bin/env python3
"""Stresses the serving plane: load with broken requests, version switches under load, kills of the plane, and creating
and deleting endpoints.

    scripts/stress.py --setpoint .build-release/release/setpoint [--quick] [SECTION...]

The plane is real; its replicas are the stand-in for vLLM (Tests/Support), so that only the plane is measured. All
traffic stays on this machine, and every section is limited in requests and time.
"""

import argparse
import asyncio
import contextlib
import os
import pathlib
import random
import signal
import sys
import threading
import time
from dataclasses import dataclass

import leftovers
from story import chapters, processes, running, standin
from story.load import Breakage, Load, Outcomes
from story.manifests import ENDPOINT, manifest
from story.narration import Narrator
from story.records import agreed, marked_replicas, recorded_replicas, settled
from story.setpoint import Setpoint

ROOT = pathlib.Path(__file__).resolve().parent.parent
SETTLE_SECONDS = 120


@dataclass(frozen=True)
class Size:
    """The size of each section."""

    requests: int = 59_000
    connections: int = 256
    broken: int = 5_500
    switches: int = 3
    kills: int = 40
    cycles: int = 30


QUICK = Size(requests=4_000, connections=64, broken=420, switches=2, kills=5, cycles=4)


@contextlib.contextmanager
def in_background(load: Load, connections: int):
    """Runs the load in a separate thread for the duration of the block."""

    def run() -> None:
        asyncio.run(load.run(connections))

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield
    finally:
        load.stop()
        thread.join(SETTLE_SECONDS)


def answered(narrator: Narrator, outcomes: Outcomes) -> None:
    narrator.show(str(outcomes))
    good = not outcomes.failures and sum(outcomes.answers.values()) == outcomes.sent
    narrator.check("no request failed", good, seen=outcomes.failures[:5])


def resident_megabytes(pid: int) -> float:
    return processes.resident_bytes(pid) / 2**20


def apply(setpoint: Setpoint, version: str, name: str = ENDPOINT, *options: str, size: str = "Small") -> bool:
    return setpoint.apply(name, manifest(version, name, size=size), *options, quiet=True).status == 0


# Sections


def requests(setpoint: Setpoint, size: Size) -> None:
    title = f"{size.requests} requests at {size.connections} connections, with {size.broken} broken ones"
    with setpoint.narrator.step(title):
        check = setpoint.narrator.check
        require_applied(setpoint, "1")
        before = processes.api_servers()
        load = Load(setpoint.port, setpoint.token, ENDPOINT)
        breakage = Breakage(setpoint.port, setpoint.token, ENDPOINT)

        async def both() -> None:
            await asyncio.gather(load.run(size.connections, size.requests), breakage.run(size.broken, 16))

        began = time.monotonic()
        asyncio.run(both())
        seconds = time.monotonic() - began
        setpoint.narrator.show(f"{size.requests / seconds:.0f} requests per second, {breakage.sent} broken ones sent")
        setpoint.narrator.show(f"the plane has {resident_megabytes(setpoint.plane.pid):.0f} MB resident")
        answered(setpoint.narrator, load.outcomes)
        check("each broken request was refused", not breakage.accepted, seen=breakage.accepted[:5])
        check("no replica was restarted", processes.api_servers() == before, seen=processes.api_servers() ^ before)


def switches(setpoint: Setpoint, size: Size) -> None:
    with setpoint.narrator.step(f"{size.switches} version switches under load"):
        require_applied(setpoint, "1")
        load = Load(setpoint.port, setpoint.token, ENDPOINT)
        with in_background(load, 32):
            for number in range(size.switches):
                version = "2" if number % 2 == 0 else "1"
                setpoint.narrator.require(f"version {version} is applied", apply(setpoint, version))
        answered(setpoint.narrator, load.outcomes)
        both = set(load.outcomes.answers) == {chapters.sentence("1"), chapters.sentence("2")}
        setpoint.narrator.check("only the two versions answered, and both did", both, seen=load.outcomes.answers)


def kills(setpoint: Setpoint, size: Size) -> None:
    names = ["kill-a", "kill-b", "kill-c"]
    with setpoint.narrator.step(f"{size.kills} × kill -9 of the plane while it is working"):
        disagreements = []
        for number in range(size.kills):
            name, version = random.choice(names), random.choice(["1", "2"])
            apply(setpoint, version, name, "--no-wait", size=random.choice(["Small", "Medium"]))
            if number % 5 == 4:
                with contextlib.suppress(IndexError, ProcessLookupError):
                    os.kill(random.choice(sorted(processes.api_servers())), signal.SIGKILL)
            time.sleep(random.random() * 1.5)
            setpoint.kill_plane()
            setpoint.serve()
            if not processes.wait_until(lambda: agreed(setpoint), SETTLE_SECONDS):
                disagreements.append((number, recorded_replicas(setpoint.data) ^ marked_replicas()))
        setpoint.narrator.check("after each, processes and records agree", not disagreements, seen=disagreements)
        ready = processes.wait_until(lambda: settled(setpoint), SETTLE_SECONDS, every=1)
        setpoint.narrator.check("every endpoint becomes ready again", ready, seen=setpoint.run("get", quiet=True))
        for name in names:
            setpoint.run("delete", name, quiet=True)


def cycles(setpoint: Setpoint, size: Size) -> None:
    with setpoint.narrator.step(f"{size.cycles} × create and delete"):
        check = setpoint.narrator.check
        setpoint.run("delete", ENDPOINT, quiet=True)
        gone = processes.wait_until(lambda: not processes.vllm_pids(), SETTLE_SECONDS)
        check("nothing is running at first", gone, seen=processes.vllm_pids())
        resident = resident_megabytes(setpoint.plane.pid)
        applied = deleted = 0
        for number in range(size.cycles):
            applied += apply(setpoint, "1", f"cycle-{number}")
            deleted += setpoint.run("delete", f"cycle-{number}", quiet=True).status == 0
        check("each was created", applied == size.cycles, seen=applied)
        check("each was deleted", deleted == size.cycles, seen=deleted)
        processes.wait_until(lambda: not processes.vllm_pids() and not recorded_replicas(setpoint.data), SETTLE_SECONDS)
        check("no process is left", not processes.vllm_pids(), seen=processes.vllm_pids())
        check("no replica is on record", not recorded_replicas(setpoint.data), seen=recorded_replicas(setpoint.data))
        folders = sorted(path.name for path in (setpoint.data / "replicas").iterdir())
        check("no replica's folder is left", not folders, seen=folders)
        grown = resident_megabytes(setpoint.plane.pid) - resident
        setpoint.narrator.show(f"the plane grew by {grown:.1f} MB over {size.cycles} cycles")


def require_applied(setpoint: Setpoint, version: str) -> None:
    setpoint.narrator.require(f"version {version} serves", apply(setpoint, version))


SECTIONS = {section.__name__: section for section in (requests, switches, kills, cycles)}


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Stress the serving plane and check its limits.")
    parser.add_argument("--setpoint", type=pathlib.Path, required=True, metavar="BINARY")
    parser.add_argument("--quick", action="store_true", help="a tenth of everything, to test the script itself")
    parser.add_argument("sections", nargs="*", metavar="SECTION", help=f"of {', '.join(SECTIONS)} (default: all)")
    arguments = parser.parse_args()
    if unknown := set(arguments.sections) - set(SECTIONS):
        parser.error(f"unknown section: {', '.join(sorted(unknown))}; sections: {', '.join(SECTIONS)}")
    return arguments


def tell(narrator: Narrator, folder: pathlib.Path, arguments: argparse.Namespace) -> None:
    watch = leftovers.SharedMemoryWatch()
    chapters.make_models(narrator, ROOT, folder)
    standin.make_it_speak(chapters.models(folder), chapters.sentence)
    environment = standin.make_standin(folder / "standin")
    with contextlib.closing(Setpoint(arguments.setpoint.resolve(), folder, environment, narrator)) as setpoint:
        chapters.start_plane(setpoint)
        chapters.register_quietly(setpoint)
        for name in arguments.sections or SECTIONS:
            SECTIONS[name](setpoint, QUICK if arguments.quick else Size())
        with narrator.step("Stop the plane, and check for anything left behind"):
            status = setpoint.stop_plane()
            narrator.check("the plane stops with exit 0", status == 0, seen=f"exit {status}; {setpoint.log_end()}")
            left = leftovers.leftovers(watch)
            narrator.check("no process, no port, nothing in /dev/shm is left", not left, seen=left)


def main() -> int:
    arguments = parse_arguments()
    return running.run("stress", lambda narrator, folder: tell(narrator, folder, arguments))


if __name__ == "__main__":
    sys.exit(main())
