"""Chapters for the test only: they check that something does not happen, or break something on purpose."""

import contextlib
import pathlib
import re
import sqlite3
import stat
import subprocess
import threading

import descendants

from story import processes
from story.chapters import BROKEN_LINE, says
from story.manifests import ENDPOINT, FILE, MODEL, manifest, shuffled_manifest, write
from story.recorder import Recorder
from story.setpoint import Outcome, Setpoint

STRAY = "stray-chat"
SWEEP_SECONDS = 300
START_SECONDS = 300
SDK_SECONDS = 1500

BAD_MANIFEST = """\
apiVersion: serving.setpoint.dev/v1alpha1
kind: ServingEndpoint
metadata:
  name: support-chat
spec:
  model: main.support.hello
  entityVersion: 7.0
  workloadTyp: A10
  size: Smal
"""


def recorded(setpoint: Setpoint, *arguments: str) -> tuple[Outcome, list[str]]:
    """Run a command as on another machine (address and token from the environment); returns it and its writes."""
    with Recorder(setpoint.port) as recorder:
        outcome = setpoint.run(*arguments, DATABRICKS_HOST=recorder.url, DATABRICKS_TOKEN=setpoint.token)
        setpoint.narrator.check(f"{arguments[0]} did call the plane", recorder.calls, seen=outcome)
        return outcome, recorder.writes


def refuse_bad_input(setpoint: Setpoint) -> None:
    check = setpoint.narrator.check
    with setpoint.narrator.step("Refuse a manifest with three errors, and a client without the token"):
        (setpoint.folder / "bad.yaml").write_text(BAD_MANIFEST)
        findings = setpoint.run("validate", "-f", "bad.yaml")
        check("validate exits 1", findings.status == 1, seen=findings)
        for line, column, about in ((7, 18, "entityVersion"), (8, 3, "workloadType"), (9, 9, "Small")):
            place = f"bad.yaml:{line}:{column}"
            check(f"it reports {place} and {about}", place in findings.text and about in findings.text, seen=findings)
        check("diff exits 2 for it", setpoint.run("diff", "-f", "bad.yaml", quiet=True).status == 2)
        applied, writes = recorded_quietly(setpoint, "apply", "-f", "bad.yaml")
        check("apply exits 1 and sends nothing", applied.status == 1 and not writes, seen=writes or applied)
        mode = stat.S_IMODE((setpoint.data / "token").stat().st_mode)
        check("only the owner can read the plane's token", mode == 0o600, seen=oct(mode))
        refused = setpoint.status_of("/api/2.0/serving-endpoints", token="wrong")
        check("without it the plane returns 401 or 403", refused in (401, 403), seen=refused)
        check("an endpoint that does not exist: get exits 1", setpoint.run("get", ENDPOINT, quiet=True).status == 1)


def recorded_quietly(setpoint: Setpoint, *arguments: str) -> tuple[Outcome, list[str]]:
    with Recorder(setpoint.port) as recorder:
        variables = {"DATABRICKS_HOST": recorder.url, "DATABRICKS_TOKEN": setpoint.token}
        return setpoint.run(*arguments, quiet=True, **variables), recorder.writes


def write_nothing_twice(setpoint: Setpoint) -> None:
    check = setpoint.narrator.check
    with setpoint.narrator.step("Apply again, and with shuffled keys: nothing is written"):
        again, writes = recorded(setpoint, "apply", "-f", FILE)
        check("apply after apply exits 0", again.status == 0, seen=again)
        check("it says so", re.search(r"no change|unchanged|in sync|nothing to do", again.text, re.I), seen=again)
        check("it sends no write", not writes, seen=writes)
        write(setpoint.folder, shuffled_manifest("1"))
        shuffled = setpoint.run("diff", "-f", FILE)
        check("diff of shuffled keys exits 0", shuffled.status == 0, seen=shuffled)
        applied, writes = recorded(setpoint, "apply", "-f", FILE)
        check(
            "apply of shuffled keys exits 0 and sends no write",
            applied.status == 0 and not writes,
            seen=writes or applied,
        )


def hold_the_quarantine(setpoint: Setpoint) -> None:
    check = setpoint.narrator.check
    with setpoint.narrator.step("Apply the broken version again: it is held; an edit lifts the hold"):
        again, writes = recorded(setpoint, "apply", "-f", FILE)
        check("apply exits 1", again.status == 1, seen=again)
        check("it sends no write", not writes, seen=writes)
        check("it reports quarantined", "quarantined" in again.text, seen=again)
        described = setpoint.run("describe", ENDPOINT)
        check("describe quotes the log line", BROKEN_LINE in described.text, seen=described)
        write(setpoint.folder, manifest("2"))
        edited = setpoint.run("apply", "-f", FILE)
        check("apply of the edited manifest exits 0", edited.status == 0, seen=edited)
        diff = setpoint.run("diff", "-f", FILE)
        check("diff exits 0 again", diff.status == 0, seen=diff)


