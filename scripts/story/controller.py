"""`setpoint run` in the background: starting, querying, killing and stopping it."""

import contextlib
import hashlib
import hmac
import http.client
import json
import pathlib
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import descendants

from story.narration import StoryFailed
from story.setpoint import ANSWER_SECONDS, Outcome, Setpoint, free_port

FLEET = "story"
DEFAULT_PORT = 7388
START_SECONDS = 300
# The grace periods of calls in flight and of the listener, and a margin for a busy machine.
STOP_SECONDS = 120
LOOK_EVERY_SECONDS = 0.2
LINES_SHOWN = 12


@dataclass
class Controller:
    """One controller of the fleet; it may be started several times, with the same state, port and log."""

    setpoint: Setpoint
    provider: str  # the provider's address, as the controller sees it
    source: list[str]  # its arguments for the manifest source
    port: int = field(default_factory=lambda: free_port(DEFAULT_PORT))
    process: subprocess.Popen | None = None

    def __post_init__(self) -> None:
        self.folder.mkdir()
        self.hook_secret_file.write_text("a secret between the git host and the controller\n")
        self.hook_secret_file.chmod(0o600)

    @property
    def folder(self) -> pathlib.Path:
        return self.setpoint.folder / "controller"

    @property
    def hook_secret_file(self) -> pathlib.Path:
        return self.folder / "hook-secret"

    @property
    def log(self) -> pathlib.Path:
        return self.folder / "run.log"

    @property
    def variables(self) -> dict[str, str]:
        return {"DATABRICKS_HOST": self.provider, "DATABRICKS_TOKEN": self.setpoint.token}

    # The process

    def start(self, interval: str, *options: str) -> None:
        """Start it and wait until it has read the source and the provider's list."""
        arguments = ["run", *self.source, "--fleet", FLEET, "--interval", interval, *options]
        self.setpoint.narrator.say("    $ setpoint " + " ".join(arguments) + " &")
        arguments += ["--listen", f"127.0.0.1:{self.port}", "--hook-secret-file", str(self.hook_secret_file)]
        with open(self.log, "ab") as log:
            self.process = descendants.start(
                [str(self.setpoint.binary), *arguments],
                cwd=self.setpoint.folder,
                env=self.setpoint.environment | self.variables,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.until("the controller is ready", lambda: self.get("/readyz")[0] == 200, START_SECONDS)

    def kill(self) -> None:
        """Kill it like a crash, without a signal that it could handle."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self) -> int:
        """Stop it as Kubernetes does; returns its exit status."""
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired as late:
            raise StoryFailed(f"the controller still runs {STOP_SECONDS} s after SIGTERM: {self.log_end()}") from late

    def close(self) -> None:
        if self.process and self.process.poll() is None:
            with contextlib.suppress(StoryFailed):
                self.stop()

    def log_end(self) -> str:
        lines = self.log.read_text(errors="replace").strip().split("\n")
        return "\n           ".join(["", *lines[-LINES_SHOWN:]])

    # What it reports

    def get(self, path: str) -> tuple[int, str]:
        """Status and body; status 0 without a response."""
        return self.call("GET", path)

    def call(self, method: str, path: str, body: bytes = b"", headers: dict[str, str] | None = None) -> tuple[int, str]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=ANSWER_SECONDS)
        try:
            connection.request(method, path, body, headers or {})
            response = connection.getresponse()
            return response.status, response.read().decode(errors="replace")
        except (OSError, http.client.HTTPException):
            return 0, ""
        finally:
            connection.close()

    def push_hook(self, secret: str | None = None) -> tuple[int, str]:
        """Report a push as GitHub does, signed with the shared secret unless another is given."""
        body = json.dumps({"ref": "refs/heads/main"}).encode()
        secret = secret or self.hook_secret_file.read_text().strip()
        signature = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
        headers = {
            "Content-Type": "application/json",
            "X-GitHub-Event": "push",
            "X-Hub-Signature-256": f"sha256={signature}",
        }
        return self.call("POST", "/hooks/git", body, headers)

    def fleet_status(self) -> dict:
        status, body = self.get("/status")
        return json.loads(body) if status == 200 else {}

    def status_of(self, name: str) -> dict:
        """Its status of one endpoint; empty if it has none."""
        return next((item for item in self.fleet_status().get("endpoints", []) if item["name"] == name), {})

    def run(self, *arguments: str, quiet: bool = False) -> Outcome:
        """Run a command with the same provider and the same state."""
        return self.setpoint.run(*arguments, quiet=quiet, **self.variables)

    # Waiting

    def until(self, claim: str, condition: Callable[[], object], seconds: float) -> float:
        """Wait until a condition is true; returns the seconds that it took. A timeout ends the story."""
        began = time.monotonic()
        while not condition():
            if self.process.poll() is not None:
                status = self.process.returncode
                raise StoryFailed(f"{claim}; but the controller exited (exit {status}): {self.log_end()}")
            if time.monotonic() - began > seconds:
                raise StoryFailed(f"{claim}; but not within {seconds:.0f} s. {self.said()}")
            time.sleep(LOOK_EVERY_SECONDS)
        passed = time.monotonic() - began
        self.setpoint.narrator.check(f"{claim} ({passed:.1f} s)", True)
        return passed

    def said(self) -> str:
        return f"Its status: {json.dumps(self.fleet_status())}; its log ends: {self.log_end()}"
