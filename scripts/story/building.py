"""Builds the binary and installs vLLM in parallel, from a fresh clone."""

import collections
import os
import pathlib
import subprocess
import threading
import time

import descendants

from story.narration import Narrator, StoryFailed

SHOW_PROGRESS_EVERY_SECONDS = 15
LINES_SHOWN_ON_FAILURE = 40


class Job:
    """A command that runs in the background. Its output is shown; that of a talkative command only in excerpts."""

    def __init__(self, narrator: Narrator, name: str, command: list[str], root: pathlib.Path, talkative: bool = False):
        self.narrator, self.name, self.talkative = narrator, name, talkative
        self.end: collections.deque[str] = collections.deque(maxlen=LINES_SHOWN_ON_FAILURE)
        self.process = descendants.start(
            command,
            cwd=root,
            env=os.environ.copy(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self) -> None:
        shown_at = time.monotonic()
        for line in self.process.stdout:
            line = line.rstrip()
            self.end.append(line)
            if not self.talkative or time.monotonic() - shown_at > SHOW_PROGRESS_EVERY_SECONDS:
                shown_at = time.monotonic()
                self.narrator.show(f"{self.name}: {line}")

    def finish(self) -> None:
        self.reader.join()
        if self.process.wait() != 0:
            for line in self.end if self.talkative else []:
                self.narrator.show(f"{self.name}: {line}")
            raise StoryFailed(f"{self.name} failed with exit {self.process.returncode}; see its output above")


def install_and_build(narrator: Narrator, root: pathlib.Path, given: pathlib.Path | None) -> pathlib.Path:
    """Install vLLM (and what only the test needs) while Swift builds; returns the binary, or the given one."""
    jobs = [Job(narrator, "vllm", ["nice", "scripts/install-vllm.sh"], root)]
    if narrator.strict:
        jobs.append(Job(narrator, "clients", ["nice", "scripts/install-clients.sh"], root))
    if given is None:
        jobs.append(Job(narrator, "swift", ["scripts/build-release.sh", "setpoint"], root, talkative=True))
    for job in jobs:
        job.finish()
    binary = given.resolve() if given else root / ".build-release/release/setpoint"
    narrator.require(f"{binary.name} is built", binary.exists(), seen=f"nothing at {binary}")
    return binary
