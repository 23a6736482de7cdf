#!/usr/bin/env python3
"""Measures the command line: its start time compared with curl's, interleaved in one run, and the size of the binary.

scripts/bench-command.py --setpoint .build-release/release/setpoint
"""

import argparse
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

RUNS = 100
START_BOUND = 2.5
SIZE_BOUND_MB = 90


def seconds(command: list[str]) -> float:
    began = time.perf_counter()
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - began


def start_ratio(binary: pathlib.Path) -> float:
    commands = {"setpoint": [str(binary), "--version"], "curl": ["curl", "--version"]}
    times: dict[str, list[float]] = {name: [] for name in commands}
    for number in range(RUNS + 1):
        for name, command in commands.items():
            taken = seconds(command)
            if number:  # the first run of each warms the page cache
                times[name].append(taken)
    medians = {name: statistics.median(taken) for name, taken in times.items()}
    ratio = medians["setpoint"] / medians["curl"]
    print(
        f"start: setpoint --version {medians['setpoint'] * 1000:.1f} ms, "
        f"curl --version {medians['curl'] * 1000:.1f} ms, ratio {ratio:.2f} (bound {START_BOUND}; median of {RUNS})"
    )
    return ratio


def stripped_megabytes(binary: pathlib.Path) -> float:
    with tempfile.TemporaryDirectory() as folder:
        stripped = pathlib.Path(folder) / binary.name
        subprocess.run(["strip", "-o", str(stripped), str(binary)], check=True)
        size = stripped.stat().st_size / 1e6
    print(f"size: {size:.1f} MB stripped, including Swift's libraries (bound {SIZE_BOUND_MB} MB)")
    return size


def main() -> int:
    parser = argparse.ArgumentParser(description="Measure the command's start time and size.")
    parser.add_argument("--setpoint", type=pathlib.Path, required=True, metavar="BINARY")
    binary = parser.parse_args().setpoint.resolve()
    ratio, size = start_ratio(binary), stripped_megabytes(binary)
    return 0 if ratio <= START_BOUND and size <= SIZE_BOUND_MB else 1


if __name__ == "__main__":
    sys.exit(main())
