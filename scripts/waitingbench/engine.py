#!/usr/bin/env python3
"""A replica that costs next to nothing and holds requests: in place of vLLM, behind the plane of the bench.

    engine.py ... --port P        the other arguments are vLLM's

A stream gets its first event and nothing more. Another request is answered at once, unless it contains HOLD; then it
waits for POST /release. GET /order lists the numbers of the requests that were answered at once, in order of arrival.
"""

import json
import pathlib
import re
import resource
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from gatewaybench import upstream  # noqa: E402
from gatewaybench.upstream import Connection, response  # noqa: E402

HOLD = "hold until the release"
NUMBER = re.compile(rb"request (\d+)\b")
QUERY = "/v1/chat/completions"
ANSWER = response("application/json", upstream.compact(upstream.COMPLETION))


class HoldingServer(upstream.StreamServer):
    """One thread for all requests."""

    def __init__(self, port: int):
        super().__init__(port)
        self.held: list[Connection] = []
        self.order: list[int] = []

    def respond(self, connection: Connection, path: str, body: bytes) -> None:
        if path == "/release":
            held, self.held = self.held, []
            for one in held:
                self.attempt(lambda waiting: waiting.socket.sendall(ANSWER), one)
            connection.socket.sendall(response("text/plain", ""))
        elif path == "/order":
            order, self.order = self.order, []
            connection.socket.sendall(response("application/json", json.dumps(order)))
        elif path != QUERY:
            super().respond(connection, path, body)
        elif b'"stream":true' in body.replace(b" ", b""):
            connection.socket.sendall(upstream.STREAM_HEAD + upstream.STREAM[0])
        elif HOLD.encode() in body:
            self.held.append(connection)
        else:
            self.order += [int(number) for number in NUMBER.findall(body)]
            connection.socket.sendall(ANSWER)


def main() -> None:
    words = sys.argv[1:]
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    HoldingServer(int(words[len(words) - words[::-1].index("--port")])).run()  # what follows the last one


if __name__ == "__main__":
    main()
