#!/usr/bin/env python3
"""Plants secrets, uses everything of a plane that could repeat them, and looks for them in all that it writes.

    scripts/secrecy.py --setpoint .build-release/release/setpoint

Planted are: tokens of every level, also a replaced, a revoked and a mistyped one; HF_TOKEN and a replica's
`{{secrets/…}}` in DIR/secrets; the variables of the model's entrypoint; the password for the mail server, in a file and
in a variable; the headers for an OTLP receiver; and the user and the query of a webhook's URL. The engine prints its
variables. Then requests are answered and refused, a version fails, mail and webhooks cannot be delivered, tokens are
created, exchanged and revoked, and a backup is made and restored.

No secret may be, in plain text, in base64 or percent-encoded, in any file of the data directory, in the plane's log, in
the history of the command line, in an answer of the API or in the output of a command. Excepted are `DIR/secrets`,
`DIR/token` and the engine's own output, which only their owner may read; the model's own files, and what shows its
entrypoint; and, for a webhook's URL, the store and what shows the endpoint's settings, as documented. The search itself
is checked first: it must find each secret in a scratch file, in each form.

The plane is real, its replicas are the stand-in for vLLM (Tests/Support), and all traffic stays on this machine.
"""

import argparse
import contextlib
import http.client
import json
import pathlib
import re
import sys

from story import chapters, planting, processes, running, standin, trials
from story.manifests import ENDPOINT, MODEL, manifest
from story.narration import Narrator
from story.planting import ENGINE_OUTPUT, HOMES, Planted, Search
from story.setpoint import ANSWER_SECONDS, Setpoint

ROOT = pathlib.Path(__file__).resolve().parent.parent
# Nothing listens on it.
CLOSED_PORT = 9
PRIVATE = (ENGINE_OUTPUT, HOMES, re.compile(r"^[^/]+\.sqlite(-wal|-shm)?$"))
# What a user sees of an endpoint's settings, or of a model.
SETTINGS = (
    r"^(setpoint (get|describe|diff|history)\b|the bytes of the backup$"
    r"|GET /api/2\.0/serving-endpoints(/support-chat)?$)"
)
MODELS = r"^(setpoint models\b|GET /api/2\.1/unity-catalog/models)"
STORES = r"^(setpoint|backup)\.sqlite|^setpoint\.sqlite\.before"
TABLES = ("requests", "payloads", "otel_logs", "otel_metrics", "otel_spans", "telemetry_dropped")
LOGS = f"/api/2.0/serving-endpoints/{ENDPOINT}/served-models/hello-1/logs"
EVIDENCE_SECONDS = 60
MAIL_SECONDS = 120


class Plot:
    """The secrets, and what has them."""

    def __init__(self) -> None:
        make = planting.make
        self.app = make("a secret of the replica's environment")
        self.hub = make("DIR/secrets/hf/token")
        self.own_hub = make("the plane's HF_TOKEN", is_word=True)
        self.mail = make("DIR/secrets/smtp/password")
        self.own_mail = make("SETPOINT_SMTP_PASSWORD")
        self.otlp = make("a header for OTLP", is_word=True)
        self.entrypoint = make("a variable of the entrypoint", homes=r"^models/", shown=MODELS)
        self.hook_user = make("the user of a webhook's URL", is_word=True, homes=STORES, shown=SETTINGS)
        self.hook_key = make("the query of a webhook's URL", is_word=True, homes=STORES, shown=SETTINGS)
        self.mistyped = Planted("a token of another plane", "spt_" + self.otlp.value[7:] + "0" * 16)
        self.tokens: dict[str, Planted] = {}

    @property
    def planted(self) -> list[Planted]:
        return [secret for secret in vars(self).values() if isinstance(secret, Planted)] + list(self.tokens.values())

    @property
    def webhook(self) -> str:
        return f"http://hook:{self.hook_user.value}@127.0.0.1:{CLOSED_PORT}/hook?key={self.hook_key.value}"

    def write_files(self, data: pathlib.Path) -> None:
        for path, secret in {"app/key": self.app, "hf/token": self.hub, "smtp/password": self.mail}.items():
            file = data / "secrets" / path
            file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            file.touch(mode=0o600)
            file.write_text(secret.value)

    def write_entrypoint(self, model: pathlib.Path) -> None:
        file = model / "MLmodel"
        text = file.read_text()
        file.write_text(text.replace("entrypoint: ", f"entrypoint: PLANTED_KEY={self.entrypoint.value} ", 1))

    @property
    def manifest(self) -> str:
        return f"""\
  environment:
    APP_API_KEY: "{{{{secrets/app/key}}}}"
  gateway:
    rateLimits:
      - {{key: user, calls: 20}}
    inferenceTable: {{catalog: main, schema: logs}}
  notifications:
    onUpdateSuccess: [team@example.com]
    onUpdateFailure: [oncall@example.com, "{self.webhook}"]
"""


