"""The trials of the traffic driver: each lets something happen under traffic, and checks what the plane promises."""

import os
import pathlib
import re
import signal
from collections.abc import Callable
from dataclasses import dataclass, field

import leftovers

from story import chapters, ledger, processes
from story.callers import CALLERS, REFUSALS_INSTEAD_OF_WAITING, Caller, Crowd
from story.ledger import End, Ending, Ledger, Request
from story.manifests import ENDPOINT, manifest
from story.records import ReplicaWatch, agreed, marked_replicas, marks, settled
from story.setpoint import Setpoint

NAPPING = "napping-chat"
ONE, TWO = "one-chat", "two-chat"
# Often enough to see a replica while it starts.
LOOK_EVERY_SECONDS = 0.02
# With --verbose, the plane's log has a line for each request. On a busy machine, a request may wait for long, but not
# longer than its caller.
OPTIONS = ["--verbose", "--queue-wait", "9m"]
# An endpoint that scales to zero only for another one.
NEVER_IDLE = "idleAfter: 1h"


@dataclass(frozen=True)
class Course:
    """What differs between the stand-in and real vLLM."""

    callers: tuple[Caller, ...] = CALLERS
    pause: float = 0.05  # of a caller between two requests, in seconds
    idle_after: str = "1s"
    swap_every: str = "1s"
    swaps: int = 2
    size: str = "Medium"  # of an endpoint one of whose replicas is killed
    replicas: int = 2  # the same as a number
    settle_seconds: float = 120


REAL_VLLM = Course(
    callers=tuple(caller for caller in CALLERS if caller.name not in ("openai", "generate", "long", "openai-stream")),
    pause=0.5,
    idle_after="5s",
    swap_every="30s",
    swaps=2,
    size="Small",
    replicas=1,
    settle_seconds=600,
)


def nothing(_: Ending) -> bool:
    return False


def cut_off(ending: Ending) -> bool:
    return ending.end is End.CUT


def lost_with_its_replica(ending: Ending) -> bool:
    """What a client gets whose request was at a replica that is gone. A response that is not a stream can only be cut
    off once it has begun."""
    refused = ending.end is End.REFUSED and ending.status == 502 and ending.fields.get("x-should-retry") == "false"
    return refused or ending.end is End.BROKEN or (ending.end is End.CUT and ending.status == 200)


def as_promised(request: Request, ending: Ending) -> bool:
    """Whether a request ended well: answered, given up by its caller, or refused to one that does not want to wait."""
    refused = ending.end is End.REFUSED and ending.status in REFUSALS_INSTEAD_OF_WAITING
    return ending.end in (End.ANSWERED, End.LEFT) or (request.may_be_refused and refused)


@dataclass
class Drive:
    """A plane under traffic."""

    setpoint: Setpoint
    course: Course
    ledger: Ledger = field(default_factory=Ledger)

    def crowd(self, name: str, *endpoints: str, plane_is_killed: bool = False) -> Crowd:
        callers, pause = self.course.callers, self.course.pause
        return Crowd(self.setpoint, self.ledger, name, list(endpoints), callers, pause, plane_is_killed)

    def wait_until(self, condition: Callable[[], object], every: float = 0.2) -> bool:
        return processes.wait_until(condition, self.course.settle_seconds, every)

    def none_failed(self, crowd: Crowd, claim: str, allowed: Callable[[Ending], bool] = nothing) -> None:
        narrator = self.setpoint.narrator
        narrator.show(str(crowd))
        failures = [
            f"{request.id}: {ending}"
            for request, ending in crowd.endings
            if not as_promised(request, ending) and not allowed(ending)
        ]
        narrator.check(claim, not failures, seen=f"{len(failures)}: {failures[:5]}")

    def answers(self, crowd: Crowd, endpoint: str, *versions: str, last: str) -> None:
        """Check which versions answered, and which one answered what was sent last."""
        check = self.setpoint.narrator.check
        expected = {chapters.sentence(version) for version in versions}
        seen = crowd.answers(endpoint)
        check(f"{endpoint}: version {' and '.join(versions)} answered, and no other", seen == expected, seen=seen)
        seen = crowd.answers(endpoint, crowd.last)
        check(f"{endpoint}: version {last} answered last", seen == {chapters.sentence(last)}, seen=seen)

    def apply(self, name: str, text: str, status: int = 0) -> None:
        outcome = self.setpoint.apply(name, text, quiet=True)
        self.setpoint.narrator.require(f"apply of {name} exits {status}", outcome.status == status, seen=outcome)

    def is_asleep(self, name: str) -> bool:
        return "Scaled to zero" in self.setpoint.get(f"/api/2.0/serving-endpoints/{name}")[1]


