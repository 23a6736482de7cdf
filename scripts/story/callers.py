"""Callers of every kind: with and without streams, slow ones, ones that hang up, and one that does not want to wait."""

import asyncio
import json
import random
import threading
from dataclasses import dataclass

from story import load
from story.ledger import End, Ending, Ledger, Request, stream_ending, whole_ending
from story.narration import StoryFailed
from story.setpoint import Setpoint

# For everything that only a broken plane does not do in time. A request may wait for a start of real vLLM.
PATIENCE_SECONDS = 600
# A caller that hangs up does it within this time, which is shorter than a long answer.
LEAVES_WITHIN_SECONDS = 0.5
# The pause of a slow reader after each piece of a response. A long answer then takes a second or more, which is far
# above the plane's minimum rate.
SLOW_SECONDS = 0.01
LONG_TOKENS = 100
REFUSALS_INSTEAD_OF_WAITING = (429, 503)
BROKEN_READING = (OSError, EOFError)
BROKEN_RESPONSE = (ValueError, LookupError, TypeError, AttributeError, asyncio.LimitOverrunError)


@dataclass(frozen=True)
class Caller:
    """How one caller behaves."""

    name: str
    route: str = "invocations"  # or "generate", or "chat": the OpenAI route
    stream: bool = False
    long: bool = False
    leaves: bool = False
    slow: bool = False
    max_wait: str | None = None

    @property
    def tokens(self) -> int:
        return LONG_TOKENS if self.long else 0

    @property
    def generate(self) -> bool:
        return self.route == "generate"

    def message(self, request: Request, token: str, is_last: bool) -> bytes:
        document: dict[str, object] = {"stream": self.stream}
        if self.generate:
            document |= {"prompt": "Say hello."}
        else:
            document |= {"messages": [{"role": "user", "content": "Say hello."}]}
        if self.long:
            document |= {"max_tokens": LONG_TOKENS, "ignore_eos": True}
        path = f"/serving-endpoints/{request.endpoint}/{self.route}"
        if self.route == "chat":
            path = "/v1/chat/completions"
            document |= {"model": request.endpoint}
        extra = f"X-Request-Id: {request.id}\r\n"
        if self.max_wait is not None:
            extra += f"X-Setpoint-Max-Wait: {self.max_wait}\r\n"
        if is_last:
            extra += "Connection: close\r\n"
        return load.request(path, token, json.dumps(document).encode(), extra=extra)


CALLERS = (
    Caller("plain"),
    Caller("openai", route="chat"),
    Caller("generate", route="generate"),
    Caller("long", long=True),
    Caller("stream", stream=True),
    Caller("openai-stream", route="chat", stream=True, long=True),
    Caller("generate-stream", route="generate", stream=True),
    Caller("long-stream", stream=True, long=True),
    Caller("slow", stream=True, long=True, slow=True),
    Caller("leaver", long=True, leaves=True),
    Caller("stream-leaver", stream=True, long=True, leaves=True),
    Caller("impatient", stream=True, max_wait="0"),
)