def make_talkative(environment: pathlib.Path) -> None:
    """The engine prints what it should keep to itself, on both outputs."""
    python = environment / "bin/python"
    first, _, rest = python.read_text().partition("\n")
    words = 'echo "key $APP_API_KEY, entrypoint $PLANTED_KEY, hub $HF_TOKEN, mail $SETPOINT_SMTP_PASSWORD"'
    talk = f'case "$*" in *vllm.entrypoints*) {words}; {words} >&2 ;; esac'
    python.write_text(f"{first}\n{talk}\n{rest}")


class Sources:
    """Everything that the plane answers and that commands print."""

    def __init__(self, setpoint: Setpoint, plot: Plot, search: Search):
        self.setpoint, self.plot, self.search = setpoint, plot, search

    def call(self, method: str, path: str, token: str, body: object = None) -> tuple[int, str]:
        """A call of the API, whose response and header fields are searched."""
        connection = http.client.HTTPConnection("127.0.0.1", self.setpoint.port, timeout=ANSWER_SECONDS)
        fields = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        with contextlib.closing(connection):
            connection.request(method, path, None if body is None else json.dumps(body), fields)
            with connection.getresponse() as response:
                content, head = response.read(), str(response.headers).encode()
                self.search.look_in_output(f"{method} {path}", head + content)
                return response.status, content.decode(errors="replace")

    def run(self, *words: str) -> int:
        """A command, whose output is searched."""
        outcome = self.setpoint.run(*words, quiet=True)
        self.search.look_in_output("setpoint " + " ".join(words), outcome.text.encode())
        return outcome.status

    def ask_everything(self, token: str, id: str) -> None:
        """Every call that only reads, for one principal."""
        base, own = "/api/2.0/serving-endpoints", f"/api/setpoint/serving-endpoints/{ENDPOINT}"
        models, permissions = "/api/2.1/unity-catalog/models", f"/api/2.0/permissions/serving-endpoints/{id}"
        paths = [base, f"{base}/{ENDPOINT}", f"{base}/{ENDPOINT}/metrics", f"{base}/{ENDPOINT}/openapi", f"{base}/no"]
        for version in ("1", "3"):
            entity = f"{base}/{ENDPOINT}/served-models/hello-{version}"
            paths += [f"{entity}/logs", f"{entity}/build-logs"]
        paths += [f"{own}/{what}" for what in ("replicas", "events", "evidence", "figures", "requests", "logs")]
        paths += [permissions, f"{permissions}/permissionLevels", "/api/setpoint/tokens", "/metrics", "/health"]
        paths += [models, f"{models}/{MODEL}", f"{models}/{MODEL}/versions", f"{models}/{MODEL}/versions/1"]
        paths += ["/api/setpoint/top", "/api/setpoint/usage", "/v1/models", "/api/2.0/preview/scim/v2/Me"]
        paths += ["/.well-known/databricks-config", "/no/such/path"]
        for path in paths:
            self.call("GET", path, token)
        for table in TABLES:
            self.call("POST", "/api/setpoint/sql", token, {"statement": f"SELECT * FROM {table} LIMIT 5000"})
        self.call("POST", "/api/setpoint/sql", token, {"statement": "SELECT * FORM requests"})

    def run_everything(self) -> None:
        """Every command that only reads. A version without one of them prints an error, which is searched too."""
        for output in ("text", "json"):
            chosen = [] if output == "text" else ["-o", output]
            for words in (["get"], ["get", ENDPOINT], ["models", "list"], ["tokens", "list"]):
                self.run(*words, *chosen)
            for word in ("describe", "history"):
                self.run(word, ENDPOINT, *chosen)
        for words in (["logs", ENDPOINT], ["logs", ENDPOINT, "--build"], ["explain", ENDPOINT], ["metrics", ENDPOINT]):
            self.run(*words)
        for words in (["requests", ENDPOINT], ["requests", ENDPOINT, "--failed"], ["usage"], ["status"]):
            self.run(*words)
        for table in TABLES:
            self.run("sql", f"SELECT * FROM {table} LIMIT 1000", "-o", "json")
        self.run("diff", "-f", str(self.setpoint.folder / f"{ENDPOINT}.yaml"))


