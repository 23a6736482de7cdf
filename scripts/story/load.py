"""Load from one process: many concurrent connections, with each response checked; and broken requests."""

import asyncio
import collections
import contextlib
import json
import os
import random
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

ANSWER_SECONDS = 120
LIMIT = 1 << 20
# The buffers of a client that reads slowly, so that the server notices.
SLOW_LIMIT = 4 << 10


@dataclass
class Outcomes:
    """The result of a load."""

    sent: int = 0
    answers: collections.Counter = field(default_factory=collections.Counter)
    failures: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        answers = ", ".join(f"{count} × {text!r}" for text, count in sorted(self.answers.items()))
        return f"{self.sent} requests sent, {len(self.failures)} failed ({answers})"


class Wire:
    """One HTTP/1.1 connection to the plane."""

    def __init__(self, port: int, slow: bool = False):
        self.port, self.slow = port, slow
        self.reader: asyncio.StreamReader | None = None
        self.writer: asyncio.StreamWriter | None = None

    async def connect(self) -> None:
        connection = socket.socket()
        try:
            if self.slow:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SLOW_LIMIT)
            connection.setblocking(False)
            await asyncio.get_running_loop().sock_connect(connection, ("127.0.0.1", self.port))
            limit = SLOW_LIMIT if self.slow else LIMIT
            self.reader, self.writer = await asyncio.open_connection(sock=connection, limit=limit)
        except BaseException:
            connection.close()
            raise

    def close(self) -> None:
        if self.writer:
            self.writer.close()
        self.reader = self.writer = None

    async def send(self, message: bytes) -> None:
        if not self.writer:
            await self.connect()
        self.writer.write(message)
        await self.writer.drain()

    async def receive(self) -> tuple[int, bytes]:
        """The status and the whole body; the connection is closed if the server says so."""
        status, fields = await self.head()
        body = b"".join([piece async for piece in self.pieces(fields)])
        if "close" in fields.get("connection", "").lower():
            self.close()
        return status, body

    async def head(self) -> tuple[int, dict[str, str]]:
        """The status of the next response, and its fields by name in lower case."""
        lines = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        fields = (line.partition(":") for line in lines[1:] if ":" in line)
        return int(lines[0].split()[1]), {name.lower(): value.strip() for name, _, value in fields}

    async def pieces(self, fields: dict[str, str]) -> AsyncIterator[bytes]:
        """The body after a head with these fields, as it arrives; EOFError if the connection is closed too early."""
        if "chunked" not in fields.get("transfer-encoding", ""):
            yield await self.reader.readexactly(int(fields.get("content-length", "0")))
            return
        while size := int((await self.line()).split(b";")[0], 16):
            yield await self.reader.readexactly(size)
            await self.line()
        await self.line()

    async def line(self) -> bytes:
        line = await self.reader.readline()
        if not line.endswith(b"\n"):
            raise EOFError("the connection was closed in the middle of a response")
        return line


def request(path: str, token: str | None, body: bytes, method: str = "POST", extra: str = "") -> bytes:
    head = f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
    if token:
        head += f"Authorization: Bearer {token}\r\n"
    return (head + extra + f"Content-Length: {len(body)}\r\n\r\n").encode() + body


def chat(endpoint: str, token: str, stream: bool, tokens: int = 0) -> bytes:
    document = {"messages": [{"role": "user", "content": "Say hello."}], "stream": stream}
    if tokens:
        document |= {"max_tokens": tokens, "ignore_eos": True}
    return request(f"/serving-endpoints/{endpoint}/invocations", token, json.dumps(document).encode())


def text_of(body: bytes, stream: bool) -> str:
    if not stream:
        return json.loads(body)["choices"][0]["message"]["content"]
    events = [line.removeprefix(b"data: ") for line in body.splitlines() if line.startswith(b"data: ")]
    if not events or events[-1] != b"[DONE]":
        raise ValueError(f"the stream ended before [DONE]: {body[-200:]!r}")
    chunks = [json.loads(event) for event in events[:-1]]
    return "".join(choice["delta"].get("content") or "" for chunk in chunks for choice in chunk["choices"])