def update_and_roll_back(drive: Drive) -> None:
    """serving-plane.md, "Updates": if both versions fit, no request waits. "When a version fails to start": the old
    config keeps serving."""
    setpoint = drive.setpoint
    with setpoint.narrator.step("Switch to version 2, apply a broken version, and roll back"):
        drive.apply(ENDPOINT, manifest("1"))
        with drive.crowd("switch", ENDPOINT) as crowd:
            drive.apply(ENDPOINT, manifest("2"))
        drive.none_failed(crowd, "no request failed during the version switch")
        drive.answers(crowd, ENDPOINT, "1", "2", last="2")
        with drive.crowd("broken", ENDPOINT) as crowd:
            drive.apply(ENDPOINT, manifest("3"), status=1)
        drive.none_failed(crowd, "no request failed while the broken version was tried")
        drive.answers(crowd, ENDPOINT, "2", last="2")
        with drive.crowd("rollback", ENDPOINT) as crowd:
            rolled_back = setpoint.run("rollback", ENDPOINT, quiet=True)
        setpoint.narrator.require("rollback exits 0", rolled_back.status == 0, seen=rolled_back)
        drive.none_failed(crowd, "no request failed during the rollback")
        drive.answers(crowd, ENDPOINT, "2", "1", last="1")
        drive.apply(ENDPOINT, manifest("1"))  # which lifts the hold on what was rolled back


def sleep_and_wake(drive: Drive) -> None:
    """serving-plane.md, "Scale to zero": the next request is held and starts one replica, however many wait."""
    check = drive.setpoint.narrator.check
    with drive.setpoint.narrator.step("Scale to zero, and wake for many requests at once"):
        drive.apply(NAPPING, manifest("1", NAPPING, plane=f"idleAfter: {drive.course.idle_after}"))
        others = fall_asleep(drive)
        with ReplicaWatch() as watch:
            with drive.crowd("wake", NAPPING) as crowd:
                pass  # every caller has a response
            woken = watch.seen - others
        drive.none_failed(crowd, "no request failed during the wake")
        drive.answers(crowd, NAPPING, "1", last="1")
        check("all of them together woke one replica", len(woken) == 1, seen=woken)
        held = ("x-setpoint-cold-start-ms" in ending.fields for _, ending in crowd.endings)
        check("responses report the cold start", any(held))


def fall_asleep(drive: Drive) -> set[str]:
    """Wait until the napping endpoint has no replica; returns the only one that is left, that of the other endpoint."""
    setpoint = drive.setpoint
    asleep = drive.wait_until(lambda: drive.is_asleep(NAPPING) and len(marked_replicas()) == 1)
    setpoint.narrator.require("without requests, its replica stops", asleep, seen=marked_replicas())
    state = re.sub(r"\s", "", setpoint.get(f"/api/2.0/serving-endpoints/{NAPPING}")[1])
    setpoint.narrator.check("the endpoint stays READY", '"ready":"READY"' in state, seen=state)
    return marked_replicas()


def kill_the_plane(drive: Drive) -> None:
    """serving-plane.md, "Stop": after kill -9 the replicas keep running, and the next plane adopts them without a
    restart. "Scale to zero": a start in progress continues."""
    setpoint, check = drive.setpoint, drive.setpoint.narrator.check
    only_then = "requests ended only with the plane that was killed"
    with setpoint.narrator.step("kill -9 of the plane: while it serves, during an update, and during a wake"):
        serving = fall_asleep(drive)
        with drive.crowd("plane", ENDPOINT, plane_is_killed=True) as crowd:
            restart_killed(setpoint)
            kept = drive.wait_until(lambda: agreed(setpoint)) and marked_replicas() == serving
            check("the next one adopts the replica without a restart", kept, seen=(serving, marked_replicas()))
            started = setpoint.apply(ENDPOINT, manifest("2"), "--no-wait", quiet=True)
            check("apply --no-wait exits 0", started.status == 0, seen=started)
            restart_killed(setpoint)
            check("the update continues", drive.wait_until(lambda: settled(setpoint), every=1))
        drive.none_failed(crowd, only_then, cut_off)
        drive.answers(crowd, ENDPOINT, "1", "2", last="2")
        others = fall_asleep(drive)
        crowd = drive.crowd("woken", NAPPING, plane_is_killed=True)
        crowd.start()
        waking = drive.wait_until(lambda: marked_replicas() - others, LOOK_EVERY_SECONDS)
        setpoint.narrator.require("a request starts a replica", waking)
        restart_killed(setpoint)
        with crowd:
            check("the wake continues", drive.wait_until(lambda: crowd.answers(NAPPING)))
        drive.none_failed(crowd, only_then, cut_off)
        drive.answers(crowd, NAPPING, "1", last="1")


def restart_killed(setpoint: Setpoint) -> None:
    setpoint.kill_plane()
    setpoint.serve()


def kill_replicas(drive: Drive) -> None:
    """serving-plane.md, "Replicas": one that dies is restarted with back-off. "Clients": a request that was at it is
    not sent to another one, and its client gets 502 or an error event; every other request waits."""
    with drive.setpoint.narrator.step("kill -9 of a replica: of the only one, and of one of several"):
        delete(drive, NAPPING)
        drive.apply(ENDPOINT, manifest("1"))
        kill_replica(drive, "only", of=1, then=1)
        if drive.course.replicas > 1:
            drive.apply(ENDPOINT, manifest("2", size=drive.course.size))
            kill_replica(drive, "one", of=drive.course.replicas, then=drive.course.replicas - 1)


