"""The gateways: how each is configured and started in front of the upstream, and how it is stopped."""

import contextlib
import http.client
import json
import os
import pathlib
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass

import descendants
from story import processes, standin
from story.manifests import FILE, MODEL, manifest, write
from story.narration import Narrator, StoryFailed
from story.setpoint import Setpoint, free_port

from gatewaybench import upstream

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
TOOLS = ROOT / ".tools/bench-peers/bin"
UPSTREAM = pathlib.Path(upstream.__file__).resolve()
PATH = "/v1/chat/completions"
# Far from the plane's default, and below the ports that the kernel assigns.
FIRST_PORT = 17400
START_SECONDS = 180  # LiteLLM imports for half a minute on a busy machine
STOP_SECONDS = 10
LOG_CHARACTERS = 600
# LiteLLM checks a token, as a plane does. The others ignore it.
TOKEN = f"sk-{secrets.token_hex(16)}"


@dataclass(frozen=True)
class Gateway:
    """A running gateway."""

    name: str
    port: int
    token: str
    pid: int
    starts_replicas: bool = False


@dataclass(frozen=True)
class Place:
    """Where a peer runs: its own folder and port, in front of the upstream's port."""

    folder: pathlib.Path
    port: int
    upstream: int

    def file(self, name: str, text: str) -> str:
        path = self.folder / name
        path.write_text(text)
        return str(path)


def nginx(place: Place) -> list[str]:
    servers = f"""\
  upstream replica {{ server 127.0.0.1:{place.upstream}; keepalive 64; keepalive_requests 1000000000; }}
  server {{
    listen 127.0.0.1:{place.port};
    location / {{
      proxy_pass http://replica;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_buffering off;
    }}
  }}"""
    configuration = place.file("nginx.conf", upstream.nginx_frame(place.folder, "auto", servers))
    return [str(TOOLS / "nginx"), "-e", "stderr", "-p", str(place.folder), "-c", configuration]


def envoy(place: Place) -> list[str]:
    def address(port: int) -> dict:
        return {"address": {"socket_address": {"address": "127.0.0.1", "port_value": port}}}

    def filter_of(name: str, kind: str, **settings: object) -> dict:
        package = f"type.googleapis.com/envoy.extensions.filters.{kind}"
        return {"name": name, "typed_config": {"@type": package, **settings}}

    route = {"match": {"prefix": "/"}, "route": {"cluster": "replica", "timeout": "0s"}}
    connections = filter_of(
        "envoy.filters.network.http_connection_manager",
        "network.http_connection_manager.v3.HttpConnectionManager",
        stat_prefix="bench",
        route_config={"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": [route]}]},
        http_filters=[filter_of("envoy.filters.http.router", "http.router.v3.Router")],
    )
    endpoints = [{"lb_endpoints": [{"endpoint": address(place.upstream)}]}]
    cluster = {
        "name": "replica",
        "type": "STATIC",
        "connect_timeout": "5s",
        "load_assignment": {"cluster_name": "replica", "endpoints": endpoints},
    }
    listener = {"name": "clients", **address(place.port), "filter_chains": [{"filters": [connections]}]}
    document = {"static_resources": {"listeners": [listener], "clusters": [cluster]}}
    configuration = place.file("envoy.json", json.dumps(document, indent=2))
    return [str(TOOLS / "envoy"), "-c", configuration, "--disable-hot-restart", "--log-level", "warning"]


def vllm_router(place: Place) -> list[str]:
    command = [str(TOOLS / "vllm-router"), "--host", "127.0.0.1", "--port", str(place.port), "--policy", "round_robin"]
    command += ["--prometheus-host", "127.0.0.1", "--prometheus-port", str(free_port(place.port + 1))]
    return [*command, "--log-level", "warning", "--worker-urls", f"http://127.0.0.1:{place.upstream}"]


def litellm(place: Place) -> list[str]:
    parameters = {
        "model": f"hosted_vllm/{upstream.MODEL}",
        "api_base": f"http://127.0.0.1:{place.upstream}/v1",
        "api_key": "none",
    }
    document = {"model_list": [{"model_name": upstream.MODEL, "litellm_params": parameters}]}
    configuration = place.file("litellm.yaml", json.dumps(document, indent=2))  # JSON is YAML
    return [str(TOOLS / "litellm"), "--config", configuration, "--host", "127.0.0.1", "--port", str(place.port)]


