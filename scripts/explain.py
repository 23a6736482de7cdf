#!/usr/bin/env python3
"""Stages troubles with real vLLM, and checks that `setpoint explain` names the right cause first.

    scripts/explain.py --setpoint .build-release/release/setpoint

Three versions that do not start (a data type that does not exist, a context that is too long for the memory, broken
weights), then a healthy endpoint that is overrun, kept busy by one caller, and scaled to zero. Takes about five minutes
on two cores. Requires scripts/install-python.sh.
"""

import argparse
import concurrent.futures
import contextlib
import json
import pathlib
import subprocess
import sys
import time
import urllib.error
import urllib.request

import descendants
from story import processes, running
from story.narration import Narrator
from story.setpoint import Setpoint

ROOT = pathlib.Path(__file__).resolve().parent.parent
MODEL = "main.support.explained"
ENDPOINT = "explained-chat"
MAKE_SECONDS = 120
SLEEP_SECONDS = 120
REQUEST_SECONDS = 300
# So that one request of the maximum length needs more than the KV cache of 1 GiB: 256 bytes for each token.
LONG_CONTEXT = 5_000_000

# The code of the cause, how the version is made, and the variables that its endpoint sets.
BROKEN = [
    ("bad-dtype", ["--flag=--dtype float12"], {}),
    (
        "context-too-long-for-memory",
        [f"--context={LONG_CONTEXT}", "--flag=--max-num-seqs 1"],
        {"VLLM_CPU_KVCACHE_SPACE": "1"},
    ),
    ("damaged-weights", ["--broken=weights"], {}),
]


def manifest(
    name: str, version: str, variables: dict[str, str] | None = None, plane: str = "", sleeps: bool = False
) -> str:
    settings = f"  environment: {json.dumps(variables)}\n" if variables else ""
    settings += f"  plane: {plane}\n" if plane else ""
    return f"""\
apiVersion: serving.setpoint.dev/v1alpha1
kind: ServingEndpoint
metadata: {{name: {name}}}
spec:
  model: {MODEL}
  entityVersion: "{version}"
  workloadType: CPU
  size: Small
  scaleToZero: {"true" if sleeps else "false"}
{settings}"""


