"""A proxy between setpoint and its plane that records the calls, to prove that a command wrote nothing."""

import http.client
import http.server
import socketserver
import sys
import threading

READS = ("GET", "HEAD")
HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length"}


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def server_bind(self) -> None:
        """Skips HTTPServer's lookup of this machine's name, which may take long."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = self.server_address[:2]

    def handle_error(self, request, client_address) -> None:
        """Ignore the error: a client that is killed while it waits is part of the story."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


class Recorder:
    """`with Recorder(port) as recorder:` forwards calls of `recorder.url` to that port of this machine."""

    def __init__(self, port: int):
        self.calls: list[str] = []
        self.answers: list[tuple[str, bytes]] = []  # with their calls
        recorder = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def pass_on(self) -> None:
                recorder.calls.append(f"{self.command} {self.path}")
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                upstream = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
                upstream.request(self.command, self.path, body, dict(self.headers))
                response = upstream.getresponse()
                data = response.read()
                upstream.close()
                recorder.answers.append((f"{self.command} {self.path}", data))
                self.send_response(response.status)
                for name, value in response.getheaders():
                    if name.lower() not in HOP_BY_HOP:
                        self.send_header(name, value)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = pass_on

            def log_message(self, *_) -> None:
                """Print nothing: the calls are recorded."""

        self.server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    @property
    def writes(self) -> list[str]:
        """The calls that change something: a forecast has a body, and changes nothing."""
        return [call for call in self.calls if call.split()[0] not in READS and not call.endswith("/forecast")]

    def __enter__(self) -> "Recorder":
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_) -> None:
        self.server.shutdown()
        self.server.server_close()
