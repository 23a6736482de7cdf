#!/usr/bin/env python3
"""Measures what waiting costs: the added part of a cold start, held requests, and idle streams.

    scripts/bench-waiting.py --setpoint .build-release/release/setpoint [--vllm] [SECTION...]

    cold      from the first 200 of the replica's /health to the first token of the request that woke it; with the
              stand-in for vLLM (Tests/Support), which starts in different times, and with --vllm real vLLM
    held      the resident memory of the plane for each of 1,000 held requests of 1 KiB
    release   the time until 10,000 held requests are answered, compared with that of a tenth of them; they must reach
              the replica in order of arrival
    streams   the resident memory of the plane for each of 5,000 streams in which nothing happens

Prints a table of the figures and their bounds, and exits with 1 if one is missed. A plane accepts as many clients as
its open file limit (`ulimit -Hn`) allows, at most 10,000. With a limit below 24,000, fewer requests are held, and with
one below 12,000 fewer streams; the table says how many. Everything stays on the loopback interface.
"""

import argparse
import contextlib
import json
import pathlib
import shutil
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass

import descendants
from story import processes, standin
from story.building import Job
from story.manifests import manifest
from story.narration import Narrator, StoryFailed
from story.setpoint import Setpoint
from waitingbench import clients, coldstart, planes
from waitingbench.clients import Client, Clients
from waitingbench.figures import Figure, table

ROOT = pathlib.Path(__file__).resolve().parent.parent
STARTS_MILLISECONDS = (300, 700, 1100, 1500, 1900, 2300, 2700)
STARTS_OF_VLLM = 3
HELD = 1_000
HELD_BOUND_KILOBYTES = 32
RELEASED = 10_000
RELEASED_FEWER = 10  # times fewer, for comparison
ROUNDS_OF_FEWER = 3
RELEASE_BOUND = 12
STREAMS = 5_000
STREAMS_BOUND_KILOBYTES = 24
WARM_UP = 50
# The memory of what has just been closed or received settles.
SETTLE_SECONDS = 2
# The requests that are held are more than a plane's defaults allow.
QUEUE = ("--queue-length", "20000", "--queue-wait", "1h")


@dataclass(frozen=True)
class Bench:
    binary: pathlib.Path
    folder: pathlib.Path
    narrator: Narrator
    with_vllm: bool
    most_clients: int

    @contextlib.contextmanager
    def holding_plane(self, name: str, concurrency: int) -> Iterator[Setpoint]:
        """A plane whose replica holds requests; it has answered a few."""
        environment = planes.holding_environment(self.folder)
        options = (*QUEUE, "--replica-concurrency", str(concurrency))
        with planes.plane(
            self.binary, self.folder / name, environment, self.narrator, manifest("1"), *options
        ) as setpoint:
            with Clients(setpoint) as warm_up:
                requests = [clients.message(setpoint.token, "Say hello.") for _ in range(WARM_UP)]
                warm_up.wait(warm_up.send(requests), Client.is_answered)
            time.sleep(SETTLE_SECONDS)
            yield setpoint


def cold(bench: Bench) -> Iterator[Figure]:
    loaded = coldstart.busy_share() > coldstart.LOADED
    sleepy = manifest("1", plane="idleAfter: 1s")
    environment = standin.make_standin(bench.folder / "standin")
    with planes.plane(bench.binary, bench.folder / "cold", environment, bench.narrator, sleepy) as setpoint:
        added = []
        for start in STARTS_MILLISECONDS:
            standin.make_standin(environment, start_ms=start)
            added.append(coldstart.added_milliseconds(setpoint))
        yield coldstart.figure("stand-in", added, loaded)
    if bench.with_vllm:
        Job(bench.narrator, "vllm", ["scripts/install-vllm.sh"], ROOT).finish()
        environment = ROOT / ".tools/vllm"
        with planes.plane(bench.binary, bench.folder / "vllm", environment, bench.narrator, sleepy) as setpoint:
            added = [coldstart.added_milliseconds(setpoint) for _ in range(STARTS_OF_VLLM)]
            yield coldstart.figure("vLLM", added, loaded)


