"""The controller's chapters: a git repository drives real vLLM, without any command."""

import contextlib
import http.client
import json
import time

from story import processes
from story.chapters import every_request_answered, sentence
from story.controller import FLEET, Controller
from story.manifests import ENDPOINT, MODEL, manifest
from story.recorder import Recorder
from story.repository import BRANCH, FOLDER, Repository
from story.setpoint import ANSWER_SECONDS, Setpoint
from story.traffic import Tally, Traffic

CHAT = "git-chat"
FILE = f"{CHAT}.yaml"
INTERVAL_SECONDS = 2
NEVER = "1h"
# A version's start takes 30 to 40 seconds on two idle cores, and a reaction one or two. Claims have their own time
# limits; these limits only end a story that hangs.
ROLLOUT_SECONDS = 900
REACTION_SECONDS = 300
TURNS = 3
LOOKS_BEFORE_WRITE = 3
HELD_TAG = "setpoint-held"
PATH = f"/api/2.0/serving-endpoints/{CHAT}"
CONFIG = f"{PATH}/config"


class Tale:
    """The state that the chapters share."""

    def __init__(self, setpoint: Setpoint, recorder: Recorder):
        self.setpoint, self.recorder, self.narrator = setpoint, recorder, setpoint.narrator
        self.repository = Repository(setpoint.folder / "git", setpoint.environment, setpoint.narrator)
        source = ["--git", self.repository.url, "--ref", BRANCH, "--path", FOLDER, "--prune"]
        self.controller = Controller(setpoint, recorder.url, source)

    def start(self, *options: str, interval: str = f"{INTERVAL_SECONDS}s") -> None:
        self.controller.start(interval, *options)

    def commit(self, version: str, message: str) -> str:
        return self.repository.commit(FILE, manifest(version, name=CHAT), message)

    def until_in_sync(self, version: str, commit: str) -> None:
        """Wait until the controller reports that the commit's version is live."""

        def is_live() -> bool:
            status = self.controller.status_of(CHAT)
            live = f"{MODEL}/{version}" in status.get("live", "")
            return live and status.get("phase") == "inSync" and status.get("commit") == commit

        self.controller.until(f"version {version} is live and in sync with {commit[:7]}", is_live, ROLLOUT_SECONDS)

    # The provider, past the recorder

    def call(self, method: str, path: str, body: dict | None = None) -> tuple[int, dict]:
        connection = http.client.HTTPConnection("127.0.0.1", self.setpoint.port, timeout=ANSWER_SECONDS)
        headers = {"Authorization": f"Bearer {self.setpoint.token}", "Content-Type": "application/json"}
        with contextlib.closing(connection):
            connection.request(method, path, json.dumps(body) if body else None, headers)
            response = connection.getresponse()
            return response.status, json.loads(response.read() or b"{}")

    def endpoint(self) -> dict:
        return self.call("GET", PATH)[1]

    def tags(self) -> dict[str, str]:
        return {tag["key"]: tag["value"] for tag in self.endpoint().get("tags", [])}

    def config_version(self) -> int:
        return self.endpoint()["config"]["config_version"]

    def is_updating(self) -> bool:
        return self.endpoint()["state"]["config_update"] == "IN_PROGRESS"

    def traffic(self) -> Traffic:
        return Traffic(self.setpoint.port, self.setpoint.token, CHAT)

    def answers(self, version: str) -> None:
        """Check that that version answers one request."""
        connection = http.client.HTTPConnection("127.0.0.1", self.setpoint.port, timeout=ANSWER_SECONDS)
        with contextlib.closing(connection):
            said = self.traffic().ask(connection, long=False, stream=False).strip()
        self.narrator.check(f"it answers {sentence(version)!r}", said == sentence(version), seen=said)

    # Calls of the controller

    def rollouts(self) -> int:
        """The number of configs that the controller sent after the creation."""
        return self.recorder.writes.count(f"PUT {CONFIG}")

    def looks(self) -> int:
        """The number of times that the controller checked the endpoint."""
        return self.recorder.calls.count(f"GET {PATH}")

    def writes_nothing(self, claim: str) -> None:
        """Check that the controller writes nothing during several checks."""
        before, looks = len(self.recorder.writes), self.looks()
        # One more: the consequences of a check are complete when the next one begins.
        self.controller.until(f"it checks {TURNS} times", lambda: self.looks() > looks + TURNS, REACTION_SECONDS)
        self.wrote_nothing_since(before, claim)

    def writes_nothing_for(self, seconds: float, claim: str) -> None:
        """Check that the controller writes nothing for a while, without any trigger for a check."""
        before = len(self.recorder.writes)
        time.sleep(seconds)
        self.wrote_nothing_since(before, claim)

    def wrote_nothing_since(self, before: int, claim: str) -> None:
        written = self.recorder.writes[before:]
        self.narrator.check(claim, not written, seen=f"{written}; {self.controller.said()}")


