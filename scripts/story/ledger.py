"""What became of each request: how it ended for its caller, what the plane recorded, and which engines accepted it."""

import collections
import enum
import json
import pathlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

# The plane's log line for a request (`serve --verbose`); one is written for each that reached a query route.
RECORD = re.compile(r" debug: request endpoint=\S+ id=(\S+) .*\bstatus=(\d+)")


class End(enum.Enum):
    """How a request ended for its caller."""

    ANSWERED = "answered"
    REFUSED = "refused"  # with an error status, completely received
    BROKEN = "broken"  # a stream that ended in order, with an error event
    CUT = "cut off"  # the connection was closed before the response was complete
    LEFT = "left"  # by the caller, who hung up
    LATE = "late"  # no complete response within the caller's patience
    WRONG = "wrong"  # a response that no server may send


@dataclass(frozen=True)
class Ending:
    end: End
    status: int = 0  # 0 if no response began
    text: str = ""  # the sentence of the answer, otherwise an error message
    fields: dict[str, str] = field(default_factory=dict)  # of the response's head

    def __str__(self) -> str:
        return f"{self.end.value}, HTTP {self.status}: {self.text[:300]}"


@dataclass(frozen=True)
class Request:
    id: str
    caller: str
    endpoint: str
    may_be_refused: bool = False  # its caller does not want to wait
    plane_is_killed: bool = False  # at some time while it may be in progress


class Ledger:
    """The requests in the order in which they were sent, and their endings."""

    def __init__(self):
        self.requests: list[Request] = []
        self.endings: dict[str, list[Ending]] = {}

    def sent(self, request: Request) -> None:
        self.endings.setdefault(request.id, [])
        self.requests.append(request)

    def ended(self, request: Request, ending: Ending) -> None:
        self.endings[request.id].append(ending)

    def all_endings(self, requests: Iterable[Request]) -> Iterator[tuple[Request, Ending]]:
        for request in requests:
            for ending in self.endings[request.id]:
                yield request, ending


def records(log: pathlib.Path) -> dict[str, list[int]]:
    """The statuses that the planes recorded for each request."""
    found: dict[str, list[int]] = collections.defaultdict(list)
    with open(log, errors="replace") as lines:
        for line in lines:
            if match := RECORD.search(line):
                found[match[1]].append(int(match[2]))
    return found


def acceptances(path: pathlib.Path) -> collections.Counter[str]:
    """How often an engine accepted each request, from the stand-in's ledger."""
    return collections.Counter(path.read_text().split() if path.exists() else [])


# What is wrong with a request; nothing if it ended exactly once, and all sides agree


def in_callers_view(request: Request, endings: list[Ending]) -> Iterator[str]:
    if len(endings) != 1:
        yield f"{request.id} ended {len(endings)} times for its caller: {[str(ending) for ending in endings]}"
    yield from (f"{request.id}: {ending}" for ending in endings if ending.end in (End.LATE, End.WRONG))


def in_planes_view(request: Request, ending: Ending, statuses: list[int]) -> Iterator[str]:
    """A record is written before the end of a response, so a complete response always has one."""
    if len(statuses) > 1:
        yield f"{request.id} was recorded {len(statuses)} times: {statuses}"
    complete = ending.end in (End.ANSWERED, End.REFUSED, End.BROKEN)
    # The plane may have been killed before it noticed that the caller had left.
    noticed = ending.end is End.LEFT and ending.status and not request.plane_is_killed
    if not statuses and (complete or noticed):
        yield f"{request.id} was not recorded; its caller saw: {ending}"
    if complete and statuses and statuses[0] != ending.status:
        yield f"{request.id} was recorded with {statuses[0]}; its caller saw: {ending}"


def in_engines_view(request: Request, ending: Ending, accepted: int) -> Iterator[str]:
    if accepted > 1:
        yield f"{request.id} was accepted by engines {accepted} times"
    if ending.end is End.ANSWERED and accepted != 1:
        yield f"{request.id} was answered, but accepted by engines {accepted} times"