def check_the_search(narrator: Narrator, plot: Plot, folder: pathlib.Path) -> None:
    """A search that finds nothing proves nothing: it must find each secret, in each form."""
    with narrator.step("The search finds what is planted on purpose"):
        folder.mkdir()
        missed = []
        for secret in plot.planted:
            for form, texts in secret.forms.items():
                for text in texts:
                    (folder / "scratch").write_bytes(b"before" + text + b"after")
                    search = Search([secret])
                    search.look_in_files(folder)
                    missed += [] if search.found else [f"{secret.name}, {form}"]
        narrator.check("each secret is found in a file, in each form", not missed, seen=missed)
        (folder / "scratch").write_text("nothing")
        search = Search(plot.planted)
        search.look_in_files(folder)
        search.look_in_output("setpoint logs", b"nothing")
        narrator.check("and none where none is", not search.found and search.looked_at == 2, seen=search.found)
        search.look_in_output("setpoint logs", plot.hook_key.value.encode())
        narrator.check("one that is shown elsewhere is found in other outputs", bool(search.found))


def create_tokens(sources: Sources) -> None:
    """A token of every level; one is exchanged, and one revoked."""
    setpoint, tokens = sources.setpoint, sources.plot.tokens
    with setpoint.narrator.step("Create, exchange and revoke tokens"):
        tokens["own"] = Planted("the plane's own token", setpoint.token)

        def create(name: str, *words: str) -> None:
            outcome = setpoint.run("tokens", *words, "-o", "json", quiet=True)
            setpoint.narrator.require(f"tokens {words[0]} exits 0 for {name}", outcome.status == 0, seen=outcome.err)
            tokens[name] = Planted(f"the token of {name}", json.loads(outcome.out)["secret"])

        for level in ("admin", "manage", "query", "view"):
            create(f"{level}-holder", "create", f"{level}-holder", "--can", level)
        create("outsider", "create", "outsider", "--endpoint", "other-chat")
        create("query-holder, exchanged", "rotate", "query-holder", "--overlap", "1h")
        create("gone", "create", "gone")
        revoked = setpoint.run("tokens", "revoke", "gone", quiet=True)
        setpoint.narrator.check("tokens revoke exits 0", revoked.status == 0, seen=revoked)
        sources.search.planted = sources.plot.planted


def cause_trouble(drive: trials.Drive, sources: Sources) -> None:
    """Answers, refusals, a failed version, and mail and webhooks that cannot be delivered."""
    setpoint, plot = drive.setpoint, sources.plot
    with setpoint.narrator.step("Serve, refuse requests, and fail"):
        drive.apply(ENDPOINT, manifest("1") + plot.manifest)
        good = {"messages": [{"role": "user", "content": "Say hello."}]}
        tokens = [secret.value for secret in (*plot.tokens.values(), plot.mistyped)]
        statuses = set()
        for token in tokens:
            for body in (good, good | {"stream": True}, {"messages": 1}, {"max_tokens": 1_000_000_000} | good):
                path = f"/serving-endpoints/{ENDPOINT}/invocations"
                statuses.add(sources.call("POST", path, token, body)[0])
            sources.call("POST", "/v1/chat/completions", token, good | {"model": "no-such-chat"})
            notifications = f"/api/2.0/serving-endpoints/{ENDPOINT}/notifications"
            sources.call("PATCH", notifications, token, {"email_notifications": 1})
        setpoint.narrator.check("some were answered, and some refused", {200, 401, 403} <= statuses, seen=statuses)
        drive.apply(ENDPOINT, manifest("3") + plot.manifest, status=1)

        def mail_failed() -> bool:
            return "notification" in setpoint.log.read_text(errors="replace")

        tried = processes.wait_until(mail_failed, MAIL_SECONDS)
        setpoint.narrator.check("the log tells of notifications that were not delivered", tried)

        def printed() -> bool:
            return "entrypoint" in sources.call("GET", LOGS, setpoint.token)[1]

        shown = processes.wait_until(printed, EVIDENCE_SECONDS, every=1)
        setpoint.narrator.check("the logs have the line of the engine, without its values", shown)