class Crowd:
    """`with Crowd(...) as crowd:` has every caller send one request after another, each on its own connection.

    The block begins once each caller's first request has ended. When the block has ended, each caller sends one last
    request, so the last endings are always from after it.
    """

    def __init__(
        self,
        setpoint: Setpoint,
        ledger: Ledger,
        name: str,
        endpoints: list[str],
        callers: tuple[Caller, ...] = CALLERS,
        pause: float = 0.05,
        plane_is_killed: bool = False,
    ):
        self.port, self.ledger, self.name, self.pause = setpoint.port, ledger, name, pause
        # A plane has one token. As soon as it has several, the callers are to take turns with them.
        self.tokens = [setpoint.token]
        self.callers = [(caller, endpoint) for endpoint in endpoints for caller in callers]
        self.plane_is_killed = plane_is_killed
        self.requests: list[Request] = []
        self.last: list[Request] = []  # of each caller
        self.turned_away = 0  # attempts to connect while no plane was listening
        self.flowing = threading.Semaphore(0)  # one for each caller whose first request has ended
        self.over = threading.Event()
        self.error: BaseException | None = None
        self.thread = threading.Thread(target=self.run, daemon=True)

    def __str__(self) -> str:
        ends = [ending for _, ending in self.endings]
        counts = ", ".join(f"{sum(one.end is end for one in ends)} {end.value}" for end in End)
        turned_away = f"; {self.turned_away} connections refused" if self.turned_away else ""
        return f"{len(self.requests)} requests of {len(self.callers)} callers: {counts}{turned_away}"

    @property
    def endings(self) -> list[tuple[Request, Ending]]:
        return list(self.ledger.all_endings(list(self.requests)))

    def answers(self, endpoint: str, requests: list[Request] | None = None) -> set[str]:
        """The sentences that the endpoint answered."""
        chosen = self.requests if requests is None else requests
        ended = self.ledger.all_endings([request for request in chosen if request.endpoint == endpoint])
        return {ending.text for _, ending in ended if ending.end is End.ANSWERED}

    def start(self) -> None:
        """Begin, without waiting for a response."""
        self.thread.start()

    def __enter__(self) -> "Crowd":
        if self.thread.ident is None:
            self.start()
        for _ in self.callers:
            if not self.flowing.acquire(timeout=PATIENCE_SECONDS) or self.error:
                self.over.set()
                raise StoryFailed(f"the traffic does not flow: {repr(self.error) if self.error else self}")
        return self

    def __exit__(self, *_) -> None:
        self.over.set()
        self.thread.join(2 * PATIENCE_SECONDS)
        if self.error or self.thread.is_alive():
            raise StoryFailed(f"the traffic did not end: {repr(self.error) if self.error else self}")

    def run(self) -> None:
        try:
            asyncio.run(self.run_callers())
        except BaseException as error:  # reported by the main thread
            self.error = error.exceptions[0] if isinstance(error, BaseExceptionGroup) else error
            self.flowing.release(len(self.callers))

    async def run_callers(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            for number, (caller, endpoint) in enumerate(self.callers):
                tasks.create_task(self.call(number, caller, endpoint))

    async def call(self, number: int, caller: Caller, endpoint: str) -> None:
        """All requests of one caller."""
        token = self.tokens[number % len(self.tokens)]
        wire = load.Wire(self.port, slow=caller.slow)
        turn = 0
        while True:
            is_last = self.over.is_set()
            if wire.writer or await self.connected(wire):
                turn += 1
                request = Request(
                    f"{self.name}-{number}-{caller.name}-{turn}",
                    caller.name,
                    endpoint,
                    may_be_refused=caller.max_wait is not None,
                    plane_is_killed=self.plane_is_killed,
                )
                self.ledger.sent(request)
                self.requests.append(request)
                self.ledger.ended(request, await self.ending(wire, caller, request, token, is_last))
                if turn == 1:
                    self.flowing.release()
                if is_last:
                    self.last.append(request)
            if is_last:
                break
            await asyncio.sleep(self.pause * random.uniform(0.5, 1.5))
        wire.close()

    async def connected(self, wire: load.Wire) -> bool:
        try:
            await wire.connect()
            return True
        except OSError:
            self.turned_away += 1
            return False

    async def ending(self, wire: load.Wire, caller: Caller, request: Request, token: str, is_last: bool) -> Ending:
        """Send the request, and read the response to its end."""
        seen = 0  # the status of the response, as soon as its head has arrived
        leaving = random.uniform(0.01, LEAVES_WITHIN_SECONDS)
        body = bytearray()
        try:
            async with asyncio.timeout(leaving if caller.leaves else PATIENCE_SECONDS):
                await wire.send(caller.message(request, token, is_last))
                status, fields = await wire.head()
                seen = status
                async for piece in wire.pieces(fields):
                    body += piece
                    if caller.slow:
                        await asyncio.sleep(SLOW_SECONDS)
                if is_last and await wire.reader.read(1):
                    raise ValueError("there are bytes after the response")
                end, text = read(caller, request, status, fields, bytes(body))
        except TimeoutError:
            wire.close()
            end = End.LEFT if caller.leaves else End.LATE
            return Ending(end, seen, body[-200:].decode(errors="replace"))
        except BROKEN_READING as failure:
            wire.close()
            return Ending(End.CUT, seen, f"{type(failure).__name__}: {failure}")
        except BROKEN_RESPONSE as failure:
            wire.close()
            return Ending(End.WRONG, seen, f"{type(failure).__name__}: {failure}")
        if "close" in fields.get("connection", "").lower():
            wire.close()
        return Ending(end, status, text, fields)


def read(caller: Caller, request: Request, status: int, fields: dict[str, str], body: bytes) -> tuple[End, str]:
    """How a complete response ended its request; ValueError if no server may send it."""
    if fields.get("x-request-id") != request.id:
        raise ValueError(f"the response is that of the request {fields.get('x-request-id')}")
    if status in REFUSALS_INSTEAD_OF_WAITING and "retry-after" not in fields:
        raise ValueError(f"HTTP {status} without Retry-After: {body[:300]!r}")
    if "text/event-stream" in fields.get("content-type", ""):
        return stream_ending(body, request.id, caller.generate, caller.tokens)
    return whole_ending(status, body, request.id, caller.generate, caller.tokens)
