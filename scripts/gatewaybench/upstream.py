#!/usr/bin/env python3
"""A replica that costs next to nothing: in place of vLLM, behind every gateway of the bench.

    upstream.py canned FOLDER NGINX --port P        nginx, which reads each request and sends a canned response
    upstream.py streams FOLDER NGINX --port P       streams of chunks, each in its own write

It also runs as the Python of a plane, so further arguments are vLLM's. Of those, only the last `--port` counts. It
responds to what a plane and the other gateways request of a replica: health, models, metrics, and a first token.
"""

import heapq
import json
import os
import pathlib
import selectors
import socket
import sys
import time
from dataclasses import dataclass

MODEL = "support-chat"
CHUNKS = 200
# Longer than it takes to pass a chunk on, so that the chunks of a stream stay separate.
PAUSE_SECONDS = 0.002

COMPLETION = {
    "id": "chatcmpl-8d6f1c3f0f4e4d0f",
    "object": "chat.completion",
    "created": 1790000000,
    "model": MODEL,
    "choices": [
        {
            "index": 0,
            "message": {"role": "assistant", "content": "Hello from a canned replica.", "tool_calls": []},
            "logprobs": None,
            "finish_reason": "stop",
        }
    ],
    "usage": {"prompt_tokens": 12, "total_tokens": 18, "completion_tokens": 6},
}
MODELS = {"object": "list", "data": [{"id": MODEL, "object": "model", "created": 1790000000, "owned_by": "vllm"}]}
METRICS = 'vllm:num_requests_running{engine="0"} 0.0\nvllm:generation_tokens_total{engine="0"} 6.0\n'


def compact(document: object) -> str:
    """JSON without blanks, as vLLM writes it."""
    return json.dumps(document, separators=(",", ":"))


GETS = {
    "/health": ("text/plain", ""),
    "/v1/models": ("application/json", compact(MODELS)),
    "/metrics": ("text/plain", METRICS),
}


