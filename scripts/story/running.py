"""Runs a story that checks every claim, and leaves nothing behind, even if it fails or is interrupted."""

import pathlib
import shutil
import signal
import tempfile
from collections.abc import Callable

import descendants

from story import processes
from story.narration import Narrator, StoryFailed


def run(name: str, tell: Callable[[Narrator, pathlib.Path], None]) -> int:
    """Tell the story in a temporary directory, which is kept if a claim is false; returns the exit status."""
    narrator = Narrator(strict=True)
    # A short path: vLLM creates Unix sockets below it, and their paths are limited to 108 bytes.
    folder = pathlib.Path(tempfile.mkdtemp(prefix=f"setpoint-{name}-"))
    descendants.become_reaper()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    status = 1
    try:
        tell(narrator, folder)
        status = 1 if narrator.failed else 0
    except StoryFailed:
        pass  # already printed in its step
    except KeyboardInterrupt:
        status = 130
    finally:
        for words in processes.end_all():
            narrator.say(f"stopped {words}")
        narrator.summary()
        if status == 0:
            shutil.rmtree(folder, ignore_errors=True)
        else:
            narrator.say(f"logs, manifests and data are in {folder}")
    narrator.say(f"\n{name}: {narrator.passed} passed, {narrator.failed} failed")
    return status
