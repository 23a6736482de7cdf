#!/usr/bin/env python3
"""Checks the objects of a rendered kustomization. Prints one line per finding, or one line if there are none.

    pod-rules.py FOLDER OBJECTS TYPED SECRETS [--setpoint BINARY]

FOLDER is the kustomization's, for messages. The other files contain sequences of JSON documents: all objects; the
workloads as kubectl's own types read them; and the example Secrets. scripts/check-manifests.sh creates them.
"""

import argparse
import json
import pathlib
import re
import subprocess
import sys
from collections.abc import Iterator

SECRETS = pathlib.Path("manifests/controller/secret.example.yaml")
STATE_FOLDER = "/var/lib/setpoint"
# The only writable paths: the root file system is read-only.
WRITABLE = {STATE_FOLDER: "persistentVolumeClaim", "/tmp": "emptyDir"}
# Seconds.
LONGEST_HANG = 40
# A variable with such a name takes its value from a Secret.
SECRET_WORDS = re.compile(r"token|secret|password", re.IGNORECASE)


def documents(path: pathlib.Path) -> list[dict]:
    decoder, text, found = json.JSONDecoder(), path.read_text().strip(), []
    while text:
        value, end = decoder.raw_decode(text)
        found.append(value)
        text = text[end:].strip()
    return found


def at(value: object, path: str) -> object:
    """The value at a path such as `spec.template`; None if part of the path is missing."""
    for step in path.split("."):
        value = value.get(step) if isinstance(value, dict) else None
    return value


def lost(written: object, typed: object, path: str) -> Iterator[str]:
    """The paths that kubectl's types do not know."""
    if isinstance(written, dict):
        for key, value in written.items():
            if not isinstance(typed, dict) or key not in typed:
                yield f"{path}.{key}"
            else:
                yield from lost(value, typed[key], f"{path}.{key}")
    elif isinstance(written, list) and isinstance(typed, list):
        for number, (before, after) in enumerate(zip(written, typed)):
            yield from lost(before, after, f"{path}[{number}]")


def misspelt(objects: list[dict], typed: list[dict]) -> Iterator[str]:
    known = {(item["kind"], item["metadata"]["name"]): item for item in typed}
    for item in objects:
        if item["kind"] == "Deployment":
            reading = known.get((item["kind"], item["metadata"]["name"]))
            for path in lost(item["spec"], reading and reading["spec"], "spec"):
                yield f"Deployment {item['metadata']['name']}: Kubernetes does not know the field {path} (or its value)"


def seconds_to_end(container: dict, pod: dict) -> int:
    """The maximum time from when a container hangs until it is killed; a hung container ignores SIGTERM."""
    probe = container.get("livenessProbe") or {}
    grace = probe.get("terminationGracePeriodSeconds", pod.get("terminationGracePeriodSeconds", 30))
    period = probe.get("periodSeconds", 10)
    # The last failing probe ends with its timeout, or with the next period if that is shorter.
    return period * probe.get("failureThreshold", 3) + probe.get("timeoutSeconds", 1) + grace