def hold_a_fleet(setpoint: Setpoint) -> None:
    """Run all chapters in order."""
    with Recorder(setpoint.port) as recorder:
        tale = Tale(setpoint, recorder)
        with contextlib.closing(tale.controller):
            create_from_git(tale)
            commit_second_version(tale)
            roll_back_broken_commit(tale)
            lift_by_revert(tale)
            put_hand_edit_right(tale)
            outlive_the_git_host(tale)
            replicas = processes.api_servers()
            sync_by_webhook(tale)
            survive_a_kill(tale, replicas)
            only_observe(tale)
            stop_and_tidy(tale)


def create_from_git(tale: Tale) -> None:
    with tale.narrator.step("Start a controller on a git repository: it creates the endpoint with version 1"):
        commit = tale.commit("1", "Serve the first version")
        tale.start()
        tale.until_in_sync("1", commit)
        tale.answers("1")
        tale.narrator.check("/healthz is 200", tale.controller.get("/healthz")[0] == 200, seen=tale.controller.said())
        tale.narrator.check(
            "one call created it",
            tale.recorder.writes == ["POST /api/2.0/serving-endpoints"],
            seen=tale.recorder.writes,
        )
        fleet = tale.tags().get("setpoint-fleet")
        tale.narrator.check(f"its tag names the fleet: {FLEET}", fleet == FLEET, seen=fleet)


def commit_second_version(tale: Tale) -> None:
    check = tale.narrator.check
    with tale.narrator.step("Commit version 2 under load: it goes live without any command"):
        with tale.traffic() as tally:
            commit = tale.commit("2", "Serve the second version")
            tale.until_in_sync("2", commit)
            tale.answers("2")
        tale.narrator.show(str(tally))
        every_request_answered(tale.narrator, tally)
        only(tale, tally, "1", "2")
        check("one config was sent", tale.rollouts() == 1, seen=tale.recorder.writes)
        history = tale.controller.run("history", CHAT)
        check("history names the commit", commit[:7] in history.out, seen=history)


def roll_back_broken_commit(tale: Tale) -> None:
    check = tale.narrator.check
    with tale.narrator.step("Commit the broken version 3 under load: it is rolled back and held"):
        with tale.traffic() as tally:
            commit = tale.commit("3", "Serve the third version")
            tale.controller.until("it is held as quarantined", lambda: is_quarantined(tale, commit), ROLLOUT_SECONDS)
        tale.narrator.show(str(tally))
        every_request_answered(tale.narrator, tally)
        only(tale, tally, "2")
        check("the endpoint's tag names the held config", HELD_TAG in tale.tags(), seen=tale.tags())
        tell_of_failure(tale, commit)
        # The command reads the status, which is saved every second.
        tale.controller.until("status reports held", lambda: "held" in printed_status(tale), REACTION_SECONDS)
        shown = tale.controller.run("status")
        check("status exits 1: it needs attention", shown.status == 1, seen=shown)
        check("it reports held, and why", "held" in shown.out and "broken weights" in shown.out, seen=shown)
        tale.writes_nothing("the held config is not sent again")


def is_quarantined(tale: Tale, commit: str) -> bool:
    status = tale.controller.status_of(CHAT)
    held = status.get("phase") == "held" and status.get("reason") == "quarantined"
    return held and status.get("commit") == commit and not tale.is_updating()


def tell_of_failure(tale: Tale, commit: str) -> None:
    # An event is recorded right after the status that it is about.
    tale.controller.until("an event says held", lambda: "held (quarantined)" in printed_events(tale), REACTION_SECONDS)
    outcome = tale.controller.run("events", "-o", "json", quiet=True)
    tale.narrator.check("events exits 0", outcome.status == 0, seen=outcome)
    told = [event for event in events(outcome.out) if commit in json.dumps(event)]
    for event in told:
        tale.narrator.show(json.dumps(event))
    tale.narrator.check(f"an event names the commit {commit[:7]}", told, seen=outcome)
    blaming = [event for event in told if "weights" in json.dumps(event)]
    tale.narrator.check("one of them gives the reason: the weights", blaming, seen=told)