def kill_replica(drive: Drive, name: str, of: int, then: int) -> None:
    """Kill one of so many replicas, and wait until nothing of it is left, and at least so many run."""
    setpoint = drive.setpoint
    complete = drive.wait_until(lambda: len(marked_replicas()) == of and agreed(setpoint))
    setpoint.narrator.require(f"{of} of its replicas run", complete, seen=marked_replicas())
    with drive.crowd(name, ENDPOINT) as crowd:
        victim = min(processes.api_servers())
        lost = marks([victim])
        os.kill(victim, signal.SIGKILL)
        gone = drive.wait_until(lambda: not lost & marked_replicas() and len(marked_replicas()) >= then)
        setpoint.narrator.require(f"nothing of it is left, and {then} or more run", gone, seen=marked_replicas())
    drive.none_failed(crowd, "requests failed only at the replica that was killed", lost_with_its_replica)
    failed = [str(ending) for request, ending in crowd.endings if not as_promised(request, ending)]
    for words in failed[:2]:
        setpoint.narrator.show(words)
    setpoint.narrator.check("at most one of each caller", len(failed) <= len(crowd.callers), seen=failed)


def swap(drive: Drive) -> None:
    """serving-plane.md, "More endpoints than room": endpoints that share one slot take turns, and requests wait.
    "Updates": on a full machine they wait until the new version has started; if it fails, the old one starts again."""
    setpoint, check = drive.setpoint, drive.setpoint.narrator.check
    with setpoint.narrator.step("Two endpoints on one slot: swaps, an update, and a broken version"):
        delete(drive, ENDPOINT)
        status = setpoint.stop_plane()
        setpoint.narrator.require("the plane stops with exit 0", status == 0, seen=f"exit {status}")
        setpoint.options = [*OPTIONS, "--slots", "1", "--swap-every", drive.course.swap_every]
        setpoint.serve()
        with ReplicaWatch() as watch:
            for name in (ONE, TWO):
                drive.apply(name, manifest("1", name, plane=NEVER_IDLE))
            with drive.crowd("swap", ONE, TWO) as crowd:
                before = len(watch.seen)
                swapped = drive.wait_until(lambda: len(watch.seen) >= before + drive.course.swaps)
                check(f"they swap {drive.course.swaps} times", swapped, seen=len(watch.seen) - before)
                drive.apply(ONE, manifest("2", ONE, plane=NEVER_IDLE))
                drive.apply(ONE, manifest("3", ONE, plane=NEVER_IDLE), status=1)
            drive.none_failed(crowd, "no request failed during the swaps, the update and the broken version")
            drive.answers(crowd, ONE, "1", "2", last="2")
            drive.answers(crowd, TWO, "1", last="1")
        check("there was never more than one replica", len(watch.most) == 1, seen=watch.most)
        for name in (ONE, TWO):
            delete(drive, name)


def delete(drive: Drive, name: str) -> None:
    deleted = drive.setpoint.run("delete", name, quiet=True)
    drive.setpoint.narrator.check(f"delete of {name} exits 0", deleted.status == 0, seen=deleted)


def leave_nothing(drive: Drive, watch: leftovers.SharedMemoryWatch, accepted: pathlib.Path | None) -> None:
    """Each request ended exactly once for its caller, in the plane's log and at the engines; and nothing is left."""
    setpoint, check = drive.setpoint, drive.setpoint.narrator.check
    with setpoint.narrator.step("Each request ended exactly once, and nothing is left"):
        gone = drive.wait_until(lambda: not processes.vllm_pids() and agreed(setpoint))
        check("every replica has exited", gone, seen=processes.vllm_pids())
        folders = setpoint.data / "replicas"
        empty = drive.wait_until(lambda: not list(folders.iterdir()))
        check("no replica's folder is left", empty, seen=sorted(path.name for path in folders.iterdir()))
        closed = drive.wait_until(lambda: not processes.open_connections(setpoint.plane.pid, setpoint.port))
        check("the plane has closed every connection of a client", closed)
        status = setpoint.stop_plane()
        check("the plane stops with exit 0", status == 0, seen=f"exit {status}; {setpoint.log_end()}")
        left = leftovers.leftovers(watch)
        check("no process, no port, nothing in /dev/shm is left", not left, seen=left)
        sockets = [str(path) for path in setpoint.folder.rglob("*") if path.is_socket()]
        check("no socket file is left", not sockets, seen=sockets)
        recorded = ledger.records(setpoint.log)
        at_engines = None if accepted is None else ledger.acceptances(accepted)
        wrong = ledger.violations(drive.ledger, recorded, at_engines)
        claim = f"each of {len(drive.ledger.requests)} requests ended exactly once, and all sides agree"
        check(claim, not wrong, seen=f"{len(wrong)}: {wrong[:10]}")


TRIALS = (update_and_roll_back, sleep_and_wake, kill_the_plane, kill_replicas, swap)