def demands(container: dict, pod: dict, deployment: dict) -> Iterator[tuple[str, bool]]:
    """Each rule as text, and whether it is met."""
    context, limits = container.get("securityContext", {}), container.get("resources", {})
    yield "one replica", at(deployment, "spec.replicas") == 1
    yield "the old pod ends before the new one starts (strategy Recreate)", (
        at(deployment, "spec.strategy.type") == "Recreate"
    )
    yield "runs as a non-root user", (
        at(pod, "securityContext.runAsNonRoot") is True
        and (at(pod, "securityContext.runAsUser") or 0) > 0
        and (at(pod, "securityContext.runAsGroup") or 0) > 0
    )
    yield "its volumes belong to its group", (
        at(pod, "securityContext.fsGroup") == at(pod, "securityContext.runAsGroup")
    )
    yield "seccomp profile RuntimeDefault", at(pod, "securityContext.seccompProfile.type") == "RuntimeDefault"
    yield "no token for the cluster's API", pod.get("automountServiceAccountToken") is False
    yield "no variables for Services", pod.get("enableServiceLinks") is False
    yield "enough time to stop", (pod.get("terminationGracePeriodSeconds") or 0) >= 30
    yield "read-only root file system", context.get("readOnlyRootFilesystem") is True
    yield "no privilege escalation", context.get("allowPrivilegeEscalation") is False
    yield "all capabilities dropped", at(context, "capabilities.drop") == ["ALL"] and "add" not in context.get(
        "capabilities", {}
    )
    yield "nothing privileged", not any(
        [context.get("privileged"), pod.get("hostNetwork"), pod.get("hostPID"), pod.get("hostIPC")]
    )
    yield "CPU and memory requests, a memory limit", {"cpu", "memory"} <= set(
        limits.get("requests", {})
    ) and "memory" in limits.get("limits", {})
    yield "a liveness probe for /healthz", at(container, "livenessProbe.httpGet.path") == "/healthz"
    yield "a startup probe for /healthz", at(container, "startupProbe.httpGet.path") == "/healthz"
    yield "a hung controller is killed within 40 seconds", seconds_to_end(container, pod) <= LONGEST_HANG
    yield "the fleet is named for every command (SETPOINT_FLEET)", any(
        variable["name"] == "SETPOINT_FLEET" and variable.get("value") for variable in container.get("env", [])
    )
    yield "a readiness probe for /readyz", at(container, "readinessProbe.httpGet.path") == "/readyz"
    yield "the first argument is run", (container.get("args") or [None])[0] == "run" and "command" not in container
    yield "an image with a tag", re.search(r":[\w.-]+$", container.get("image", "")) is not None


def broken_rules(deployment: dict) -> Iterator[str]:
    pod = at(deployment, "spec.template.spec") or {}
    containers = pod.get("containers") or []
    if len(containers) != 1 or pod.get("initContainers"):
        yield "it should have one container"
    for container in containers:
        for rule, holds in demands(container, pod, deployment):
            if not holds:
                yield f"missing: {rule}"
        yield from broken_mounts(container, pod)


def broken_mounts(container: dict, pod: dict) -> Iterator[str]:
    volumes = {volume["name"]: volume for volume in pod.get("volumes", [])}
    mounts = container.get("volumeMounts", [])
    for mount in mounts:
        volume = volumes.get(mount["name"])
        if volume is None:
            yield f"{mount['mountPath']} has no volume {mount['name']}"
        elif kind := WRITABLE.get(mount["mountPath"]):
            if kind not in volume:
                yield f"{mount['mountPath']} should be on a volume of type {kind}"
        elif not mount.get("readOnly"):
            yield f"{mount['mountPath']} is writable"
        if volume and "secret" in volume and (volume["secret"].get("defaultMode") or 0o644) & 0o337:
            yield f"{mount['mountPath']} contains secrets that others can read"
    for path in WRITABLE.keys() - {mount["mountPath"] for mount in mounts}:
        yield f"nothing is mounted at {path}"
    for name in volumes.keys() - {mount["name"] for mount in mounts}:
        yield f"volume {name} is not mounted"


def secrets_asked_for(pod: dict) -> Iterator[tuple[str, str]]:
    """The name and key of each Secret that a pod reads; if a Secret is mounted whole, the keys that arguments name."""
    volumes = {volume["name"]: volume["secret"] for volume in pod.get("volumes", []) if "secret" in volume}
    for container in pod.get("containers", []):
        for variable in container.get("env", []):
            if reference := at(variable, "valueFrom.secretKeyRef"):
                yield reference["name"], reference["key"]
        for mount in container.get("volumeMounts", []):
            secret = volumes.get(mount["name"])
            if secret and "items" in secret:
                yield from ((secret["secretName"], item["key"]) for item in secret["items"])
            elif secret:
                inside = f"={mount['mountPath']}/"
                files = [word.partition(inside)[2] for word in container.get("args", []) if inside in word]
                yield from ((secret["secretName"], name) for name in files)