def printed_events(tale: Tale) -> str:
    return tale.controller.run("events", CHAT, quiet=True).out


def events(text: str) -> list[dict]:
    """One JSON document, or one per line."""
    try:
        document = json.loads(text)
    except json.JSONDecodeError:
        return [json.loads(line) for line in text.splitlines() if line.strip()]
    return document if isinstance(document, list) else document.get("events", [])


def lift_by_revert(tale: Tale) -> None:
    with tale.narrator.step("Revert the commit: the hold is lifted"):
        before = tale.rollouts()
        commit = tale.repository.revert()
        tale.until_in_sync("2", commit)
        tale.controller.until("the tag of the hold is removed", lambda: HELD_TAG not in tale.tags(), REACTION_SECONDS)
        tale.answers("2")
        tale.narrator.check(
            "no config was sent for it: version 2 kept serving", tale.rollouts() == before, seen=tale.recorder.writes
        )


def put_hand_edit_right(tale: Tale) -> None:
    check, narrator = tale.narrator.check, tale.narrator
    with narrator.step("Change the endpoint outside Setpoint: the drift is reverted"):
        before, answered = tale.rollouts(), len(tale.recorder.answers)
        entity = {"entity_name": MODEL, "entity_version": "1", "workload_type": "CPU", "workload_size": "Small"}
        narrator.say(f"    $ curl -X PUT {CONFIG} -d '{{... version 1 ...}}'")
        status, answer = tale.call(
            "PUT", CONFIG, {"served_entities": [entity | {"scale_to_zero_enabled": False}]}
        )
        narrator.require("the provider accepts the change", status == 200, seen=answer)
        tale.controller.until("it is reverted", lambda: tale.rollouts() > before, ROLLOUT_SECONDS)
        looks = looks_at_version("1", tale.recorder.answers[answered:])
        check("not before version 1 was live", looks > 0, seen=tale.recorder.calls[-10:])
        # It checks once per interval, and again if more than two seconds passed between a check and the resulting call.
        check("then within an interval", looks <= LOOKS_BEFORE_WRITE, seen=f"{looks} checks")
        tale.until_in_sync("2", tale.repository.head)
        tale.answers("2")
        check("with one config", tale.rollouts() == before + 1, seen=tale.recorder.writes)
        told = tale.controller.run("events", CHAT)
        check("an event reports it", "after a change outside Setpoint" in told.out, seen=told)


def looks_at_version(version: str, answers: list[tuple[str, bytes]]) -> int:
    """How many checks before the controller's next config saw that version live and no update in progress."""
    count = 0
    for call, body in answers:
        if call == f"PUT {CONFIG}":
            break
        if call == f"GET {PATH}":
            endpoint = json.loads(body)
            is_live = endpoint["config"]["served_entities"][0]["entity_version"] == version
            count += is_live and endpoint["state"]["config_update"] != "IN_PROGRESS"
    return count


def outlive_the_git_host(tale: Tale) -> None:
    check = tale.narrator.check
    with tale.narrator.step("Remove the git repository: the controller reports it, and deletes nothing"):
        tale.repository.hide()
        tale.controller.until(
            "status reports the problem", lambda: tale.controller.fleet_status().get("problems"), REACTION_SECONDS
        )
        tale.controller.until("so does the command", lambda: "cannot fetch" in printed_status(tale), REACTION_SECONDS)
        tale.controller.run("status")
        tale.writes_nothing("nothing is written")
        check("it is reconciled with the last good commit", tale.controller.status_of(CHAT).get("phase") == "inSync")
        tale.answers("2")
        tale.repository.show()
        tale.controller.until("the problem is resolved", lambda: is_without_problems(tale), REACTION_SECONDS)


def is_without_problems(tale: Tale) -> bool:
    status = tale.controller.fleet_status()
    return bool(status) and not status.get("problems")


def printed_status(tale: Tale) -> str:
    return tale.controller.run("status", quiet=True).out


