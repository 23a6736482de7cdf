#!/usr/bin/env python3
"""Sends tens of thousands of requests to a plane, kills it in between, and checks that its table `requests` accounts
for every one of them.

    scripts/accounts.py --setpoint .build-release/release/setpoint [--requests 50000]

docs/telemetry.md promises that every request is in `requests` exactly once, or counted as dropped. Each request has an
ID of its own, and the driver knows how it ended:

    answered                     on each route, with and without streams; also after a cold start (scale to zero)
    refused                      invalid bodies, unknown endpoints and models, a wrong token (which leaves no row), a
                                 principal that may not query (403) or not even see the endpoint (404), and calls
                                 beyond a rate limit (429)
    given up                     by callers who hang up before the body is complete, before the response, or in the
                                 middle of a stream
    cut off                      by kill -9 of the plane, which then starts again with the same data directory

At the end, SQL over DIR/telemetry.sqlite compares the rows with that: by ID, and the sums by principal and status; the
sums once more by `setpoint sql`, over the API. Rows that are lost with a killed plane must be counted in
`telemetry_dropped`: not fewer, and not more than have no row.

The plane is real, its replicas are the stand-in for vLLM (Tests/Support), and all traffic stays on this machine. With
5,000 requests (part of `make test`), it takes about a minute. No check depends on how fast the machine is.
"""

import argparse
import collections
import contextlib
import json
import pathlib
import re
import sys

import leftovers
from story import chapters, processes, rush, running, standin, trials
from story.accounts import SUMS, Accounts, Fate, is_complete
from story.ledger import End, Ending, Request
from story.manifests import ENDPOINT, manifest
from story.narration import Narrator
from story.rush import LIMITED, NAPPING, TOKENS, Rush
from story.setpoint import Setpoint

ROOT = pathlib.Path(__file__).resolve().parent.parent
# Long answers take half a second, so that some are in flight whenever the plane is killed.
SWITCHES = {"first_token_ms": 5, "token_ms": 5}
CONNECTIONS = 48
# Whether the plane is killed in the middle of the round.
ROUNDS = {"calm": False, "killed": True, "woken": False, "killed-again": True}
# Few enough that each round exceeds them.
CALLS_A_MINUTE = 10
FLUSH_SECONDS = 120


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Check that the table of requests accounts for every request.")
    parser.add_argument("--setpoint", type=pathlib.Path, required=True, metavar="BINARY")
    parser.add_argument("--requests", type=int, default=50_000, metavar="N", help="how many requests (default: 50000)")
    return parser.parse_args()


class Bookkeeping:
    """The requests of all rounds, and what each round was."""

    def __init__(self, drive: trials.Drive, secrets: dict[str, str]):
        self.drive, self.secrets = drive, secrets
        self.fates: list[Fate] = []

    def send(self, name: str, requests: int, is_killed: bool) -> None:
        """One round; the napping endpoint has no replica when it begins."""
        drive, setpoint, check = self.drive, self.drive.setpoint, self.drive.setpoint.narrator.check
        title = f"{requests} requests" + (", and kill -9 of the plane in between" if is_killed else "")
        with setpoint.narrator.step(title):
            asleep = drive.wait_until(lambda: drive.is_asleep(NAPPING))
            setpoint.narrator.require(f"{NAPPING} is scaled to zero", asleep)
            with Rush(setpoint, drive.ledger, name, self.secrets, requests, CONNECTIONS, is_killed) as crowd:
                if is_killed:
                    crowd.wait_for(0.5)
                    trials.restart_killed(setpoint)
            setpoint.narrator.show(str(crowd))
            endings = crowd.endings
            check("every request ended, once", len(endings) == len(crowd.requests) == requests, seen=str(crowd))
            wrong = [f"{request.id}: {ending}" for request, ending in endings if not fits(crowd, request, ending)]
            check("each as its kind must", not wrong, seen=f"{len(wrong)}: {wrong[:5]}")
            cut = sum(ending.end is End.CUT for _, ending in endings)
            # Each connection once with its request in flight, and once more if the kernel still accepts it for the
            # plane that is ending.
            most = 2 * CONNECTIONS if is_killed else 0
            check(f"at most those in flight were cut off ({cut} of {most})", cut <= most)
            self.fates += [Fate(request, crowd.principals[request.id], ending) for request, ending in endings]

    def balance(self) -> None:
        """The comparison with the plane's tables."""
        setpoint, check = self.drive.setpoint, self.drive.setpoint.narrator.check
        telemetry = setpoint.data / "telemetry.sqlite"
        with setpoint.narrator.step("Compare the table of requests with them"):
            written = processes.wait_until(lambda: is_complete(telemetry, self.fates), FLUSH_SECONDS, every=1)
            check("what is written or dropped covers every request that must have a row", written)
            self.ask_the_plane(telemetry)
            status = setpoint.stop_plane()
            check("the plane stops with exit 0", status == 0, seen=f"exit {status}; {setpoint.log_end()}")
            with Accounts(telemetry, self.fates) as accounts:
                setpoint.narrator.show(
                    f"{len(self.fates)} requests sent, {accounts.recorded} rows, dropped: {accounts.causes or 'none'}"
                )
                wrong = accounts.violations()
                claim = "each request is in the table exactly once, or counted as dropped, and the sums agree"
                check(claim, not wrong, seen=f"{len(wrong)}: {wrong[:10]}")
                self.check_columns(accounts)

    def ask_the_plane(self, telemetry: pathlib.Path) -> None:
        """The same sums by `setpoint sql`, from the plane while it runs."""
        setpoint = self.drive.setpoint
        if not re.search(r"^\s+sql\b", setpoint.run("--help", quiet=True).out, re.MULTILINE):
            setpoint.narrator.show("this version has no command setpoint sql")
            return
        told: list[collections.Counter] = []

        def agrees() -> bool:
            asked = setpoint.run("sql", SUMS, "-o", "json", quiet=True)
            setpoint.narrator.require("setpoint sql exits 0", asked.status == 0, seen=asked)
            rows = json.loads(asked.out)
            told.append(collections.Counter({(row["principal"], row["status"]): row["requests"] for row in rows}))
            with Accounts(telemetry, []) as accounts:
                return told[-1] == accounts.sums

        # The last rows may be written between the two.
        same = processes.wait_until(agrees, FLUSH_SECONDS, every=1)
        setpoint.narrator.check("setpoint sql has the same sums", same, seen=told[-1])

    def check_columns(self, accounts: Accounts) -> None:
        """That the rows say what happened, not only that something did."""
        check = self.drive.setpoint.narrator.check
        for claim, condition in {
            "every refusal has its code": "status >= 400 AND error_code IS NULL",
            "every answer has its version, replica and tokens": (
                "status = 200 AND error_code IS NULL AND endpoint IS NOT NULL "
                "AND (model_version IS NULL OR replica IS NULL OR tokens_out IS NULL OR finish_reason IS NULL)"
            ),
            "every row has its time and duration": "time IS NULL OR latency_ms IS NULL",
        }.items():
            found = accounts.rows(
                f"SELECT request_id, status, error_code FROM plane.requests WHERE {condition} LIMIT 5"
            )
            check(claim, not found, seen=found)
        for claim, condition in {
            "some waited for a cold start": f"cold_start AND endpoint = '{NAPPING}'",
            "some were beyond a rate limit": f"status = 429 AND endpoint = '{LIMITED}'",
            "some callers left": "status = 499",
        }.items():
            check(claim, accounts.number(f"SELECT count(*) FROM plane.requests WHERE {condition}") > 0)


