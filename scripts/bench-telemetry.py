#!/usr/bin/env python3
"""Measures a plane's telemetry of a simulated day: the size of its file, and how fast it answers.

    scripts/bench-telemetry.py --setpoint .build-release/release/setpoint

    file       864,000 requests (ten a second), and the metrics of two replicas every 15 s; at most what
               --telemetry-size allows
    sql        `setpoint sql`, all requests grouped by version, from the start of the command to its end
    metrics    `setpoint metrics NAME`, the same

The plane serves one endpoint with the stand-in for vLLM (Tests/Support); its file is made by the plane itself and
filled while it is stopped. Prints a table of the figures and their bounds, and exits with 1 if one is missed.
Everything stays on the loopback interface.
"""

import argparse
import pathlib
import shutil
import signal
import statistics
import sys
import tempfile
import time

import descendants
from story import processes, standin
from story.manifests import ENDPOINT, MODEL, manifest
from story.narration import Narrator, StoryFailed
from story.setpoint import Setpoint
from telemetrybench import day
from waitingbench import planes
from waitingbench.figures import Figure, table

SIZE_BOUND_MEBIBYTES = 10 * 1024  # the default of --telemetry-size
SQL_BOUND_MILLISECONDS = 1000
METRICS_BOUND_MILLISECONDS = 200
RUNS = 7
BY_VERSION = """
SELECT model_version, count(*) AS requests, sum(status >= 400) AS failed, avg(ttft_ms) AS ttft_ms,
  avg(latency_ms) AS latency_ms, sum(tokens_in) AS tokens_in, sum(tokens_out) AS tokens_out
FROM requests GROUP BY model_version
"""


def milliseconds(setpoint: Setpoint, *arguments: str) -> float:
    """The median time of a command. Its first run reads the file into the page cache."""
    taken = []
    for number in range(RUNS + 1):
        began = time.perf_counter()
        outcome = setpoint.run(*arguments, quiet=True)
        if number:
            taken.append((time.perf_counter() - began) * 1000)
        setpoint.narrator.require(f"{arguments[0]} answers", outcome.status == 0, seen=outcome)
    return statistics.median(taken)


def measure(binary: pathlib.Path, folder: pathlib.Path, narrator: Narrator) -> list[Figure]:
    environment = standin.make_standin(folder / "standin")
    with planes.plane(binary, folder / "plane", environment, narrator, manifest("1")) as setpoint:
        setpoint.stop_plane()
        size = day.write(setpoint.data / "telemetry.sqlite", ENDPOINT, MODEL)
        setpoint.serve()
        count = setpoint.run("sql", "SELECT count(*) AS n FROM requests", "-o", "csv", quiet=True)
        rows = count.out.split()[-1] if count.status == 0 else ""
        narrator.require("the file has the day", rows.isdigit() and int(rows) >= day.REQUESTS, seen=count)
        note = f"median of {RUNS}"
        figures = [
            Figure("telemetry file after a day", size, "MiB", SIZE_BOUND_MEBIBYTES, f"{day.REQUESTS} requests"),
            Figure("sql by version", milliseconds(setpoint, "sql", BY_VERSION), "ms", SQL_BOUND_MILLISECONDS, note),
        ]
        if setpoint.run("metrics", "--help", quiet=True).status == 0:
            taken = milliseconds(setpoint, "metrics", ENDPOINT, "--since", "1h")
            figures.append(Figure("metrics of an endpoint", taken, "ms", METRICS_BOUND_MILLISECONDS, note))
        else:
            narrator.say("    setpoint metrics does not exist: not measured")
        return figures


def main() -> int:
    parser = argparse.ArgumentParser(description="Measure the size and the speed of a day's telemetry.")
    parser.add_argument("--setpoint", type=pathlib.Path, required=True, metavar="BINARY")
    binary = parser.parse_args().setpoint.resolve()
    narrator = Narrator(strict=False)
    folder = pathlib.Path(tempfile.mkdtemp(prefix="setpoint-bench-"))
    descendants.become_reaper()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    figures: list[Figure] = []
    try:
        with narrator.step("Measure the telemetry of a day"):
            figures = measure(binary, folder, narrator)
    except StoryFailed:
        return 1  # already printed in its step
    except KeyboardInterrupt:
        return 130
    finally:
        processes.end_all()
        shutil.rmtree(folder, ignore_errors=True)
    narrator.say("\n" + table(figures))
    return 0 if all(figure.met for figure in figures) else 1


if __name__ == "__main__":
    sys.exit(main())