def held(bench: Bench) -> Iterator[Figure]:
    with bench.holding_plane("held", concurrency=1) as setpoint, Clients(setpoint) as crowd:
        before = processes.resident_bytes(setpoint.plane.pid)
        requests = clients.hold(setpoint, crowd, HELD)
        time.sleep(SETTLE_SECONDS)
        kilobytes = (processes.resident_bytes(setpoint.plane.pid) - before) / 1024 / HELD
        clients.release(crowd, requests)
        yield Figure("memory of a held request", kilobytes, "KB", HELD_BOUND_KILOBYTES, f"{HELD} of 1 KiB")


def release(bench: Bench) -> Iterator[Figure]:
    fewer = min(RELEASED, bench.most_clients) // RELEASED_FEWER
    many = fewer * RELEASED_FEWER
    with bench.holding_plane("release", concurrency=1) as setpoint:
        short = statistics.median(release_time(setpoint, fewer) for _ in range(ROUNDS_OF_FEWER))
        long = release_time(setpoint, many)
        note = f"{many} in {long:.2f} s, {fewer} in {short:.2f} s"
        yield Figure("time to release ten times as many", long / short, "×", RELEASE_BOUND, note)


def release_time(setpoint: Setpoint, count: int) -> float:
    """Hold and release requests; returns the seconds that the release takes."""
    with Clients(setpoint) as crowd:
        requests = clients.hold(setpoint, crowd, count)
        seconds = clients.release(crowd, requests)
    order = json.loads(clients.ask_engine("GET", "/order"))
    # Those of one batch reach the plane on several threads at once, in any order.
    batches = [number // clients.BATCH for number in order]
    if sorted(order) != list(range(count)) or batches != sorted(batches):
        raise StoryFailed(f"{count} requests were not released once each in order of arrival: {order[:300]}")
    return seconds


def streams(bench: Bench) -> Iterator[Figure]:
    count = min(STREAMS, bench.most_clients)
    with bench.holding_plane("streams", concurrency=count + WARM_UP) as setpoint, Clients(setpoint) as crowd:
        before = processes.resident_bytes(setpoint.plane.pid)
        message = clients.message(setpoint.token, "Say hello.", stream=True)
        for first in range(0, count, clients.BATCH):
            batch = crowd.send([message] * min(clients.BATCH, count - first))
            crowd.wait(batch, Client.has_event)
        time.sleep(SETTLE_SECONDS)
        kilobytes = (processes.resident_bytes(setpoint.plane.pid) - before) / 1024 / count
        yield Figure("memory of an idle stream", kilobytes, "KB", STREAMS_BOUND_KILOBYTES, f"{count} streams")


SECTIONS = {section.__name__: section for section in (cold, held, release, streams)}


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure what cold starts, held requests and idle streams cost.")
    parser.add_argument("--setpoint", type=pathlib.Path, required=True, metavar="BINARY")
    parser.add_argument("--vllm", action="store_true", help="measure cold starts with real vLLM too")
    parser.add_argument("sections", nargs="*", metavar="SECTION", help=f"of {', '.join(SECTIONS)} (default: all)")
    arguments = parser.parse_args()
    if unknown := set(arguments.sections) - set(SECTIONS):
        parser.error(f"unknown section: {', '.join(sorted(unknown))}; sections: {', '.join(SECTIONS)}")
    return arguments


def main() -> int:
    arguments = parse_arguments()
    files = clients.raise_open_file_limit()
    narrator = Narrator(strict=False)
    folder = pathlib.Path(tempfile.mkdtemp(prefix="setpoint-bench-"))
    descendants.become_reaper()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    most = clients.most_clients(files)
    bench = Bench(arguments.setpoint.resolve(), folder, narrator, arguments.vllm, most)
    figures: list[Figure] = []
    failed = False
    try:
        narrator.say(f"the open file limit is {files}: a plane accepts {most} clients of this bench")
        for name in arguments.sections or SECTIONS:
            try:
                with narrator.step(f"Measure {name}"):
                    figures += SECTIONS[name](bench)
            except StoryFailed:
                failed = True  # already printed in its step; the others are measured
    except KeyboardInterrupt:
        return 130
    finally:
        processes.end_all()
        shutil.rmtree(folder, ignore_errors=True)
    narrator.say("\n" + table(figures))
    return 1 if failed or not all(figure.met for figure in figures) else 0


if __name__ == "__main__":
    sys.exit(main())