def undocumented_secrets(deployment: dict, secrets: list[dict], example: str) -> Iterator[str]:
    known = {secret["metadata"]["name"]: secret.get("stringData", {}) for secret in secrets}
    for name, key in secrets_asked_for(at(deployment, "spec.template.spec") or {}):
        if name not in known:
            yield f"the example Secrets have no {name}"
        elif key not in known[name] and f"# {key}:" not in example:
            yield f"the example Secret {name} has no key {key}"


def spelled_out_secrets(deployment: dict) -> Iterator[str]:
    for container in at(deployment, "spec.template.spec.containers") or []:
        for variable in container.get("env", []):
            # A file name is not a secret.
            named = variable["name"].removesuffix("_FILEPATH")
            if named == variable["name"] and SECRET_WORDS.search(named) and "value" in variable:
                yield f"{variable['name']} is set in the manifest; move it to a Secret"


def ports_without_target(objects: list[dict], deployment: dict) -> Iterator[str]:
    labels = at(deployment, "spec.template.metadata.labels") or {}
    names = {
        port["name"]: port["containerPort"]
        for container in at(deployment, "spec.template.spec.containers") or []
        for port in container.get("ports", [])
    }
    arguments = [word for each in at(deployment, "spec.template.spec.containers") or [] for word in each["args"]]
    for name, port in names.items():
        if f"--listen=0.0.0.0:{port}" not in arguments:
            yield f"port {name} is {port}, but no argument is --listen=0.0.0.0:{port}"
    for service in (item for item in objects if item["kind"] == "Service"):
        if not at(service, "spec.selector").items() <= labels.items():
            yield f"Service {service['metadata']['name']} selects other pods"
        for port in at(service, "spec.ports"):
            if port["targetPort"] not in names:
                yield f"Service {service['metadata']['name']}: no port {port['targetPort']} in the pod"


def unknown_arguments(deployment: dict, binary: pathlib.Path) -> Iterator[str]:
    helped = subprocess.run([binary, "help", "run"], capture_output=True, text=True, timeout=60)
    known = set(re.findall(r"--[a-z][a-z-]*", helped.stdout))
    for container in at(deployment, "spec.template.spec.containers") or []:
        for word in container.get("args", [])[1:]:
            if word.partition("=")[0] not in known:
                yield f"setpoint run has no option {word.partition('=')[0]}"


def findings(arguments: argparse.Namespace) -> Iterator[str]:
    objects, secrets = documents(arguments.objects), documents(arguments.secrets)
    example = SECRETS.read_text()
    yield from misspelt(objects, documents(arguments.typed))
    for item in objects:
        if "kind" not in item or not at(item, "metadata.name") or at(item, "metadata.namespace") != "setpoint":
            yield f"an object without kind, name or namespace: {json.dumps(item)[:80]}"
        if item.get("kind") == "Secret":
            yield "the objects include a Secret; it would be applied with the example's values"
        if item.get("kind") == "ServiceAccount" and item.get("automountServiceAccountToken") is not False:
            yield f"ServiceAccount {item['metadata']['name']}: its token is mounted"
    deployments = [item for item in objects if item.get("kind") == "Deployment"]
    if not deployments:
        yield "no Deployment"
    for deployment in deployments:
        yield from broken_rules(deployment)
        yield from spelled_out_secrets(deployment)
        yield from undocumented_secrets(deployment, secrets, example)
        yield from ports_without_target(objects, deployment)
        if arguments.setpoint:
            yield from unknown_arguments(deployment, arguments.setpoint)


def main() -> int:
    parser = argparse.ArgumentParser(description="Check the objects of a rendered kustomization.")
    parser.add_argument("folder")
    parser.add_argument("objects", type=pathlib.Path)
    parser.add_argument("typed", type=pathlib.Path)
    parser.add_argument("secrets", type=pathlib.Path)
    parser.add_argument("--setpoint", type=pathlib.Path, help="check the arguments against this binary's help")
    arguments = parser.parse_args()
    found = [f"{arguments.folder}: {words}" for words in findings(arguments)]
    for line in found or [f"{arguments.folder}: ok ({len(documents(arguments.objects))} objects)"]:
        print(line)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
