#!/usr/bin/env python3
"""Setpoint looks versions up in a real MLflow server, and a plane serves them from there.

    mlflow_registry.py --setpoint .build/debug/setpoint --workspace .build/debug/workspace-double

Starts MLflow's server, the test workspace and a plane on free ports of this machine. The plane's engine is the stand-in
for vLLM, or with --python that of an environment with vLLM. Prints one line per check, `ok ...` or `FAILED ...`, and
exits with 1 if any failed. Requires scripts/clients.txt.
"""

import argparse
import contextlib
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time
import traceback
import urllib.request

import mlflow

from claims import check, exit_status

ROOT = pathlib.Path(__file__).resolve().parents[2]
MODEL = "main.support.qwen3"
SERVED = "main.support.hello"
ENDPOINT = "registry-chat"
TOKEN = "dapi-secret-token"
VERSIONS = 10

# The application of `mlflow server` in a minimal server: the command itself also starts workers and job runners, which
# are not needed here.
SERVER = """
import os, sys
os.environ.update({name: sys.argv[1] for name in ["_MLFLOW_SERVER_FILE_STORE", "_MLFLOW_SERVER_REGISTRY_STORE"]})
os.environ.update({
    "_MLFLOW_SERVER_ARTIFACT_ROOT": "mlflow-artifacts:/",
    "_MLFLOW_SERVER_ARTIFACT_DESTINATION": sys.argv[2],
    "_MLFLOW_SERVER_SERVE_ARTIFACTS": "true",
})
from mlflow.server import app
from werkzeug.serving import make_server
server = make_server("127.0.0.1", 0, app)
print(f"http://127.0.0.1:{server.server_port}", flush=True)
server.serve_forever()
"""


@contextlib.contextmanager
def server(*command: str, **options):
    """A program that prints its address once it listens."""
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, **options) as process:
        try:
            yield process.stdout.readline().strip()
        finally:
            process.terminate()


class Registry:
    """The REST calls of MLflow that fill a registry."""

    def __init__(self, address: str) -> None:
        self.address = address

    def post(self, call: str, **body: str) -> dict:
        request = urllib.request.Request(
            f"{self.address}/api/2.0/mlflow/{call}",
            data=json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)

    def fill(self) -> None:
        self.post("registered-models/create", name=MODEL)
        for _ in range(VERSIONS):
            self.post("model-versions/create", name=MODEL, source="s3://bucket/model")
        self.set_alias("champion", "2")

    def set_alias(self, alias: str, version: str, model: str = MODEL) -> None:
        self.post("registered-models/alias", name=model, alias=alias, version=version)

    def log(self, sentence: str, folder: pathlib.Path) -> str:
        """Logs a model that answers the sentence, with MLflow's own client, and registers it. Returns the version."""
        make = [sys.executable, str(ROOT / "scripts/make-model.py"), str(folder), "--say", sentence, "--mlflow"]
        subprocess.run(make, check=True, stdout=subprocess.DEVNULL, timeout=120)
        (folder / "artifacts/hello/say.txt").write_text(sentence)  # the stand-in's answer
        mlflow.set_tracking_uri(self.address)
        client = mlflow.MlflowClient()
        with mlflow.start_run() as run:
            mlflow.log_artifacts(str(folder), "model")
        with contextlib.suppress(mlflow.exceptions.MlflowException):  # it exists from the second version on
            client.create_registered_model(SERVED)
        return client.create_model_version(SERVED, f"{run.info.artifact_uri}/model", run.info.run_id).version


class Setpoint:
    """The program, with its own manifest and state directory."""

    def __init__(self, program: str, folder: pathlib.Path, **variables: str) -> None:
        self.program = program
        self.folder = folder
        folder.mkdir(mode=0o700)
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("DATABRICKS_", "SETPOINT_"))}
        self.environment = kept | {"NO_COLOR": "1"} | variables

    def run(self, command: str, version: str, model: str = MODEL) -> tuple[int, str]:
        """Returns the exit code and all output."""
        manifest = self.folder / "chat.yaml"
        manifest.write_text(
            "apiVersion: serving.setpoint.dev/v1alpha1\n"
            "kind: ServingEndpoint\n"
            f"metadata: {{name: {ENDPOINT}}}\n"
            "spec: {\n"
            f'  model: {model}, entityVersion: "{version}", workloadType: CPU, size: Small, scaleToZero: false\n'
            "}\n"
        )
        return self.command(command, "-f", str(manifest), "--state", str(self.folder / "state"))

    def command(self, *words: str) -> tuple[int, str]:
        """Returns the exit code and all output."""
        ended = subprocess.run(
            [self.program, *words],
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=600,
        )
        return ended.returncode, ended.stdout

    @contextlib.contextmanager
    def plane(self, *options: str):
        """A serving plane that commands find by its runtime file."""
        log = self.folder / "plane.log"
        with open(log, "w") as output:
            command = [self.program, "serve", "--data", str(self.folder / "data"), "--port", "0", *options]
            plane = subprocess.Popen(command, env=self.environment, stdout=output, stderr=subprocess.STDOUT)
        try:
            deadline = time.monotonic() + 120
            while "listens on" not in log.read_text():
                if plane.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError(f"the plane did not start: {log.read_text()}")
                time.sleep(0.1)
            yield log
        finally:
            plane.terminate()
            plane.wait(timeout=120)


