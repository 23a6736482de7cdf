#!/usr/bin/env python3
"""Runs the README's commands unchanged: its `sh` blocks, in order, in one shell, in the root of the clone.

    Tests/e2e/readme.py --setpoint .build-release/release/setpoint

A command must succeed unless its line ends with the comment `# exits with N`. After a block that starts a process in
the background (a line ending with `&`), the script waits until the process responds. It reads and writes no files of
the user: state, data and runtime files are in a directory that is removed.
"""

import argparse
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts"))

import descendants  # noqa: E402

# The README's working directory; this run creates and removes it.
FOLDER = ROOT / "quickstart"
BLOCK_SECONDS = 600
START_SECONDS = 120

# Reports failed commands on descriptor 3, with their line in the block.
PRELUDE = """\
set -o errtrace
trap 'echo "failed $? $LINENO" >&3' ERR
"""


@dataclass
class Block:
    """A fenced block of shell commands."""

    line: int  # of its first command, in the file
    text: str

    @property
    def starts_something(self) -> bool:
        return any(line.rstrip().endswith(" &") for line in self.text.splitlines())

    def expected(self) -> dict[int, int]:
        """The exit codes that the block expects, by line of the block; 0 for other lines."""
        matches = ((number, re.search(r"# exits with (\d+)", line)) for number, line in enumerate(self.lines(), 1))
        return {number: int(match[1]) for number, match in matches if match}

    def lines(self) -> list[str]:
        return self.text.splitlines()


def blocks(markdown: str) -> Iterator[Block]:
    for match in re.finditer(r"^```sh\n(.*?)^```$", markdown, re.M | re.S):
        yield Block(markdown[: match.start(1)].count("\n") + 1, match[1])


class Shell:
    """One bash that runs block after block."""

    def __init__(self, environment: dict[str, str]):
        self.reports, ours = os.pipe()
        self.process = descendants.start(
            ["bash", "--norc", "-c", f"exec 3>&{ours}; exec bash --norc"],
            cwd=ROOT,
            env=environment,
            pass_fds=[ours],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
        os.close(ours)
        self.source = os.fdopen(self.reports)
        self.output: list[str] = []
        threading.Thread(target=self.read, daemon=True).start()
        self.write(PRELUDE)

    def read(self) -> None:
        for line in self.process.stdout:
            self.output.append(line)
            print(f"    │ {line}", end="", flush=True)

    def write(self, text: str) -> None:
        self.process.stdin.write(text)
        self.process.stdin.flush()

    def run(self, block: Block, file: pathlib.Path) -> dict[int, int]:
        """Runs the block; returns the exit codes other than 0, by line of the block."""
        file.write_text(block.text + ":\n")  # so that `source` itself succeeds
        timer = threading.Timer(BLOCK_SECONDS, self.process.kill)
        timer.daemon = True
        timer.start()
        self.write(f"source {file}; echo done >&3\n")
        failed = {}
        for line in self.source:
            if line.startswith("failed"):
                _, status, number = line.split()
                failed[int(number)] = int(status)
            else:
                break
        timer.cancel()
        return failed


def check(block: Block, failed: dict[int, int]) -> Iterator[str]:
    """Differences from the expected exit codes."""
    expected = block.expected()
    for number in sorted(set(failed) | set(expected)):
        seen, wanted = failed.get(number, 0), expected.get(number, 0)
        if seen != wanted:
            line = block.lines()[number - 1] if number <= len(block.lines()) else "?"
            yield f"README.md:{block.line + number - 1}: exit {seen}, not {wanted}: {line}"


def wait_until_it_answers(environment: dict[str, str], block: Block) -> None:
    question = ["setpoint", "status"] if "setpoint run" in block.text else ["setpoint", "get"]
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        if subprocess.run(question, env=environment, cwd=FOLDER, capture_output=True, check=False).returncode == 0:
            return
        time.sleep(0.5)
    raise SystemExit(f"README.md:{block.line}: the started process does not respond: {' '.join(question)}")


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Run the README's commands unchanged.")
    parser.add_argument("--setpoint", type=pathlib.Path, required=True, metavar="BINARY")
    return parser.parse_args()


def environment_for(folder: pathlib.Path) -> dict[str, str]:
    """The user's environment with separate home directories; `make install` installs into the same directory."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("DATABRICKS_", "SETPOINT_"))}
    homes = {f"XDG_{name}": str(folder / name.lower()) for name in ("STATE_HOME", "DATA_HOME", "RUNTIME_DIR")}
    for path in homes.values():
        pathlib.Path(path).mkdir(mode=0o700)
    prefix = folder / "prefix"
    (prefix / "bin").mkdir(parents=True)
    return kept | homes | {"PREFIX": str(prefix), "PATH": f"{prefix / 'bin'}:{os.environ['PATH']}", "NO_COLOR": "1"}


def main() -> int:
    arguments = parse_arguments()
    if not arguments.setpoint.exists():
        raise SystemExit(f"{arguments.setpoint} does not exist; build it first: make release")
    if FOLDER.exists():
        raise SystemExit(f"{FOLDER} already exists; move it away, because this test creates and removes it")
    descendants.become_reaper()
    folder = pathlib.Path(tempfile.mkdtemp(prefix="setpoint-readme-"))
    problems: list[str] = []
    count = 0
    try:
        environment = environment_for(folder)
        shutil.copy(arguments.setpoint, folder / "prefix/bin/setpoint")
        shell = Shell(environment)
        for block in blocks((ROOT / "README.md").read_text()):
            print(f"README.md:{block.line}", flush=True)
            for line in block.lines():
                print(f"    $ {line}", flush=True)
            problems += check(block, shell.run(block, folder / "block.sh"))
            if shell.process.poll() is not None:
                problems.append(f"README.md:{block.line}: the shell exited, or the block timed out ({BLOCK_SECONDS} s)")
                break
            if block.starts_something:
                wait_until_it_answers(environment, block)
            count += len(block.lines())
    finally:
        descendants.end_all()
        shutil.rmtree(FOLDER, ignore_errors=True)
        shutil.rmtree(folder, ignore_errors=True)
    for problem in problems:
        print(f"FAILED {problem}")
    print(f"{count - len(problems)} passed, {len(problems)} failed")
    return 1 if problems or not count else 0


if __name__ == "__main__":
    sys.exit(main())