def violations(ledger: Ledger, recorded: dict[str, list[int]], accepted: dict[str, int] | None) -> list[str]:
    """Which requests did not end exactly once, and why. Without the engines' ledger, their view is omitted."""
    found = []
    for request in ledger.requests:
        endings = ledger.endings[request.id]
        found += in_callers_view(request, endings)
        for ending in endings[:1]:
            found += in_planes_view(request, ending, recorded.get(request.id, []))
            if accepted is not None:
                found += in_engines_view(request, ending, accepted.get(request.id, 0))
    repeated = collections.Counter(request.id for request in ledger.requests)
    return found + [f"the ID {id} was used {count} times" for id, count in repeated.items() if count > 1]


# Reading responses


def sentence_of(text: str, tokens: int) -> str:
    """The sentence of a complete answer: alone, or continued to this many tokens.

    vLLM repeats the sentence on further lines; the stand-in continues it with numbered words.

    Raises ValueError if a part of the answer is missing or occurs twice.
    """
    text = text.strip()
    match = re.match(r"Hello from v\d+", text)
    sentence = match[0] if match else ""
    numbered = sentence + "".join(f" w{number}" for number in range(tokens - len(sentence.split())))
    *whole, last = text.split("\n")
    repeated = bool(whole) and set(whole) == {sentence} and sentence.startswith(last)
    if not sentence or not (text == numbered or (repeated and tokens) or (text == sentence and not tokens)):
        raise ValueError(f"not a complete answer: {text[:100]!r} … {text[-100:]!r}")
    return sentence


def error_message(body: bytes) -> str:
    """The message of an error response, in any of its forms."""
    document = json.loads(body)
    error = document.get("error")
    message = document.get("message") or (error.get("message") if isinstance(error, dict) else error)
    if not isinstance(message, str):
        raise ValueError(f"an error without a message: {body[:300]!r}")
    return message


def events_of(body: bytes) -> tuple[list[dict], bool]:
    """The JSON events of a stream, and whether [DONE] ended it; comments are ignored."""
    data = [line.removeprefix(b"data:").strip() for line in body.splitlines() if line.startswith(b"data:")]
    done = bool(data) and data[-1] == b"[DONE]"
    events = data[:-1] if done else data
    if b"[DONE]" in events:
        raise ValueError("a stream has events after [DONE]")
    return [json.loads(event) for event in events], done


def stream_ending(body: bytes, id: str, generate: bool, tokens: int) -> tuple[End, str]:
    """How a complete stream ended, and its sentence or error message."""
    events, done = events_of(body)
    failed = [event for event in events if event.get("error") or event.get("error_code")]
    if failed:
        return End.BROKEN, error_message(json.dumps(failed[0]).encode())
    if generate:
        if done or not events or events[-1].get("request_id") != id or any("text" not in one for one in events[:-1]):
            raise ValueError(f"a stream without its last event: {body[-300:]!r}")
        return End.ANSWERED, sentence_of("".join(event["text"] for event in events[:-1]), tokens)
    if not done:
        raise ValueError(f"a stream that ended before [DONE]: {body[-300:]!r}")
    choices = [choice for event in events for choice in event["choices"]]
    return End.ANSWERED, sentence_of("".join(choice["delta"].get("content") or "" for choice in choices), tokens)


def whole_ending(status: int, body: bytes, id: str, generate: bool, tokens: int) -> tuple[End, str]:
    """The same for a response that is not a stream."""
    if status != 200:
        return End.REFUSED, error_message(body)
    document = json.loads(body)
    if generate:
        if document["request_id"] != id:
            raise ValueError(f"the answer to another request: {body[:300]!r}")
        return End.ANSWERED, sentence_of(document["generated_text"], tokens)
    return End.ANSWERED, sentence_of(document["choices"][0]["message"]["content"], tokens)
