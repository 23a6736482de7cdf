#!/usr/bin/env python3
"""Runs traffic through everything that happens to a serving plane, and checks that no request fails where
docs/serving-plane.md promises so, that every request ends exactly once, and that nothing is left behind.

    scripts/traffic.py --setpoint .build-release/release/setpoint [--vllm]

The promises, with their sections:

    "Updates"                    If both versions fit, no request waits. If they do not, requests wait until the new
                                 version has started; if it fails, the old version starts again by itself.
    "When a version fails to     The old config keeps serving.
    start"
    "Scale to zero"              The next request is held and starts one replica, however many requests wait. A start in
                                 progress continues after a restart of the plane.
    "More endpoints than room"   Endpoints that share one slot take turns: requests in flight are finished, and further
                                 ones wait.
    "Replicas"                   A replica that dies is restarted; requests that have not been sent to it wait.
    "Clients"                    A request is sent to an engine only once: if its replica dies, its client gets 502 with
                                 x-should-retry: false, or an error event as the end of its stream. Only a client that
                                 does not want to wait (X-Setpoint-Max-Wait: 0) gets 429 or 503, with Retry-After.
    "Stop"                       After kill -9 of the plane, the replicas keep running, and the next plane adopts them.
                                 Only the connections of the killed plane are cut off.
    "Response headers"           Every response has the ID of its request.

The traffic consists of callers with and without streams, on each route, some of which hang up in the middle or read
slowly (CALLERS in scripts/story/callers.py). That each request ends exactly once is checked in three places: each
caller gets one complete response, unless it hangs up or the plane is killed; the plane records each request once
(`serve --verbose`), with the status that the caller saw; and an engine accepts it at most once.

The plane is real. Its replicas are the stand-in for vLLM (Tests/Support), with --vllm real vLLM, which takes about a
quarter of an hour. All traffic stays on this machine. No check depends on how fast the machine is.
"""

import argparse
import contextlib
import pathlib
import sys

import leftovers
from story import chapters, running, standin, trials
from story.building import Job
from story.narration import Narrator
from story.setpoint import Setpoint

ROOT = pathlib.Path(__file__).resolve().parent.parent
# Long answers of the stand-in take half a second, so that some are in flight whatever happens.
SWITCHES = {"first_token_ms": 10, "token_ms": 5}


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Run traffic through updates, scale to zero, swaps and kills.")
    parser.add_argument("--setpoint", type=pathlib.Path, required=True, metavar="BINARY")
    parser.add_argument("--vllm", action="store_true", help="with real vLLM instead of the stand-in")
    return parser.parse_args()


def tell(narrator: Narrator, folder: pathlib.Path, arguments: argparse.Namespace) -> None:
    watch = leftovers.SharedMemoryWatch()
    chapters.make_models(narrator, ROOT, folder)
    accepted = None
    if arguments.vllm:
        with narrator.step("Install real vLLM"):
            Job(narrator, "vllm", ["scripts/install-vllm.sh"], ROOT).finish()
        environment, course = ROOT / ".tools/vllm", trials.REAL_VLLM
    else:
        accepted = folder / "accepted"
        standin.make_it_speak(chapters.models(folder), chapters.sentence)
        environment = standin.make_standin(folder / "standin", ledger=str(accepted), **SWITCHES)
        course = trials.Course()
    with contextlib.closing(Setpoint(arguments.setpoint.resolve(), folder, environment, narrator)) as setpoint:
        setpoint.options = list(trials.OPTIONS)
        chapters.start_plane(setpoint)
        chapters.register_quietly(setpoint)
        drive = trials.Drive(setpoint, course)
        for trial in trials.TRIALS:
            trial(drive)
        trials.leave_nothing(drive, watch, accepted)


def main() -> int:
    arguments = parse_arguments()
    return running.run("traffic", lambda narrator, folder: tell(narrator, folder, arguments))


if __name__ == "__main__":
    sys.exit(main())