def look_everywhere(sources: Sources, folder: pathlib.Path) -> None:
    setpoint, search = sources.setpoint, sources.search
    narrator = setpoint.narrator
    with narrator.step("Ask for everything, make a backup, and search all of it"):
        id = json.loads(setpoint.get(f"/api/2.0/serving-endpoints/{ENDPOINT}")[1])["id"]
        for secret in (*sources.plot.tokens.values(), sources.plot.mistyped):
            sources.ask_everything(secret.value, id)
        sources.run_everything()
        file, restored = folder / "plane.backup", folder / "restored"
        narrator.check("backup exits 0", sources.run("backup", str(file)) == 0)
        open_to_others = planting.readable_by_others(setpoint.data, PRIVATE)
        narrator.check("only the owner may read what has secrets", not open_to_others, seen=open_to_others)
        search.look_in_files(setpoint.data)
        status = setpoint.stop_plane()
        narrator.check("the plane stops with exit 0", status == 0, seen=f"exit {status}; {setpoint.log_end()}")
        narrator.check("restore exits 0", sources.run("restore", str(file), "--data", str(restored)) == 0)
        # Once more, with all that the plane writes when it stops.
        for place in (setpoint.data, restored):
            search.look_in_files(place)
        # The command line keeps the manifests that it has applied, and so the webhook's URL.
        history = Search([secret for secret in search.planted if secret.homes != STORES])
        history.look_in_files(folder / "state")
        search.found += history.found
        search.look_in_output("serve --verbose", setpoint.log.read_bytes())
        search.look_in_output("the bytes of the backup", file.read_bytes() if file.is_file() else b"")
        found = sorted(set(search.found))
        claim = f"no secret is in any of {search.looked_at} files and outputs"
        narrator.check(claim, not found, seen=f"{len(found)}: {found[:20]}")


def tell(narrator: Narrator, folder: pathlib.Path, binary: pathlib.Path) -> None:
    plot = Plot()
    chapters.make_models(narrator, ROOT, folder)
    standin.make_it_speak(chapters.models(folder), chapters.sentence)
    for model in chapters.models(folder).values():
        plot.write_entrypoint(model)
    environment = standin.make_standin(folder / "standin")
    make_talkative(environment)
    check_the_search(narrator, plot, folder / "scratch")
    with contextlib.closing(Setpoint(binary, folder, environment, narrator)) as setpoint:
        setpoint.environment |= {
            "HF_TOKEN": plot.own_hub.value,
            "SETPOINT_SMTP_PASSWORD": plot.own_mail.value,
            "OTEL_EXPORTER_OTLP_HEADERS": f"authorization=Bearer%20{plot.otlp.value}",
        }
        setpoint.options = ["--verbose", "--smtp", f"smtp://mailer@127.0.0.1:{CLOSED_PORT}"]
        setpoint.options += ["--smtp-from", "setpoint@example.com"]
        if "--otlp" in setpoint.run("serve", "--help", quiet=True).out:
            setpoint.options += ["--otlp", f"http://127.0.0.1:{CLOSED_PORT}"]
        setpoint.data.mkdir(mode=0o700)
        plot.write_files(setpoint.data)
        chapters.start_plane(setpoint)
        sources = Sources(setpoint, plot, Search(plot.planted))
        chapters.register_quietly(setpoint)
        create_tokens(sources)
        cause_trouble(trials.Drive(setpoint, trials.Course()), sources)
        # Only the file has the password now.
        del setpoint.environment["SETPOINT_SMTP_PASSWORD"]
        trials.restart_killed(setpoint)
        look_everywhere(sources, folder)


def main() -> int:
    parser = argparse.ArgumentParser(description="Look for planted secrets in everything that a plane writes.")
    parser.add_argument("--setpoint", type=pathlib.Path, required=True, metavar="BINARY")
    binary = parser.parse_args().setpoint.resolve()
    return running.run("secrecy", lambda narrator, folder: tell(narrator, folder, binary))


if __name__ == "__main__":
    sys.exit(main())