SETPOINT = "setpoint"
PEERS = {"nginx": nginx, "envoy": envoy, "vllm-router": vllm_router, "litellm": litellm}


def environment() -> dict[str, str]:
    """The environment of the peers: no proxy, and nothing from the network when they start."""
    kept = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    local = {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_TELEMETRY": "False", "LITELLM_LOG": "ERROR"}
    return kept | local | {"LITELLM_MASTER_KEY": TOKEN}


@contextlib.contextmanager
def running(command: list[str], name: str, folder: pathlib.Path, port: int) -> Iterator[subprocess.Popen]:
    """The command, from its first response until the end of the block."""
    log = folder / f"{name}.log"
    with open(log, "ab") as output:
        process = descendants.start(
            command,
            cwd=folder,
            env=environment(),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        told = processes.wait_until(lambda: process.poll() is not None or responds(port), START_SECONDS)
        if not told or process.poll() is not None:
            raise StoryFailed(f"{name} does not respond; its log ends: {log.read_text()[-LOG_CHARACTERS:]!r}")
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()  # what it leaves behind is ended with the bench
            process.wait()


def responds(port: int, token: str = TOKEN) -> bool:
    """Whether a chat request gets an answer."""
    with contextlib.suppress(OSError, http.client.HTTPException, ValueError):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        body = json.dumps({"model": upstream.MODEL, "messages": [{"role": "user", "content": "Say hello."}]})
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {token}"}
        connection.request("POST", PATH, body, headers)
        response = connection.getresponse()
        return response.status == 200 and bool(json.load(response).get("choices"))
    return False


@contextlib.contextmanager
def plane(binary: pathlib.Path, folder: pathlib.Path, narrator: Narrator, replica: list[str]) -> Iterator[Gateway]:
    """A plane with one endpoint and one replica, which is the upstream in place of vLLM."""
    engine = standin.make_environment(folder / "standin", replica)
    model = folder / "model"
    command = [sys.executable, str(ROOT / "scripts/make-model.py"), str(model), "--mlflow", "--say", "Hello"]
    if descendants.start(command, stdout=subprocess.DEVNULL).wait() != 0:
        raise StoryFailed("make-model.py failed")
    with contextlib.closing(Setpoint(binary, folder, engine, narrator)) as setpoint:
        setpoint.serve()
        write(folder, manifest("1", name=upstream.MODEL))
        for words in (["models", "register", MODEL, str(model)], ["apply", "-f", FILE]):
            outcome = setpoint.run(*words, quiet=True)
            narrator.require(f"setpoint {words[0]} exits 0", outcome.status == 0, seen=outcome)
        gateway = Gateway(SETPOINT, setpoint.port, setpoint.token, setpoint.plane.pid, starts_replicas=True)
        answered = processes.wait_until(lambda: responds(gateway.port, gateway.token), START_SECONDS)
        narrator.require("the plane answers", answered, seen=setpoint.log_end())
        yield gateway


@contextlib.contextmanager
def started(
    kind: str, names: list[str], binary: pathlib.Path, folder: pathlib.Path, narrator: Narrator
) -> Iterator[list[Gateway]]:
    """The upstream of that kind, and all gateways in front of it, until the end of the block."""
    folder.mkdir()
    replica = [sys.executable, str(UPSTREAM), kind, str(folder), str(TOOLS / "nginx")]
    with contextlib.ExitStack() as stack:
        upstream_port = free_port(FIRST_PORT)
        stack.enter_context(running([*replica, "--port", str(upstream_port)], "upstream", folder, upstream_port))
        gateways = []
        for name in names:
            began = time.monotonic()
            own = folder / name
            own.mkdir()
            if name == SETPOINT:
                gateway = stack.enter_context(plane(binary, own, narrator, replica))
            else:
                place = Place(own, free_port(FIRST_PORT), upstream_port)
                process = stack.enter_context(running(PEERS[name](place), name, own, place.port))
                gateway = Gateway(name, place.port, TOKEN, process.pid)
            gateways.append(gateway)
            narrator.show(f"{name} responds after {time.monotonic() - began:.1f} s")
        yield gateways
