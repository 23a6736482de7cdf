#!/usr/bin/env python3
"""Serves a model from scratch, replaces it without a failed request, and rolls back a bad version.

    scripts/demo.py             the demo: installs, builds, and runs the story
    scripts/demo.py --assert    the end-to-end test: the same story with every claim checked, and additional checks:
                                nothing is written twice, a killed plane, the SDKs, a LoRA adapter, nothing is left
                                behind

Runs setpoint, its plane and real vLLM on this machine, in a temporary directory, and stops everything it started, even
if it fails or is interrupted. Requires the packages that scripts/install-system.sh installs.
"""

import argparse
import contextlib
import pathlib
import shutil
import signal
import sys
import tempfile

import descendants
import leftovers
from story import adapting, chapters, controlling, processes, proofs
from story.narration import Narrator, StoryFailed
from story.setpoint import Setpoint

ROOT = pathlib.Path(__file__).resolve().parent.parent


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Run setpoint's demo with real vLLM on this machine.")
    parser.add_argument("--assert", dest="strict", action="store_true", help="check every claim: the end-to-end test")
    parser.add_argument("--setpoint", type=pathlib.Path, metavar="BINARY", help="use this binary, do not build")
    parser.add_argument("--keep", action="store_true", help="keep the directory with logs, manifests and data")
    return parser.parse_args()


def tell(narrator: Narrator, folder: pathlib.Path, binary: pathlib.Path | None) -> None:
    """Run the story in order. Chapters that only the test needs are between those of the demo."""
    watch = leftovers.SharedMemoryWatch()
    binary = chapters.prepare(narrator, ROOT, binary)
    chapters.make_models(narrator, ROOT, folder)
    with contextlib.closing(Setpoint(binary, folder, ROOT / ".tools/vllm", narrator)) as setpoint:
        tell_of_serving(setpoint, narrator.strict)
        chapters.stop_everything(setpoint, watch)


def tell_of_serving(setpoint: Setpoint, strict: bool) -> None:
    chapters.start_plane(setpoint)
    chapters.register_models(setpoint)
    if strict:
        proofs.refuse_bad_input(setpoint)
    chapters.apply_first_version(setpoint)
    chapters.chat(setpoint)
    chapters.show_empty_diff(setpoint)
    if strict:
        proofs.write_nothing_twice(setpoint)
    chapters.replace_under_traffic(setpoint)
    chapters.roll_back_broken_version(setpoint)
    chapters.show_history(setpoint)
    if strict:
        proofs.hold_the_quarantine(setpoint)
        proofs.survive_a_killed_plane(setpoint)
        proofs.serve_the_sdks(setpoint, ROOT)
        proofs.keep_out_strangers(setpoint, ROOT)
        proofs.control_the_endpoint(setpoint, ROOT)
        proofs.export_telemetry(setpoint, ROOT)
        adapting.serve_an_adapter(setpoint, ROOT)
        controlling.hold_a_fleet(setpoint)


def interrupted(*_) -> None:
    raise KeyboardInterrupt


def main() -> int:
    arguments = parse_arguments()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, interrupted)
    narrator = Narrator(arguments.strict)
    # A short path: vLLM creates Unix sockets below it, and their paths are limited to 108 bytes.
    folder = pathlib.Path(tempfile.mkdtemp(prefix="setpoint-demo-"))
    descendants.become_reaper()
    status = 1
    try:
        tell(narrator, folder, arguments.setpoint)
        status = 1 if narrator.failed else 0
    except StoryFailed:
        pass  # already printed in its step
    except KeyboardInterrupt:
        narrator.say("\ninterrupted; stopping all started processes")
        status = 130
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        for words in processes.end_all():
            narrator.say(f"stopped {words}")
        narrator.summary()
        if arguments.keep or (status == 1 and arguments.strict):
            narrator.say(f"logs, manifests and data are in {folder}")
        else:
            shutil.rmtree(folder, ignore_errors=True)
    if arguments.strict:
        narrator.say(f"\ne2e: {narrator.passed} passed, {narrator.failed} failed")
    return status


if __name__ == "__main__":
    sys.exit(main())