def fits(crowd: Rush, request: Request, ending: Ending) -> bool:
    """Whether a request ended as one of its kind may."""
    kind = crowd.kinds[request.id]
    if ending.end is End.CUT:
        return request.plane_is_killed
    if ending.end is End.LEFT:
        return kind.leaves
    return ending.end in (End.ANSWERED, End.REFUSED) and ending.status in kind.statuses


def prepare(drive: trials.Drive) -> dict[str, str]:
    """Create the endpoints and the tokens; returns the secrets by principal."""
    setpoint = drive.setpoint
    with setpoint.narrator.step("Create the endpoints, a rate limit and the tokens"):
        drive.apply(ENDPOINT, manifest("1"))
        drive.apply(NAPPING, manifest("1", NAPPING, plane="idleAfter: 1s"))
        limit = f"  gateway:\n    rateLimits:\n      - {{key: user, calls: {CALLS_A_MINUTE}}}\n"
        drive.apply(LIMITED, manifest("1", LIMITED) + limit)
        secrets = {"admin": setpoint.token, rush.STRANGER: "spt_" + "0" * 40}
        for name, options in TOKENS.items():
            created = setpoint.run("tokens", "create", name, *options, "-o", "json", quiet=True)
            setpoint.narrator.require(f"a token for {name} is created", created.status == 0, seen=created.err)
            secrets[name] = json.loads(created.out)["secret"]
        return secrets


def tell(narrator: Narrator, folder: pathlib.Path, arguments: argparse.Namespace) -> None:
    watch = leftovers.SharedMemoryWatch()
    chapters.make_models(narrator, ROOT, folder)
    standin.make_it_speak(chapters.models(folder), chapters.sentence)
    environment = standin.make_standin(folder / "standin", **SWITCHES)
    with contextlib.closing(Setpoint(arguments.setpoint.resolve(), folder, environment, narrator)) as setpoint:
        setpoint.options = ["--queue-wait", "9m"]
        chapters.start_plane(setpoint)
        chapters.register_quietly(setpoint)
        drive = trials.Drive(setpoint, trials.Course())
        books = Bookkeeping(drive, prepare(drive))
        each, rest = divmod(arguments.requests, len(ROUNDS))
        for number, (name, is_killed) in enumerate(ROUNDS.items()):
            books.send(name, each + (number < rest), is_killed)
        books.balance()
        left = leftovers.leftovers(watch)
        narrator.check("no process, no port, nothing in /dev/shm is left", not left, seen=left)


def main() -> int:
    arguments = parse_arguments()
    return running.run("accounts", lambda narrator, folder: tell(narrator, folder, arguments))


if __name__ == "__main__":
    sys.exit(main())
