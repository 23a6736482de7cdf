#!/usr/bin/env python3
"""From nothing to a served model, its replacement without a failed request, and a bad version rolled back.

    scripts/demo.py             the demo: installs, builds, and tells the story
    scripts/demo.py --assert    the end-to-end test: the same story, every claim of it checked, and what a test also
                                wants to see: nothing written twice, a killed plane, the SDKs, nothing left behind

Runs setpoint, its plane and real vLLM on this machine, in a folder of its own, and ends whatever it started, also when
it fails or is interrupted. Needs what scripts/install-system.sh installs.
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
from story import chapters, controlling, processes, proofs
from story.narration import Narrator, StoryFailed
from story.setpoint import Setpoint

ROOT = pathlib.Path(__file__).resolve().parent.parent


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Tell setpoint's story with real vLLM on this machine.")
    parser.add_argument("--assert", dest="strict", action="store_true", help="check every claim: the end-to-end test")
    parser.add_argument("--setpoint", type=pathlib.Path, metavar="BINARY", help="use this binary and build none")
    parser.add_argument("--keep", action="store_true", help="keep the folder with logs, manifests and data")
    return parser.parse_args()


def tell(narrator: Narrator, folder: pathlib.Path, binary: pathlib.Path | None) -> None:
    """The story, in order. What only the test wants stands between the demo's own chapters."""
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
        controlling.hold_a_fleet(setpoint)


def interrupted(*_) -> None:
    raise KeyboardInterrupt


def main() -> int:
    arguments = parse_arguments()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, interrupted)
    narrator = Narrator(arguments.strict)
    # A short path: vLLM puts Unix sockets below it, and those have 108 bytes for all of theirs.
    folder = pathlib.Path(tempfile.mkdtemp(prefix="setpoint-demo-"))
    descendants.become_reaper()
    status = 1
    try:
        tell(narrator, folder, arguments.setpoint)
        status = 1 if narrator.failed else 0
    except StoryFailed:
        pass  # told already, in its step
    except KeyboardInterrupt:
        narrator.say("\ninterrupted; ending what was started")
        status = 130
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        for words in processes.end_all():
            narrator.say(f"ended {words}")
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