def look_up(setpoint: Setpoint, registry: Registry) -> None:
    code, said = setpoint.run("diff", "@champion")
    pinned = "@champion is version 2" in said
    check("an alias is pinned to the version in MLflow", code == 1 and pinned, said)
    code, said = setpoint.run("diff", "latest")
    check("latest is the highest number", code == 1 and f"latest is version {VERSIONS}" in said, said)
    code, said = setpoint.run("diff", "@nobody")
    words = f"{MODEL} has no alias @nobody"
    told = words in said and "use @champion" in said
    check("a missing alias is reported with MLflow's message and the existing aliases", told, said)
    check("and makes the plan incomplete", code == 2, code)
    code, said = setpoint.run("diff", "latest", model="main.support.nothing")
    check("a missing model has a different message", code == 2 and "no registered model" in said, said)

    code, said = setpoint.run("apply", "@champion")
    check("apply serves the version that the alias points to", code == 0, said)
    registry.set_alias("champion", "4")
    code, said = setpoint.run("apply", "@champion")
    moved = f"the alias @champion of {MODEL} moved from version 2 to 4"
    check("and rolls out the version that it moves to", code == 0 and moved in said, said)
    code, said = setpoint.run("diff", "@champion")
    check("then there are no changes", code == 0, said)
    code, said = setpoint.run("apply", str(VERSIONS + 1))
    check("a version that does not exist is never sent", code == 1 and f"has no version {VERSIONS + 1}" in said, said)


def make_standin(folder: pathlib.Path) -> pathlib.Path:
    """An interpreter whose vLLM is the stand-in."""
    python = folder / "standin"
    python.write_text(f'#!/bin/sh\nPYTHONPATH={ROOT / "Tests/Support"} exec {sys.executable} "$@"\n')
    python.chmod(0o755)
    return python


def serve(setpoint: Setpoint, registry: Registry, folder: pathlib.Path, python: str) -> None:
    first = registry.log("Hello from one", folder / "model-1")
    registry.set_alias("champion", first, SERVED)
    with setpoint.plane("--registry", f"mlflow:{registry.address}", "--python", python) as log:
        code, said = setpoint.command("models", "list", SERVED)
        listed = SERVED in said and "@champion" in said
        check("a plane lists the models of its MLflow server", code == 0 and listed, said)
        code, said = setpoint.run("apply", "@champion", model=SERVED)
        check("a version that MLflow logged is served by its alias", code == 0, f"{said}\n{log.read_text()}")
        code, said = setpoint.command("query", ENDPOINT, "Hi")
        check("and answers from the downloaded artifacts", code == 0 and "Hello from one" in said, said)

        second = registry.log("Hello from two", folder / "model-2")
        registry.set_alias("champion", second, SERVED)
        code, said = setpoint.run("apply", "@champion", model=SERVED)
        moved = f"the alias @champion of {SERVED} moved from version {first} to {second}"
        check("moving the alias rolls the endpoint", code == 0 and moved in said, f"{said}\n{log.read_text()}")
        code, said = setpoint.command("query", ENDPOINT, "Hi")
        check("to the new version", code == 0 and "Hello from two" in said, said)

        code, said = setpoint.command("models", "register", SERVED, str(folder / "model-1"))
        check("models are registered in MLflow, not on the plane", code == 1 and "use MLflow" in said, said)
        code, said = setpoint.run("apply", "1", model=MODEL)
        told = "does not pass on" in said
        check("artifacts that the server does not pass on are reported with what to do", code == 1 and told, said)


def main() -> int:
    parser = argparse.ArgumentParser(description="Look versions up in a real MLflow server, and serve them from there.")
    parser.add_argument("--setpoint", required=True, help="the program setpoint")
    parser.add_argument("--workspace", required=True, help="the program workspace-double")
    parser.add_argument("--python", help="the Python of an environment with vLLM (default: the stand-in for vLLM)")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        command = [sys.executable, "-c", SERVER, f"sqlite:///{folder / 'mlflow.db'}", str(folder / "artifacts")]
        try:
            with (
                server(*command, cwd=folder, stderr=subprocess.DEVNULL) as address,
                server(arguments.workspace, "--port", "0") as workspace,
            ):
                registry = Registry(address)
                registry.fill()
                program = os.path.abspath(arguments.setpoint)
                variables = {"DATABRICKS_HOST": workspace, "DATABRICKS_TOKEN": TOKEN}
                remote = Setpoint(program, folder / "workspace", SETPOINT_REGISTRY=f"mlflow:{address}", **variables)
                look_up(remote, registry)
                run = folder / "run"
                run.mkdir(mode=0o700)
                local = Setpoint(program, folder / "plane", XDG_RUNTIME_DIR=str(run))
                serve(local, registry, folder, arguments.python or str(make_standin(folder)))
        except Exception as error:  # a server that does not start is a failed check too, printed with its location
            traceback.print_exc(file=sys.stdout)
            check("the lookups finish", False, error)
    return exit_status()


if __name__ == "__main__":
    sys.exit(main())
