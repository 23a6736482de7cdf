"""A fixed number of requests of every kind, by several principals: answered, refused, given up, and cut off."""

import asyncio
import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from story import load, processes
from story.callers import PATIENCE_SECONDS, Caller, Crowd
from story.ledger import Ledger, Request
from story.manifests import ENDPOINT
from story.narration import StoryFailed
from story.setpoint import Setpoint

NAPPING = "napping-chat"
LIMITED = "limited-chat"
OTHER = "other-chat"
# The principals, by the options of `tokens create`. The token of admin is the plane's own, that of a stranger is wrong.
QUERIERS = ("admin", "ci", "ann@example.com")
ONLOOKER, OUTSIDER, STRANGER = "onlooker", "outsider", "stranger"
TOKENS = {
    "ci": ("--can", "query"),
    "ann@example.com": ("--can", "manage"),
    ONLOOKER: ("--can", "view"),
    OUTSIDER: ("--can", "query", "--endpoint", OTHER),
}
RECONNECT_SECONDS = 0.05
PROGRESS_SECONDS = 1800


@dataclass(frozen=True)
class Kind(Caller):
    """What a request is, and with which statuses its response may come."""

    endpoint: str = ENDPOINT
    statuses: tuple[int, ...] = (200,)
    principals: tuple[str, ...] = QUERIERS
    body: bytes | None = None  # instead of a valid one
    incomplete: bool = False  # its caller leaves before the body is complete

    def message(self, request: Request, token: str, is_last: bool) -> bytes:
        if self.body is None:
            whole = super().message(request, token, is_last)
        else:
            path = f"/serving-endpoints/{request.endpoint}/{self.route}"
            whole = load.request(path, token, self.body, extra=f"X-Request-Id: {request.id}\r\n")
        return whole[:-10] if self.incomplete else whole


KINDS = (
    Kind("plain"),
    Kind("limited", endpoint=LIMITED, statuses=(200, 429)),
    Kind("openai", route="chat"),
    Kind("not-json", body=b'{"messages": [', statuses=(400,)),
    Kind("generate", route="generate"),
    Kind("no-messages", body=b"{}", statuses=(400, 422)),
    Kind("stream", stream=True),
    Kind("unknown-endpoint", endpoint="no-such-chat", statuses=(404,)),
    Kind("openai-stream", route="chat", stream=True),
    Kind("unknown-model", route="chat", endpoint="no-such-model", statuses=(404,)),
    Kind("generate-stream", route="generate", stream=True),
    Kind("stranger", principals=(STRANGER,), statuses=(401,)),
    Kind("napping", endpoint=NAPPING),
    Kind("onlooker", principals=(ONLOOKER,), statuses=(403,)),
    Kind("long-stream", stream=True, long=True),
    Kind("outsider", principals=(OUTSIDER,), statuses=(404,)),
    Kind("leaver", long=True, leaves=True),
    Kind("incomplete", leaves=True, incomplete=True),
    Kind("stream-leaver", stream=True, long=True, leaves=True),
)


class Rush(Crowd):
    """`with Rush(...) as rush:` sends this many requests over so many connections; the block ends with the last one."""

    def __init__(
        self,
        setpoint: Setpoint,
        ledger: Ledger,
        name: str,
        secrets: dict[str, str],
        requests: int,
        connections: int,
        plane_is_killed: bool = False,
    ):
        super().__init__(setpoint, ledger, name, [ENDPOINT], KINDS, plane_is_killed=plane_is_killed)
        self.secrets, self.total, self.connections = secrets, requests, connections
        self.principals: dict[str, str] = {}  # by the ID of the request
        self.kinds: dict[str, Kind] = {}

    def __enter__(self) -> "Rush":
        self.start()
        return self

    def __exit__(self, kind, *_) -> None:
        # A failed story does not wait for the rest of the requests.
        self.thread.join(0 if kind else PROGRESS_SECONDS)
        if kind is None and (self.error or self.thread.is_alive()):
            raise StoryFailed(f"the requests did not end: {repr(self.error) if self.error else self}")

    def wait_for(self, share: float) -> None:
        """Wait until this share of the requests has been sent."""
        reached: Callable[[], bool] = lambda: self.error or len(self.requests) >= share * self.total
        if not processes.wait_until(reached, PATIENCE_SECONDS, every=0.02) or self.error:
            raise StoryFailed(f"the requests do not flow: {repr(self.error) if self.error else self}")

    async def run_callers(self) -> None:
        numbers = iter(range(self.total))
        turns = {kind: itertools.cycle(kind.principals) for kind in KINDS}
        async with asyncio.TaskGroup() as tasks:
            for _ in range(self.connections):
                tasks.create_task(self.send_in_turn(numbers, turns))

    async def send_in_turn(self, numbers: Iterator[int], turns: dict[Kind, Iterator[str]]) -> None:
        wire = load.Wire(self.port)
        for number in numbers:
            kind = KINDS[number % len(KINDS)]
            while not wire.writer and not await self.connected(wire):
                await asyncio.sleep(RECONNECT_SECONDS)
            request = Request(
                f"{self.name}-{number}-{kind.name}", kind.name, kind.endpoint, plane_is_killed=self.plane_is_killed
            )
            principal = next(turns[kind])
            self.principals[request.id], self.kinds[request.id] = principal, kind
            self.ledger.sent(request)
            self.requests.append(request)
            self.ledger.ended(request, await self.ending(wire, kind, request, self.secrets[principal], False))
        wire.close()
