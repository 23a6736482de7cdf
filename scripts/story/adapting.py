"""A chapter for the test only: a LoRA adapter made on the spot answers differently from its base model."""

import json
import pathlib
import subprocess
import sys
import urllib.error
import urllib.request

import descendants

from story.chapters import models, sentence
from story.manifests import MODEL
from story.setpoint import Setpoint

ENDPOINT = "adapted-chat"
ADAPTER = "brief"
ADAPTER_MODEL = "main.support.brief"
FILE = "adapted-chat.yaml"
VERSION = "2"
ANSWER_SECONDS = 120
# The plane is on this machine; a proxy of the environment is not used.
DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))

MANIFEST = f"""\
apiVersion: serving.setpoint.dev/v1alpha1
kind: ServingEndpoint
metadata:
  name: {ENDPOINT}
spec:
  model: {MODEL}
  entityVersion: "{VERSION}"
  workloadType: CPU
  engine:
    adapters: [{{name: {ADAPTER}, model: {ADAPTER_MODEL}, version: "1"}}]
"""


def serve_an_adapter(setpoint: Setpoint, root: pathlib.Path) -> None:
    check, require = setpoint.narrator.check, setpoint.narrator.require
    with setpoint.narrator.step("Serve a LoRA adapter beside its base model"):
        folder = make_adapter(setpoint, root)
        registered = setpoint.run("models", "register", ADAPTER_MODEL, str(folder))
        require("an adapter is registered without an entrypoint", registered.status == 0, seen=registered)
        alone = setpoint.run("models", "list", ADAPTER_MODEL)
        check("models list shows it", alone.status == 0 and ADAPTER_MODEL in alone.out, seen=alone)
        (setpoint.folder / FILE).write_text(MANIFEST)
        applied = setpoint.run("apply", "-f", FILE)
        check("apply exits 0: vLLM serves the adapter", applied.status == 0, seen=applied)
        if applied.status == 0:
            ask(setpoint)
        else:
            # What the engine itself says, in case this build of vLLM does not serve adapters.
            setpoint.run("logs", ENDPOINT)
        deleted = setpoint.run("delete", ENDPOINT)
        check("delete exits 0", deleted.status == 0, seen=deleted)


def ask(setpoint: Setpoint) -> None:
    check = setpoint.narrator.check
    whole = sentence(VERSION)
    plain = asked(setpoint, ENDPOINT)
    check("the model answers as before", plain == (200, whole, ENDPOINT), seen=plain)
    name = f"{ENDPOINT}:{ADAPTER}"
    answer = asked(setpoint, name)
    check(f"{name} answers without the first word", answer == (200, whole.split(" ", 1)[1], name), seen=answer)
    unknown = asked(setpoint, f"{ENDPOINT}:other")
    refused = unknown[0] == 404 and name in unknown[1]
    check("an unknown adapter gets 404, which names the others", refused, seen=unknown)
    diff = setpoint.run("diff", "-f", FILE)
    check("diff exits 0: in sync", diff.status == 0, seen=diff)


def make_adapter(setpoint: Setpoint, root: pathlib.Path) -> pathlib.Path:
    folder = setpoint.folder / "models" / ADAPTER
    base = models(setpoint.folder)[VERSION] / "artifacts" / "hello"
    command = [sys.executable, str(root / "scripts/make-adapter.py"), str(folder), "--base", str(base)]
    maker = descendants.start(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    output, _ = maker.communicate()
    setpoint.narrator.require("an adapter is created", maker.returncode == 0, seen=output)
    return folder


def asked(setpoint: Setpoint, model: str) -> tuple[int, str, str | None]:
    """The status, the answer or the error message, and the model that the response names."""
    request = urllib.request.Request(
        f"{setpoint.url}/v1/chat/completions",
        data=json.dumps({"model": model, "messages": [{"role": "user", "content": "Say hello."}]}).encode(),
        headers={"Authorization": f"Bearer {setpoint.token}", "Content-Type": "application/json"},
    )
    try:
        with DIRECT.open(request, timeout=ANSWER_SECONDS) as response:
            body = json.load(response)
            return response.status, body["choices"][0]["message"]["content"].strip(), body["model"]
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)["error"]["message"], None
