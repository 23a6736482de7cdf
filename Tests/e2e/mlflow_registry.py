#!/usr/bin/env python3
"""Setpoint looks versions up in a real MLflow server.

    mlflow_registry.py --setpoint .build/debug/setpoint --workspace .build/debug/workspace-double

Starts MLflow's server and the test workspace on free ports of this machine. Prints one line per check, `ok ...` or
`FAILED ...`, and exits with 1 if any failed. Requires scripts/clients.txt.
"""

import argparse
import contextlib
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import traceback
import urllib.request

from claims import check, exit_status

MODEL = "main.support.qwen3"
TOKEN = "dapi-secret-token"
VERSIONS = 10

# The application of `mlflow server` in a minimal server: the command itself also starts workers and job runners, which
# are not needed here.
SERVER = """
import os, sys
os.environ.update({name: sys.argv[1] for name in ["_MLFLOW_SERVER_FILE_STORE", "_MLFLOW_SERVER_REGISTRY_STORE"]})
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

    def set_alias(self, alias: str, version: str) -> None:
        self.post("registered-models/alias", name=MODEL, alias=alias, version=version)


class Setpoint:
    """The program, with its own manifest and state directory."""

    def __init__(self, program: str, workspace: str, registry: str, folder: pathlib.Path) -> None:
        self.program = program
        self.folder = folder
        self.environment = os.environ | {
            "DATABRICKS_HOST": workspace,
            "DATABRICKS_TOKEN": TOKEN,
            "SETPOINT_REGISTRY": f"mlflow:{registry}",
            "NO_COLOR": "1",
        }

    def run(self, command: str, version: str, model: str = MODEL) -> tuple[int, str]:
        """Returns the exit code and all output."""
        manifest = self.folder / "chat.yaml"
        manifest.write_text(
            "apiVersion: serving.setpoint.dev/v1alpha1\n"
            "kind: ServingEndpoint\n"
            "metadata: {name: registry-chat}\n"
            "spec: {\n"
            f'  model: {model}, entityVersion: "{version}", workloadType: CPU, size: Small, scaleToZero: false\n'
            "}\n"
        )
        ended = subprocess.run(
            [self.program, command, "-f", str(manifest), "--state", str(self.folder / "state")],
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=120,
        )
        return ended.returncode, ended.stdout


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


def main() -> int:
    parser = argparse.ArgumentParser(description="Look versions up in a real MLflow server.")
    parser.add_argument("--setpoint", required=True, help="the program setpoint")
    parser.add_argument("--workspace", required=True, help="the program workspace-double")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        store = f"sqlite:///{folder / 'mlflow.db'}"
        try:
            with (
                server(sys.executable, "-c", SERVER, store, cwd=folder, stderr=subprocess.DEVNULL) as mlflow,
                server(arguments.workspace, "--port", "0") as workspace,
            ):
                registry = Registry(mlflow)
                registry.fill()
                look_up(Setpoint(os.path.abspath(arguments.setpoint), workspace, mlflow, folder), registry)
        except Exception as error:  # a server that does not start is a failed check too, printed with its location
            traceback.print_exc(file=sys.stdout)
            check("the lookups finish", False, error)
    return exit_status()


if __name__ == "__main__":
    sys.exit(main())