def sync_by_webhook(tale: Tale) -> None:
    check, controller = tale.narrator.check, tale.controller
    with tale.narrator.step("Check only once an hour, and let the git host report a push"):
        status = controller.stop()
        check("SIGTERM: exit 0", status == 0, seen=f"exit {status}: {controller.log_end()}")
        tale.start(interval=NEVER)
        tale.until_in_sync("2", tale.repository.head)
        before = tale.rollouts()
        tale.commit("1", "Back to the first version")
        tale.writes_nothing_for(2 * INTERVAL_SECONDS, "without a webhook, nothing is written for the commit")
        status, answer = controller.push_hook(secret="somebody else's")
        check("a call with another secret: 401", status == 401, seen=(status, answer))
        tale.writes_nothing_for(INTERVAL_SECONDS, "and it has no effect")
        status, answer = controller.push_hook()
        check("a signed call: 202", status == 202, seen=(status, answer))
        controller.until("the commit is sent immediately", lambda: tale.rollouts() > before, REACTION_SECONDS)


def survive_a_kill(tale: Tale, former: set[int]) -> None:
    """`former` are the replicas from before that rollout."""
    check, controller = tale.narrator.check, tale.controller
    with tale.narrator.step("Kill the controller with SIGKILL during that rollout, and start it again"):
        controller.until("the update is in progress at the provider", tale.is_updating, REACTION_SECONDS)
        controller.until("a replica starts for it", lambda: processes.api_servers() - former, REACTION_SECONDS)
        # The rollout stays in progress until the next controller is running, however fast a replica is.
        with processes.halted((processes.api_servers() - former).pop()):
            sent, version = tale.rollouts(), tale.config_version()
            controller.kill()
            check("the rollout is still in progress", tale.is_updating(), seen=tale.endpoint().get("state"))
            tale.start()
        tale.until_in_sync("1", tale.repository.head)
        tale.answers("1")
        check("no config was sent twice", tale.rollouts() == sent, seen=tale.recorder.writes)
        check(
            "the config version increased by one",
            tale.config_version() == version + 1,
            seen=(version, tale.config_version()),
        )


def only_observe(tale: Tale) -> None:
    check, controller = tale.narrator.check, tale.controller
    with tale.narrator.step("Only observe: differences are reported, and nothing is written"):
        status = controller.stop()
        check("SIGTERM: exit 0", status == 0, seen=f"exit {status}: {controller.log_end()}")
        tale.start("--mode", "observe")
        commit = tale.commit("2", "Forward to the second version")
        controller.until("status reports what it would do", lambda: is_withheld(tale, commit), REACTION_SECONDS)
        tale.narrator.show(controller.status_of(CHAT).get("why", ""))
        tale.writes_nothing("nothing is written")
        tale.answers("1")
        ready = f'setpoint_endpoint_ready{{endpoint="{CHAT}"}} 1'
        metrics = controller.get("/metrics")[1]
        check(f"/metrics: {ready}", ready in metrics.splitlines(), seen=metrics[:600])


def is_withheld(tale: Tale, commit: str) -> bool:
    status = tale.controller.status_of(CHAT)
    return status.get("phase") == "withheld" and status.get("commit") == commit


def stop_and_tidy(tale: Tale) -> None:
    check, controller = tale.narrator.check, tale.controller
    with tale.narrator.step("Stop the controller: its endpoint keeps serving, and other endpoints are unchanged"):
        status = controller.stop()
        check("SIGTERM: exit 0", status == 0, seen=f"exit {status}: {controller.log_end()}")
        tale.answers("1")
        strange = [call for call in tale.recorder.writes if ENDPOINT in call]
        check(f"{ENDPOINT}, of another fleet, is unchanged", not strange, seen=strange)
        deletions = [call for call in tale.recorder.writes if call.startswith("DELETE")]
        check("nothing was deleted", not deletions, seen=deletions)
        deleted = controller.run("delete", CHAT, "--fleet", FLEET)
        check("delete exits 0", deleted.status == 0, seen=deleted)


def only(tale: Tale, tally: Tally, *versions: str) -> None:
    allowed = {sentence(version) for version in versions}
    tale.narrator.check(
        f"the answers are those of {' and '.join(f'version {version}' for version in versions)}",
        set(tally.answers) <= allowed and tally.last == sentence(versions[-1]),
        seen=tally,
    )
