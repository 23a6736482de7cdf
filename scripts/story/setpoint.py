"""setpoint as a user runs it: commands at a prompt, and its serving plane in the background."""

import contextlib
import http.client
import os
import pathlib
import signal
import socket
import subprocess
import threading
from dataclasses import dataclass, field

import descendants

from story import processes
from story.narration import Narrator, StoryFailed

DEFAULT_PORT = 7387
PORTS_TRIED = 200
# Conditions usually become true within a second or a minute. The limits are for a busy machine.
COMMAND_SECONDS = 900
ANSWER_SECONDS = 60
PLANE_START_SECONDS = 300
PLANE_STOP_SECONDS = 300


@dataclass
class Outcome:
    """The result of a command."""

    status: int
    out: str
    err: str

    @property
    def text(self) -> str:
        return self.out + self.err

    def __str__(self) -> str:
        return f"exit {self.status}, {' / '.join(self.text.split(chr(10)))[-600:]!r}"


@dataclass
class Setpoint:
    """The binary, run in the story's directory, which also contains its state, runtime files and configuration."""

    binary: pathlib.Path
    folder: pathlib.Path
    vllm: pathlib.Path  # the virtual environment with the `python` that the entrypoints use
    narrator: Narrator
    port: int = 0
    plane: subprocess.Popen | None = None
    environment: dict[str, str] = field(default_factory=dict)
    options: list[str] = field(default_factory=list)  # of `setpoint serve`, from its next start on

    def __post_init__(self) -> None:
        runtime, state = self.folder / "run", self.folder / "state"
        for path in (runtime, state):
            path.mkdir(mode=0o700, parents=True)
        # Only the story's own settings may select the provider.
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("DATABRICKS_", "SETPOINT_"))}
        self.environment = kept | {
            "PATH": f"{self.vllm / 'bin'}:{self.binary.parent}:{os.environ['PATH']}",
            "XDG_RUNTIME_DIR": str(runtime),
            "XDG_STATE_HOME": str(state),
            "NO_COLOR": "1",
        }

    # Commands

    def run(self, *arguments: str, quiet: bool = False, **variables: str) -> Outcome:
        """Run one command to its end, showing it and its output line by line unless quiet."""
        if not quiet:
            self.narrator.say("    $ setpoint " + " ".join(f"'{word}'" if " " in word else word for word in arguments))
        process = descendants.start(
            [str(self.binary), *arguments],
            cwd=self.folder,
            env=self.environment | variables,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
        )
        timer = threading.Timer(COMMAND_SECONDS, process.kill)
        timer.daemon = True  # so that an interrupted story does not wait for it
        timer.start()
        captured: dict[str, list[str]] = {"out": [], "err": []}
        readers = [
            threading.Thread(target=self._read, args=(stream, captured[name], quiet), daemon=True)
            for name, stream in (("out", process.stdout), ("err", process.stderr))
        ]
        for reader in readers:
            reader.start()
        for reader in readers:
            reader.join()
        status = process.wait()
        timer.cancel()
        return Outcome(status, "".join(captured["out"]), "".join(captured["err"]))

    def _read(self, stream, lines: list[str], quiet: bool) -> None:
        for line in stream:
            lines.append(line)
            if not quiet:
                self.narrator.show(line.rstrip())

    def apply(self, name: str, manifest: str, *options: str, quiet: bool = False) -> Outcome:
        """Write the manifest into a file with the endpoint's name, and apply it."""
        path = self.folder / f"{name}.yaml"
        path.write_text(manifest)
        return self.run("apply", "-f", str(path), *options, quiet=quiet)

    # The plane

    @property
    def data(self) -> pathlib.Path:
        return self.folder / "plane"

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def token(self) -> str:
        return (self.data / "token").read_text().strip()

    @property
    def log(self) -> pathlib.Path:
        return self.folder / "serve.log"

    def serve(self) -> None:
        """Start the plane and wait until it responds; the chosen port is kept across restarts."""
        self.port = self.port or free_port(DEFAULT_PORT)
        arguments = ["serve", "--data", str(self.data), "--listen", f"127.0.0.1:{self.port}", *self.options]
        self.narrator.say("    $ setpoint " + " ".join(arguments) + " &")
        with open(self.log, "ab") as log:
            self.plane = descendants.start(
                [str(self.binary), *arguments],
                cwd=self.folder,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        told = processes.wait_until(lambda: self.plane.poll() is not None or self.answers(), PLANE_START_SECONDS)
        if not told or self.plane.poll() is not None:
            raise StoryFailed(f"the plane does not respond on {self.url}; its log ends: {self.log_end()}")

    def answers(self) -> bool:
        return self.status_of("/api/2.0/serving-endpoints") == 200

    def status_of(self, path: str, token: str | None = None) -> int:
        """The HTTP status of a GET, with the plane's token unless another is given; 0 without a response."""
        return self.get(path, token)[0]

    def get(self, path: str, token: str | None = None) -> tuple[int, str]:
        """The same, with the body."""
        try:
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=ANSWER_SECONDS)
            connection.request("GET", path, headers={"Authorization": f"Bearer {token or self.token}"})
            with contextlib.closing(connection), connection.getresponse() as response:
                return response.status, response.read().decode(errors="replace")
        except (OSError, http.client.HTTPException):
            return 0, ""

    def log_end(self) -> str:
        return " / ".join(self.log.read_text(errors="replace").strip().split("\n")[-5:])

    def kill_plane(self) -> None:
        """Kill it like a crash, without a signal that it could handle."""
        self.plane.send_signal(signal.SIGKILL)
        self.plane.wait()

    def stop_plane(self) -> int:
        """Stop it as a user does; returns its exit status."""
        self.plane.send_signal(signal.SIGTERM)
        try:
            return self.plane.wait(PLANE_STOP_SECONDS)
        except subprocess.TimeoutExpired as late:
            raise StoryFailed(f"the plane still runs {PLANE_STOP_SECONDS} s after SIGTERM: {self.log_end()}") from late

    def close(self) -> None:
        """Stop the plane gracefully, if it is running, so that it stops its replicas and removes their files."""
        if self.plane and self.plane.poll() is None:
            with contextlib.suppress(StoryFailed):
                self.stop_plane()


def free_port(usual: int) -> int:
    """The usual port if it is free, otherwise the next free one.

    The kernel does not assign ports in this range automatically, so the port is still free after a restart.
    """
    for port in range(usual, usual + PORTS_TRIED):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with contextlib.suppress(OSError):
                probe.bind(("127.0.0.1", port))
                return port
    raise StoryFailed(f"none of the {PORTS_TRIED} ports from {usual} is free on 127.0.0.1")