def survive_a_killed_plane(setpoint: Setpoint) -> None:
    check, require = setpoint.narrator.check, setpoint.narrator.require
    with setpoint.narrator.step(
        "Kill the plane with SIGKILL: replicas keep running; the next plane adopts or stops them"
    ):
        ours = processes.lasting_vllm_pids()
        require(f"{ENDPOINT} has its processes", len(ours) >= 2, seen=ours)
        (setpoint.folder / "stray.yaml").write_text(manifest("1", name=STRAY))
        started = setpoint.run("apply", "-f", "stray.yaml", "--no-wait")
        check("apply --no-wait exits 0", started.status == 0, seen=started)
        require(
            "a second endpoint's replica is starting",
            processes.wait_until(lambda: processes.api_servers() - ours, START_SECONDS),
        )
        stray = processes.api_servers() - ours
        setpoint.kill_plane()
        left = processes.vllm_pids()
        check("every replica outlives the plane", stray and ours | stray <= left, seen=(ours, stray, left))
        forget_endpoint(setpoint.data, STRAY)
        setpoint.serve()
        says(setpoint, "2")
        gone = processes.wait_until(lambda: not stray & processes.vllm_pids(), SWEEP_SECONDS)
        check("the replica of the removed endpoint is stopped", gone, seen=stray & processes.vllm_pids())
        # The stopped replica's child processes exit a moment later; a restarted replica would have other processes.
        adopted = processes.wait_until(lambda: processes.vllm_pids() == ours, SWEEP_SECONDS)
        check("the others are adopted, not restarted", adopted, seen=(ours, processes.vllm_pids()))
        diff = setpoint.run("diff", "-f", FILE)
        check("diff exits 0: the config is live", diff.status == 0, seen=diff)
        check("the removed endpoint does not exist", setpoint.run("get", STRAY, quiet=True).status == 1)


def forget_endpoint(data: pathlib.Path, name: str) -> None:
    """Remove an endpoint from the killed plane's store, as restoring a backup from before its creation would."""
    with contextlib.closing(sqlite3.connect(data / "setpoint.sqlite")) as store, store:
        store.execute("PRAGMA foreign_keys = ON")
        store.execute("DELETE FROM endpoint WHERE name = ?", (name,))


def serve_the_sdks(setpoint: Setpoint, root: pathlib.Path) -> None:
    with setpoint.narrator.step("Serve the Databricks SDK and the OpenAI SDK"):
        run_client(setpoint, root, "clients.py", "--model", MODEL)


def keep_out_strangers(setpoint: Setpoint, root: pathlib.Path) -> None:
    with setpoint.narrator.step("Give a token to a guest, and permissions one level at a time"):
        run_client(setpoint, root, "access.py", "--endpoint", ENDPOINT)


def control_the_endpoint(setpoint: Setpoint, root: pathlib.Path) -> None:
    with setpoint.narrator.step("Set its permissions, limits and notifications, and read its logs and metrics"):
        run_client(setpoint, root, "endpoint_calls.py", "--endpoint", ENDPOINT)


def export_telemetry(setpoint: Setpoint, root: pathlib.Path) -> None:
    with setpoint.narrator.step("Export a plane's telemetry, and read it with OpenTelemetry's own definitions"):
        python = str(setpoint.vllm / "bin/python")
        run_client(setpoint, root, "otlp.py", "--setpoint", str(setpoint.binary), "--python", python)


def run_client(setpoint: Setpoint, root: pathlib.Path, script: str, *arguments: str) -> None:
    """Run a script of Tests/e2e with the SDKs; its lines are checks."""
    narrator = setpoint.narrator
    client = descendants.start(
        [str(root / ".tools/clients/bin/python"), str(root / "Tests/e2e" / script), *arguments],
        env=setpoint.environment | {"DATABRICKS_HOST": setpoint.url, "DATABRICKS_TOKEN": setpoint.token},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    timer = threading.Timer(SDK_SECONDS, client.kill)
    timer.daemon = True
    timer.start()
    for line in client.stdout:
        result, _, claim = line.rstrip().partition(" ")
        if result in ("ok", "FAILED"):
            narrator.check(claim.strip(), result == "ok")
        else:
            narrator.show(line.rstrip())
    narrator.check(f"{script} exits 0", client.wait() == 0, seen=f"exit {client.returncode}")
    timer.cancel()