def nginx_frame(folder: pathlib.Path, workers: str, http: str) -> str:
    """A configuration of nginx that writes only to the folder, and keeps connections and bodies as they are."""
    paths = "\n".join(
        f"  {kind}_temp_path {folder}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    return f"""\
daemon off;
{"user root;" if os.getuid() == 0 else ""}
worker_processes {workers};
pid {folder}/nginx.pid;
error_log stderr error;
events {{ worker_connections 1024; }}
http {{
{paths}
  access_log off;
  keepalive_requests 1000000000;
  client_max_body_size 64m;
  client_body_buffer_size 1m;
{http}
}}
"""


def canned_configuration(folder: pathlib.Path, port: int) -> str:
    """`return` alone would respond before the body has arrived; `mirror` reads the body first. The request then finds
    no file, and is answered by @canned."""
    gets = "\n".join(
        f"    location = {path} {{ default_type {kind}; return 200 '{body}'; }}" for path, (kind, body) in GETS.items()
    )
    return nginx_frame(
        folder,
        "1",
        f"""\
  root {folder}/nothing;
  log_not_found off;
  open_file_cache max=8;
  open_file_cache_errors on;
  default_type application/json;
  server {{
    listen 127.0.0.1:{port};
{gets}
    location = /v1/chat/completions {{ mirror /read; mirror_request_body on; error_page 404 405 =200 @canned; }}
    location = /read {{ internal; return 204; }}
    location @canned {{ return 200 '{compact(COMPLETION)}'; }}
  }}""",
    )


# The streams


def event(content: str, reason: str | None = None) -> bytes:
    """A chunk as vLLM sends it, about 220 bytes, in the chunked encoding."""
    choice = {"index": 0, "delta": {"content": content}, "logprobs": None, "finish_reason": reason, "token_ids": None}
    document = {"id": COMPLETION["id"], "object": "chat.completion.chunk", "created": 1790000000, "model": MODEL}
    return chunked(b"data: " + compact(document | {"choices": [choice]}).encode() + b"\n\n")


def chunked(data: bytes) -> bytes:
    return f"{len(data):x}\r\n".encode() + data + b"\r\n"


STREAM_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\ntransfer-encoding: chunked\r\n\r\n"
# Each has other text: LiteLLM takes a repeated chunk for a fault of the model.
STREAM = [event(f" w{number:03}") for number in range(CHUNKS - 1)] + [event(" end.", "stop")]
STREAM_END = chunked(b"data: [DONE]\n\n") + b"0\r\n\r\n"


def response(kind: str, body: str, status: str = "200 OK") -> bytes:
    return f"HTTP/1.1 {status}\r\ncontent-type: {kind}\r\ncontent-length: {len(body)}\r\n\r\n{body}".encode()


@dataclass(eq=False)
class Connection:
    socket: socket.socket
    received: bytes = b""
    sent: int = 0  # the chunks of its stream

    def request(self) -> tuple[str, bytes] | None:
        """The path and the body of the next complete request."""
        head, gap, rest = self.received.partition(b"\r\n\r\n")
        if not gap:
            return None
        lines = head.lower().split(b"\r\n")
        lengths = [int(line[15:]) for line in lines if line.startswith(b"content-length:")]
        length = lengths[0] if lengths else 0
        if b"transfer-encoding: chunked" in lines:
            if not rest.endswith(b"0\r\n\r\n"):
                return None
            length = len(rest)
        if len(rest) < length:
            return None
        self.received = rest[length:]
        return head.split()[1].decode(), rest[:length]


class StreamServer:
    """One thread for all streams. Each has its own next time, so they do not send in step."""

    def __init__(self, port: int):
        self.selector = selectors.DefaultSelector()
        self.listener = socket.create_server(("127.0.0.1", port), backlog=512)
        self.selector.register(self.listener, selectors.EVENT_READ)
        self.due: list[tuple[float, int, Connection]] = []
        self.number = 0

    def run(self) -> None:
        while True:
            wait = max(0.0, self.due[0][0] - time.monotonic()) if self.due else None
            for key, _ in self.selector.select(wait):
                if key.fileobj is self.listener:
                    accepted, _ = self.listener.accept()
                    accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    self.selector.register(accepted, selectors.EVENT_READ, Connection(accepted))
                else:
                    self.attempt(self.receive, key.data)
            while self.due and self.due[0][0] <= time.monotonic():
                self.attempt(self.send_chunk, heapq.heappop(self.due)[2])

    def attempt(self, work, connection: Connection) -> None:
        """Do it; a connection that fails is closed, and its stream ends."""
        try:
            work(connection)
        except OSError:
            if connection.socket.fileno() >= 0:
                self.selector.unregister(connection.socket)
                connection.socket.close()

    def receive(self, connection: Connection) -> None:
        if not (data := connection.socket.recv(1 << 20)):
            raise ConnectionResetError
        connection.received += data
        while request := connection.request():
            self.respond(connection, *request)

    def respond(self, connection: Connection, path: str, body: bytes) -> None:
        if path in GETS:
            connection.socket.sendall(response(*GETS[path]))
        elif path != "/v1/chat/completions":
            connection.socket.sendall(response("application/json", '{"detail":"Not Found"}', "404 Not Found"))
        elif b'"stream":true' not in body.replace(b" ", b""):
            connection.socket.sendall(response("application/json", compact(COMPLETION)))
        else:
            connection.sent = 0
            connection.socket.sendall(STREAM_HEAD)
            self.schedule(connection)

    def schedule(self, connection: Connection) -> None:
        self.number += 1
        heapq.heappush(self.due, (time.monotonic() + PAUSE_SECONDS, self.number, connection))

    def send_chunk(self, connection: Connection) -> None:
        if connection.sent == CHUNKS:
            connection.socket.sendall(STREAM_END)
            return
        connection.socket.sendall(STREAM[connection.sent])
        connection.sent += 1
        self.schedule(connection)


def main() -> None:
    kind, folder, nginx, *rest = sys.argv[1:]
    port = int(rest[len(rest) - rest[::-1].index("--port")])  # what follows the last one
    if kind == "streams":
        StreamServer(port).run()
    own = pathlib.Path(folder) / f"nginx-{port}"
    own.mkdir(exist_ok=True)
    path = own / "nginx.conf"
    path.write_text(canned_configuration(own, port))
    os.execv(nginx, [nginx, "-e", "stderr", "-p", str(own), "-c", str(path)])


if __name__ == "__main__":
    main()
