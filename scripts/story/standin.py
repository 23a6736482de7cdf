"""Folders that replace vLLM's virtual environment: with the stand-in (Tests/Support), or with another engine."""

import json
import pathlib
import shlex
import sys
from collections.abc import Callable

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent

# `vllm serve MODEL …`, as the real script accepts it.
VLLM = """\
#!/bin/sh
shift
model=$1
shift
exec "$(dirname "$0")/python" -m vllm.entrypoints.openai.api_server --model "$model" "$@"
"""


def make_environment(folder: pathlib.Path, command: list[str], **variables: str) -> pathlib.Path:
    """Write the environment, or replace it. Its `python` is the command, with these variables."""
    settings = "".join(f"{name}={shlex.quote(value)} " for name, value in variables.items())
    python = f'#!/bin/sh\n{settings}exec {shlex.join(command)} "$@"\n'
    (folder / "bin").mkdir(parents=True, exist_ok=True)
    for name, text in (("python", python), ("vllm", VLLM)):
        path = folder / "bin" / name
        path.write_text(text)
        path.chmod(0o755)
    return folder


def make_standin(folder: pathlib.Path, **switches: object) -> pathlib.Path:
    """The environment with the stand-in. Replicas that start from now on have these switches of vllm_standin.py."""
    variables = {"PYTHONPATH": str(ROOT / "Tests/Support")}
    if switches:
        variables["VLLM_STANDIN"] = json.dumps(switches)
    return make_environment(folder, [sys.executable], **variables)


def make_it_speak(models: dict[str, pathlib.Path], sentence: Callable[[str], str]) -> None:
    """Give each version of the model the sentence that the stand-in answers."""
    for version, path in models.items():
        (path / "artifacts/hello/say.txt").write_text(sentence(version))