class Load:
    """Valid requests over keep-alive connections; a late, truncated or wrong response is a failure."""

    def __init__(self, port: int, token: str, endpoint: str):
        self.port, self.token, self.endpoint = port, token, endpoint
        self.outcomes = Outcomes()
        self.stopped = False

    async def run(self, connections: int, requests: int | None = None) -> Outcomes:
        """Send this many requests in total; without a number, until `stop`."""
        left = iter(range(requests)) if requests is not None else iter(int, 1)
        await asyncio.gather(*(self.client(left) for _ in range(connections)))
        return self.outcomes

    def stop(self) -> None:
        self.stopped = True

    async def client(self, left) -> None:
        wire = Wire(self.port)
        for number, _ in enumerate(left):
            if self.stopped:
                break
            self.outcomes.sent += 1
            stream = number % 4 == 0
            try:
                async with asyncio.timeout(ANSWER_SECONDS):
                    await wire.send(chat(self.endpoint, self.token, stream))
                    status, body = await wire.receive()
                if status != 200:
                    raise ValueError(f"HTTP {status}: {body[:300]!r}")
                self.outcomes.answers[text_of(body, stream).strip()] += 1
            except (OSError, EOFError, ValueError, LookupError, asyncio.LimitOverrunError) as failure:
                self.outcomes.failures.append(f"{type(failure).__name__}: {failure}")
                wire.close()
        wire.close()


class Breakage:
    """Broken requests of every kind; `accepted` lists those that got an unexpected response."""

    def __init__(self, port: int, token: str, endpoint: str):
        self.port, self.token, self.endpoint = port, token, endpoint
        self.sent = 0
        self.accepted: list[str] = []
        path = f"/serving-endpoints/{endpoint}/invocations"
        good = chat(endpoint, token, stream=False)
        # What is sent, and the expected statuses; none: the response does not matter, because the client disconnects.
        self.kinds: dict[str, tuple[bytes, set[int]]] = {
            "no token": (request(path, None, b"{}"), {401}),
            "a wrong token": (request(path, "wrong", b"{}"), {401, 403}),
            "an endpoint that does not exist": (chat("nobody", token, stream=False), {404}),
            "a path that does not exist": (request("/nothing/here", token, b"{}"), {404}),
            "a body that is not JSON": (request(path, token, b"{\"messages\": ["), {400}),
            "a body that is not an object": (request(path, token, b"[1, 2]"), {400}),
            "no messages": (request(path, token, b"{}"), {400, 422}),
            "bytes that are not HTTP": (os.urandom(200) + b"\r\n\r\n", {400}),
            "a length that is not a number": (
                f"POST {path} HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n".encode(),
                {400, 401},
            ),
            "a header of 200 KB": (
                f"GET / HTTP/1.1\r\nHost: a\r\nX-Long: {'x' * 200_000}\r\n\r\n".encode(),
                {400, 401, 431},
            ),
            "incomplete headers": (good[:40], set()),
            "an incomplete body": (good[:-10], set()),
            "disconnected while waiting": (good, set()),
            "disconnected during a stream": (chat(endpoint, token, stream=True, tokens=200), set()),
        }

    async def run(self, requests: int, connections: int) -> None:
        left = iter(range(requests))
        await asyncio.gather(*(self.client(left) for _ in range(connections)))

    async def client(self, left) -> None:
        names = list(self.kinds)
        for number in left:
            name = names[number % len(names)]
            message, fitting = self.kinds[name]
            self.sent += 1
            wire = Wire(self.port)
            # A refusal may arrive before everything is sent, and closes the connection: that is a response too.
            with contextlib.suppress(OSError, EOFError, ValueError, LookupError, asyncio.LimitOverrunError):
                async with asyncio.timeout(ANSWER_SECONDS):
                    await wire.send(message)
                    if fitting:
                        status, body = await wire.receive()
                        if status not in fitting:
                            self.accepted.append(f"{name}: HTTP {status}: {body[:200]!r}")
                    else:
                        await asyncio.sleep(random.random() * 0.05)
            wire.close()
