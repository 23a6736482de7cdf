"""The chapters of the demo. Each is one step and shows the commands that a user would type, and their results."""

import pathlib
import re
import subprocess
import sys

import descendants
import leftovers

from story import processes
from story.building import install_and_build
from story.manifests import ENDPOINT, FILE, MODEL, manifest, write
from story.narration import Narrator
from story.setpoint import Setpoint
from story.traffic import CLIENTS, Tally, Traffic

# vLLM's log line for truncated weights, and the cause that `apply` must derive from it.
BROKEN_LINE = "incomplete metadata, file not fully covered"
REPLICAS_GONE_SECONDS = 300


def sentence(version: str) -> str:
    return f"Hello from v{version}"


def models(folder: pathlib.Path) -> dict[str, pathlib.Path]:
    return {version: folder / "models" / f"v{version}" for version in ("1", "2", "3")}


def prepare(narrator: Narrator, root: pathlib.Path, binary: pathlib.Path | None) -> pathlib.Path:
    with narrator.step("Install real vLLM and build setpoint in parallel"):
        return install_and_build(narrator, root, binary)


def make_models(narrator: Narrator, root: pathlib.Path, folder: pathlib.Path) -> None:
    with narrator.step("Create three versions of a tiny model; the weights of the third are truncated"):
        for version, path in models(folder).items():
            command = [
                sys.executable,
                str(root / "scripts/make-model.py"),
                str(path),
                "--mlflow",
                "--say",
                sentence(version),
            ]
            # Both common ways to start vLLM.
            command += ["--serve"] if version == "2" else []
            command += ["--broken", "weights"] if version == "3" else []
            maker = descendants.start(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            output, _ = maker.communicate()
            narrator.require(f"version {version} is created", maker.returncode == 0, seen=output)
            narrator.show(output.split("\n")[0])


def start_plane(setpoint: Setpoint) -> None:
    with setpoint.narrator.step("Start the serving plane"):
        setpoint.serve()
        setpoint.narrator.require(f"the plane responds on {setpoint.url}", setpoint.answers())


def register_models(setpoint: Setpoint) -> None:
    with setpoint.narrator.step(f"Register the three versions as {MODEL}"):
        for version, path in models(setpoint.folder).items():
            outcome = setpoint.run("models", "register", MODEL, str(path))
            printed = re.search(rf"\b{version}\b", outcome.out.replace(str(path), ""))
            setpoint.narrator.require(f"it is version {version}", outcome.status == 0 and printed, seen=outcome)
        listed = setpoint.run("models", "list")
        setpoint.narrator.check("models list shows it", listed.status == 0 and MODEL in listed.out, seen=listed)


def register_quietly(setpoint: Setpoint) -> None:
    with setpoint.narrator.step(f"Register the versions of {MODEL}"):
        for version, path in models(setpoint.folder).items():
            registered = setpoint.run("models", "register", MODEL, str(path), quiet=True)
            setpoint.narrator.require(f"version {version} is registered", registered.status == 0, seen=registered)


def apply_first_version(setpoint: Setpoint) -> None:
    check = setpoint.narrator.check
    with setpoint.narrator.step(f"Apply a manifest of {ENDPOINT} at version 1"):
        write(setpoint.folder, manifest("1"))
        for line in manifest("1").splitlines():
            setpoint.narrator.show(line)
        validated = setpoint.run("validate", "-f", FILE)
        check("validate has no findings", validated.status == 0, seen=validated)
        planned = setpoint.run("diff", "-f", FILE)
        check("diff exits 1 and plans a create", planned.status == 1 and "create" in planned.out, seen=planned)
        applied = setpoint.run("apply", "-f", FILE)
        setpoint.narrator.require("apply exits 0", applied.status == 0, seen=applied)


def chat(setpoint: Setpoint) -> None:
    with setpoint.narrator.step("Query it"):
        says(setpoint, "1")
        streamed = setpoint.run("query", ENDPOINT, "Say hello.", "--stream")
        setpoint.narrator.check(
            f"the streamed answer is {sentence('1')!r} too",
            streamed.status == 0 and streamed.out.strip() == sentence("1"),
            seen=streamed,
        )
        setpoint.run("get")


def says(setpoint: Setpoint, version: str) -> None:
    asked = setpoint.run("query", ENDPOINT, "Say hello.")
    setpoint.narrator.check(
        f"it answers {sentence(version)!r}", asked.status == 0 and asked.out.strip() == sentence(version), seen=asked
    )


def show_empty_diff(setpoint: Setpoint) -> None:
    with setpoint.narrator.step("Show that there are no changes left"):
        outcome = setpoint.run("diff", "-f", FILE)
        setpoint.narrator.check("diff exits 0: in sync", outcome.status == 0, seen=outcome)


def replace_under_traffic(setpoint: Setpoint) -> None:
    check = setpoint.narrator.check
    with setpoint.narrator.step("Change the manifest to version 2 and apply it under load"):
        write(setpoint.folder, manifest("2"))
        planned = setpoint.run("diff", "-f", FILE)
        check("diff exits 1 and plans an update", planned.status == 1 and "update" in planned.out, seen=planned)
        with Traffic(setpoint.port, setpoint.token, ENDPOINT) as tally:
            applied = setpoint.run("apply", "-f", FILE)
        setpoint.narrator.show(str(tally))
        setpoint.narrator.require("apply exits 0", applied.status == 0, seen=applied)
        every_request_answered(setpoint.narrator, tally)
        check(
            "version 1 answered until version 2 did", set(tally.answers) == {sentence("1"), sentence("2")}, seen=tally
        )
        check("the last answer is version 2's", tally.last == sentence("2"), seen=tally.last)
        says(setpoint, "2")


def roll_back_broken_version(setpoint: Setpoint) -> None:
    check = setpoint.narrator.check
    with setpoint.narrator.step("Apply the broken version 3 under load: it is rolled back"):
        write(setpoint.folder, manifest("3"))
        with Traffic(setpoint.port, setpoint.token, ENDPOINT) as tally:
            applied = setpoint.run("apply", "-f", FILE)
        setpoint.narrator.show(str(tally))
        check("apply exits 1", applied.status == 1, seen=applied)
        check("it reports the weights as the cause", "weights" in applied.text.lower(), seen=applied)
        check("it quotes vLLM's log line", BROKEN_LINE in applied.text, seen=applied)
        every_request_answered(setpoint.narrator, tally)
        check("version 2 answered all requests", set(tally.answers) == {sentence("2")}, seen=tally)
        says(setpoint, "2")
        held = setpoint.run("diff", "-f", FILE)
        check("diff exits 1 and gives the reason why nothing is sent", held.status == 1, seen=held)
        check("it says hold (quarantined)", "hold (quarantined)" in held.text, seen=held)


def every_request_answered(narrator: Narrator, tally: Tally) -> None:
    narrator.check("requests were sent", tally.meanwhile >= CLIENTS, seen=f"{tally.meanwhile} of {tally.sent}")
    answered = sum(tally.answers.values())
    narrator.check(
        f"{tally.sent} requests sent, 0 failed",
        not tally.failures and answered == tally.sent,
        seen=tally.failures[:3] or f"{answered} answers",
    )


def show_history(setpoint: Setpoint) -> None:
    with setpoint.narrator.step("Show the history"):
        outcome = setpoint.run("history", ENDPOINT)
        setpoint.narrator.check("history exits 0", outcome.status == 0, seen=outcome)
        revisions = [line for line in outcome.out.splitlines() if re.match(r"\s*\d+\b", line)]
        setpoint.narrator.check("it lists the three revisions", len(revisions) >= 3, seen=outcome)


def stop_everything(setpoint: Setpoint, watch: leftovers.SharedMemoryWatch) -> None:
    check = setpoint.narrator.check
    with setpoint.narrator.step("Delete the endpoint, stop the plane, and check for anything left behind"):
        deleted = setpoint.run("delete", ENDPOINT)
        check("delete exits 0", deleted.status == 0, seen=deleted)
        check("its replicas exit", processes.wait_until(lambda: not processes.vllm_pids(), REPLICAS_GONE_SECONDS))
        status = setpoint.stop_plane()
        check("the plane stops with exit 0", status == 0, seen=f"exit {status}; {setpoint.log_end()}")
        left = leftovers.leftovers(watch)
        check("no process, no port, nothing in /dev/shm is left", not left, seen=left)