def register(setpoint: Setpoint, name: str, options: list[str]) -> str:
    """Make a model and register it; returns the version."""
    folder = setpoint.folder / f"model-{name}"
    command = [sys.executable, str(ROOT / "scripts/make-model.py"), str(folder), "--mlflow", *options]
    maker = descendants.start(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    output, _ = maker.communicate(timeout=MAKE_SECONDS)
    setpoint.narrator.require(f"the model {name} is made", maker.returncode == 0, seen=output)
    registered = setpoint.run("models", "register", MODEL, str(folder), "-o", "json", quiet=True)
    setpoint.narrator.require("it is registered", registered.status == 0, seen=registered)
    return str(json.loads(registered.out)["version"])


def explain(setpoint: Setpoint, name: str, code: str, since: float = 900) -> dict:
    """Check that a cause is named first; returns the diagnosis."""
    seconds = f"{max(1, int(since))}s"
    outcome = setpoint.run("explain", name, "--since", seconds, "-o", "json", quiet=True)
    try:
        diagnosis = json.loads(outcome.out)
    except ValueError:
        diagnosis = {}
    causes = diagnosis.get("causes", [])
    codes = [cause["code"] for cause in causes]
    setpoint.narrator.check(f"explain names {code} first", codes[:1] == [code], seen=codes or outcome)
    failing = any(cause["severity"] == "failing" for cause in causes)
    setpoint.narrator.check(
        "it exits with 1 exactly if something fails", outcome.status == (1 if failing else 0), seen=outcome
    )
    if causes:
        first = causes[0]
        setpoint.narrator.show(f"{first['summary']}: {'; '.join(first['measured'])}")
        setpoint.narrator.check("the cause has a remedy", first["means"] and first["do"], seen=first)
    return diagnosis


def fail_to_start(setpoint: Setpoint) -> None:
    for code, options, variables in BROKEN:
        with setpoint.narrator.step(f"A version that does not start: {code}"):
            version = register(setpoint, code, options)
            name = f"broken-{code}"[:40]
            applied = setpoint.apply(name, manifest(name, version, variables), quiet=True)
            setpoint.narrator.check("apply fails", applied.status == 1, seen=applied)
            diagnosis = explain(setpoint, name, code)
            setpoint.narrator.check("it is not healthy", diagnosis.get("healthy") is False, seen=diagnosis)
            deleted = setpoint.run("delete", name, quiet=True)
            setpoint.narrator.check("the endpoint is deleted", deleted.status == 0, seen=deleted)


def chat(setpoint: Setpoint, token: str, tokens: int) -> int:
    """Send a request that generates exactly so many tokens; returns its status."""
    body = {"messages": [{"role": "user", "content": "Hi"}], "max_tokens": tokens, "ignore_eos": True}
    request = urllib.request.Request(
        f"{setpoint.url}/serving-endpoints/{ENDPOINT}/invocations",
        data=json.dumps(body).encode(),
        headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request, timeout=REQUEST_SECONDS) as answer:
            answer.read()
            return answer.status
    except urllib.error.HTTPError as refused:
        return refused.code


def send(setpoint: Setpoint, requests: list[tuple[str, int]]) -> list[int]:
    """Send all requests at once; returns their statuses."""
    with concurrent.futures.ThreadPoolExecutor(len(requests)) as pool:
        return list(pool.map(lambda request: chat(setpoint, *request), requests))


def change(setpoint: Setpoint, version: str, plane: str, sleeps: bool = False) -> float:
    """Change the endpoint in place; returns when that was done."""
    applied = setpoint.apply(ENDPOINT, manifest(ENDPOINT, version, plane=plane, sleeps=sleeps), quiet=True)
    setpoint.narrator.require(f"{plane} is applied", applied.status == 0, seen=applied)
    time.sleep(4)  # so that a period that begins a little early has nothing of what was before
    return time.time()


def recorded(begin: float) -> float:
    """Wait until the plane has written its records; returns a period that begins up to two seconds before the time."""
    time.sleep(1)
    return time.time() - begin + 2


def overrun(setpoint: Setpoint, version: str) -> None:
    with setpoint.narrator.step("More requests than may wait"):
        begin = change(setpoint, version, "{concurrency: 1, queue: {length: 1}}")
        healthy = explain_healthy(setpoint)
        statuses = send(setpoint, [(setpoint.token, 200)] * 12)
        setpoint.narrator.check("some are refused", 429 in statuses and 200 in statuses, seen=(statuses, healthy))
        explain(setpoint, ENDPOINT, "queue-full", since=recorded(begin))


def explain_healthy(setpoint: Setpoint) -> list[str]:
    outcome = setpoint.run("explain", ENDPOINT, "--since", "1s", quiet=True)
    setpoint.narrator.check(
        "before, nothing is wrong", outcome.status == 0 and "nothing is wrong" in outcome.out, seen=outcome
    )
    return outcome.out.splitlines()[:1]


def keep_busy(setpoint: Setpoint, version: str) -> None:
    with setpoint.narrator.step("One slow caller"):
        begin = change(setpoint, version, "{concurrency: 1, queue: {length: 100}}")
        secrets = {}
        for name in ("explain-slow", "explain-quick"):
            created = setpoint.run("tokens", "create", name, quiet=True)
            setpoint.narrator.require(f"the token {name} is created", created.status == 0, seen=created)
            secrets[name] = created.out.strip()
        slow, quick = secrets["explain-slow"], secrets["explain-quick"]
        statuses = send(setpoint, [(slow, 400)] * 4 + [(quick, 2)] * 8)
        setpoint.narrator.check("all are answered", set(statuses) == {200}, seen=statuses)
        diagnosis = explain(setpoint, ENDPOINT, "dominant-caller", since=recorded(begin))
        summary = (diagnosis.get("causes") or [{}])[0].get("summary", "")
        setpoint.narrator.check("it names the caller", "explain-slow" in summary, seen=summary)


def fall_asleep(setpoint: Setpoint, version: str) -> None:
    with setpoint.narrator.step("Scaled to zero"):
        change(setpoint, version, "{idleAfter: 3s}", sleeps=True)

        def is_asleep() -> bool:
            return "Scaled to zero" in setpoint.get(f"/api/2.0/serving-endpoints/{ENDPOINT}")[1]

        setpoint.narrator.require("it is scaled to zero", processes.wait_until(is_asleep, SLEEP_SECONDS))
        diagnosis = explain(setpoint, ENDPOINT, "scaled-to-zero", since=1)
        setpoint.narrator.check("and is healthy", diagnosis.get("healthy") is True, seen=diagnosis)


def tell(narrator: Narrator, folder: pathlib.Path, arguments: argparse.Namespace) -> None:
    with contextlib.closing(Setpoint(arguments.setpoint.resolve(), folder, arguments.vllm, narrator)) as setpoint:
        with narrator.step("Start the serving plane"):
            setpoint.serve()
        fail_to_start(setpoint)
        with narrator.step("Deploy a version that works"):
            version = register(setpoint, "good", [])
            applied = setpoint.apply(ENDPOINT, manifest(ENDPOINT, version), quiet=True)
            narrator.require("apply succeeds", applied.status == 0, seen=applied)
        overrun(setpoint, version)
        keep_busy(setpoint, version)
        fall_asleep(setpoint, version)
        with narrator.step("Stop the plane"):
            narrator.check("it exits with 0", setpoint.stop_plane() == 0, seen=setpoint.log_end())


def main() -> int:
    parser = argparse.ArgumentParser(description="Check the diagnoses of setpoint explain with real vLLM.")
    parser.add_argument("--setpoint", type=pathlib.Path, required=True, metavar="BINARY")
    parser.add_argument("--vllm", type=pathlib.Path, default=ROOT / ".tools/vllm", help="vLLM's virtual environment")
    arguments = parser.parse_args()
    return running.run("explain", lambda narrator, folder: tell(narrator, folder, arguments))


if __name__ == "__main__":
    sys.exit(main())
