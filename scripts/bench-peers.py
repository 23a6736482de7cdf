#!/usr/bin/env python3
"""Compares the plane's gateway with nginx, Envoy, vllm-router and LiteLLM, in one run, on the same cores.

    scripts/bench-peers.py --setpoint .build-release/release/setpoint [--seconds 4] [--rounds 5] [--only CASE]
                           [--peers nginx,envoy,vllm-router,litellm]

All gateways are in front of the same canned replica and serve the same path. Each is measured in turn, in several
rounds with rotated order, so that a slow moment of the machine affects all. Prints a table per case and the bounds;
exits with 1 if a bound is missed or a request fails. Everything listens on loopback only.
"""

import argparse
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile

import descendants
from gatewaybench import cases, gateways, report
from story import processes
from story.narration import Narrator, StoryFailed

ROOT = pathlib.Path(__file__).resolve().parent.parent
WARM_UP_SECONDS = 1.0


def names(known: list[str], what: str):
    """The type of an argument that takes names, separated by commas."""

    def parse(text: str) -> list[str]:
        given = [name for name in text.split(",") if name]
        if unknown := [name for name in given if name not in known]:
            raise argparse.ArgumentTypeError(f"unknown {what}: {', '.join(unknown)}; known: {', '.join(known)}")
        return given

    return parse


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Compare the plane's gateway with other gateways.")
    known_cases, peers = [case.name for case in cases.CASES], list(gateways.PEERS)
    parser.add_argument("--setpoint", type=pathlib.Path, required=True, metavar="BINARY")
    parser.add_argument("--seconds", type=float, default=4, help="the length of a round, at least 1 (default: 4)")
    parser.add_argument("--rounds", type=int, default=5, help="rounds per case (default: 5)")
    parser.add_argument(
        "--only",
        type=names(known_cases, "case"),
        default=known_cases,
        metavar="CASE",
        help=f"of {','.join(known_cases)} (default: all)",
    )
    parser.add_argument(
        "--peers",
        type=names(peers, "peer"),
        default=peers,
        metavar="NAMES",
        help=f"of {','.join(peers)} (default: all)",
    )
    arguments = parser.parse_args()
    if arguments.seconds < 1 or arguments.rounds < 1:
        parser.error("--seconds and --rounds must be at least 1")
    if not arguments.setpoint.is_file():
        parser.error(f"{arguments.setpoint} not found; build it with make release")
    if not (gateways.TOOLS / "wrk").exists():
        parser.error("the gateways are not installed; run scripts/install-bench-peers.sh")
    return arguments


def measure(
    case: cases.Case, running: list[gateways.Gateway], arguments: argparse.Namespace, folder: pathlib.Path
) -> dict[str, cases.Summary]:
    """All rounds of one case, by gateway."""
    samples: dict[str, list[cases.Sample]] = {gateway.name: [] for gateway in running}
    for gateway in running:
        cases.measure(case, gateway, WARM_UP_SECONDS, folder)
    for number in range(arguments.rounds):
        first = number % len(running)
        for gateway in running[first:] + running[:first]:
            samples[gateway.name].append(cases.measure(case, gateway, arguments.seconds, folder))
    return {name: cases.Summary.of(taken) for name, taken in samples.items()}


def setting(arguments: argparse.Namespace) -> str:
    """What the figures depend on: the cores, and the versions of the peers."""
    nginx = subprocess.run([gateways.TOOLS / "nginx", "-v"], capture_output=True, text=True).stderr.strip()
    pinned = [line for line in (ROOT / "scripts/bench-peers.txt").read_text().splitlines() if "==" in line]
    versions = ", ".join([nginx.removeprefix("nginx version: "), *pinned])
    return f"{os.cpu_count()} cores; {arguments.rounds} rounds of {arguments.seconds:g} s; {versions}"


def bench(narrator: Narrator, folder: pathlib.Path, arguments: argparse.Namespace) -> bool:
    """Measure and print; returns whether all bounds are met."""
    measured: cases.Summaries = {}
    chosen = [case for case in cases.CASES if case.name in arguments.only]
    binary = arguments.setpoint.resolve()
    order = [*arguments.peers, gateways.SETPOINT]
    for kind in dict.fromkeys(case.upstream for case in chosen):
        of_kind = [case for case in chosen if case.upstream == kind]
        with (
            narrator.step(f"Measure {', '.join(case.name for case in of_kind)}"),
            gateways.started(kind, order, binary, folder / kind, narrator) as running,
        ):
            for case in of_kind:
                measured[case.name] = measure(case, running, arguments, folder)
                narrator.say("\n" + "\n".join(report.table(case, measured[case.name])))
    lines = list(report.judgements(measured))
    narrator.say("\nbounds of the plane\n" + "\n".join(line for _, line in lines))
    return all(met for met, _ in lines)


def main() -> int:
    arguments = parse_arguments()
    narrator = Narrator(strict=False)
    folder = pathlib.Path(tempfile.mkdtemp(prefix="setpoint-bench-"))
    descendants.become_reaper()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        narrator.say(setting(arguments))
        return 0 if bench(narrator, folder, arguments) else 1
    except StoryFailed:
        return 1  # already printed in its step
    except KeyboardInterrupt:
        return 130
    finally:
        processes.end_all()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
