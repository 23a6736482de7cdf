"""Continuous requests while a version is replaced: each is counted and timed, and its response read completely."""

import collections
import http.client
import itertools
import json
import threading
from dataclasses import dataclass, field

CLIENTS = 3
PAUSE_SECONDS = 0.5
PATIENCE_SECONDS = 120
# The request in progress when the block ends, and the last one, with their bodies.
JOIN_SECONDS = 3 * PATIENCE_SECONDS
# Every few requests, one is long, so that some are in progress at the moment of the switch. A sentence has five tokens
# (three words, end, newline), and the model repeats it.
LONG_EVERY = 12
LONG_TOKENS = 200


@dataclass
class Tally:
    sent: int = 0
    answers: collections.Counter = field(default_factory=collections.Counter)
    failures: list[str] = field(default_factory=list)
    last: str = ""  # the answer to the request that was sent last; a long one that was sent earlier may end after it
    last_number: int = 0
    meanwhile: int = 0  # the number of requests sent during the block

    def __str__(self) -> str:
        answers = ", ".join(f"{count} × {text!r}" for text, count in sorted(self.answers.items()))
        return f"{self.sent} requests sent, {len(self.failures)} failed ({answers})"


class Traffic:
    """`with Traffic(...) as tally:` sends requests from before the block until after it.

    The block begins once each client has received an answer. When it has ended, each client sends one last request. The
    first answer is therefore always from before the block, and the last request from after it, however fast it was.
    """

    def __init__(self, port: int, token: str, endpoint: str):
        self.port, self.token, self.endpoint = port, token, endpoint
        self.tally, self.sent_before = Tally(), 0
        self.lock = threading.Lock()
        self.flowing = threading.Semaphore(0)  # one for each client that has completed its first request
        self.stop = threading.Event()
        self.threads = [threading.Thread(target=self.client, daemon=True) for _ in range(CLIENTS)]

    def __enter__(self) -> Tally:
        for thread in self.threads:
            thread.start()
        for _ in self.threads:
            self.flowing.acquire(timeout=PATIENCE_SECONDS)
        self.sent_before = self.tally.sent
        return self.tally

    def __exit__(self, *_) -> None:
        self.tally.meanwhile = self.tally.sent - self.sent_before
        self.stop.set()
        for thread in self.threads:
            thread.join(JOIN_SECONDS)

    def client(self) -> None:
        """One client with one connection, which stays open as long as the server allows."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_SECONDS)
        for number in itertools.count(1):
            ended = self.stop.is_set()
            with self.lock:
                self.tally.sent += 1
                sent = self.tally.sent
            try:
                self.answered(sent, self.ask(connection, long=number % LONG_EVERY == 0, stream=number % 2 == 0))
            except (OSError, http.client.HTTPException, ValueError, LookupError) as failure:
                with self.lock:
                    self.tally.failures.append(f"{type(failure).__name__}: {failure}")
                connection.close()
            if number == 1:
                self.flowing.release()
            if ended:
                return connection.close()
            self.stop.wait(PAUSE_SECONDS)

    def answered(self, number: int, text: str) -> None:
        """Count the answer to the request with this number under its sentence; an answer comes from one version."""
        sentences = set(text.strip().split("\n"))
        if len(sentences) != 1:
            raise ValueError(f"one answer, several sentences: {sorted(sentences)}")
        with self.lock:
            sentence = sentences.pop()
            self.tally.answers[sentence] += 1
            if number > self.tally.last_number:
                self.tally.last, self.tally.last_number = sentence, number

    def ask(self, connection: http.client.HTTPConnection, long: bool, stream: bool) -> str:
        body = {"messages": [{"role": "user", "content": "Say hello."}], "stream": stream}
        if long:
            body |= {"max_tokens": LONG_TOKENS, "ignore_eos": True}
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {self.token}"}
        connection.request("POST", f"/serving-endpoints/{self.endpoint}/invocations", json.dumps(body), headers)
        response = connection.getresponse()
        data = response.read().decode()
        if response.status != 200:
            raise ValueError(f"HTTP {response.status}: {data[:300]}")
        return streamed_text(data) if stream else json.loads(data)["choices"][0]["message"]["content"]


def streamed_text(data: str) -> str:
    """The text of a chat completion sent as server-sent events; an incomplete stream is an error."""
    events = [line.removeprefix("data: ") for line in data.splitlines() if line.startswith("data: ")]
    if not events or events[-1] != "[DONE]":
        raise ValueError(f"the stream ended before [DONE]: {data[-200:]!r}")
    chunks = [json.loads(event) for event in events[:-1]]
    if error := next((chunk["error"] for chunk in chunks if "error" in chunk), None):
        raise ValueError(f"error in the stream: {error}")
    return "".join(choice["delta"].get("content") or "" for chunk in chunks for choice in chunk["choices"])
