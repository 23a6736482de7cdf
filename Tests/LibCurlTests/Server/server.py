"""The server that the tests talk to: HTTP/1.1, HTTPS, HTTP/2 and a proxy, with every fault that they need.

It makes its own certificate authority, prints one JSON line with its ports and files, and ends when its standard input
is closed. Nothing in it waits for a time to pass: it waits for the client or for another request.
"""

import base64
import gzip
import http.server
import itertools
import json
import os
import shutil
import socket
import socketserver
import ssl
import struct
import subprocess
import sys
import tempfile
import threading
from urllib.parse import parse_qs, urlsplit

PATIENCE = 60  # seconds after which a wait for the client gives up, so that a broken test ends

connections = itertools.count(1)
lock = threading.Lock()
events: dict[str, threading.Event] = {}
facts: dict[str, dict] = {}
mails: dict[str, dict] = {}  # by recipient


def event(key):
    with lock:
        return events.setdefault(key, threading.Event())


def fact(key):
    with lock:
        return facts.setdefault(key, {"requests": 0, "bytes": 0})


def reset(connection):
    """Closes with RST instead of FIN."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def setup(self):
        super().setup()
        self.connection_id = next(connections)
        self.requests_here = 0

    def log_message(self, *arguments):
        pass

    def handle_any(self):
        self.requests_here += 1
        url = urlsplit(self.path)
        self.query = {name: values[0] for name, values in parse_qs(url.query).items()}
        self.key = self.query.get("key", "")
        if self.key:
            fact(self.key)["requests"] += 1
            event("arrived " + self.key).set()
        self.about = self.query.get("about", "")
        getattr(self, "on_" + url.path.strip("/").replace("-", "_"), self.on_unknown)()

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = handle_any

    # Answers

    def body(self):
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def answer(self, body=b"", status=200, headers=(), reason=None):
        self.send_response(status, reason)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def answer_json(self, value):
        self.answer(json.dumps(value).encode(), headers=[("Content-Type", "application/json")])

    def start_chunks(self, headers=()):
        self.send_response(200)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()

    def chunk(self, data):
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))

    def wait_for_close(self):
        """Returns when the client has closed the connection, and tells /closed."""
        self.connection.settimeout(PATIENCE)
        try:
            while self.connection.recv(65536):
                pass
        except OSError:
            pass
        event("closed " + self.key).set()
        self.close_connection = True

    # Plain requests

    def on_echo(self):
        body = self.body()
        self.answer_json({
            "method": self.command, "path": self.path, "body": body.decode("latin-1"),
            "headers": [[name, value] for name, value in self.headers.items()], "connection": self.connection_id})

    def on_connection(self):
        self.answer(str(self.connection_id).encode())

    def on_status(self):
        self.answer(b"as asked", status=int(self.query["code"]), reason="As Asked")

    def on_fields(self):
        self.answer(b"", headers=[("Set-Cookie", "a=1"), ("X-Odd", "  padded \t"), ("Set-Cookie", "b=2"), ("X-Empty", "")])

    def on_early_hints(self):
        self.wfile.write(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n")
        self.answer(b"after the hints", headers=[("X-Real", "yes")])

    def on_bytes(self):
        self.answer(b"x" * int(self.query["count"]))

    def on_length(self):
        self.answer_json({"length": len(self.body())})

    def on_unknown(self):
        self.body()
        self.answer(b"no such path", status=404)

    # Questions and orders about the request with a certain key

    def on_release(self):
        event(f"release {self.about} {self.query['piece']}").set()
        self.answer()

    def on_arrived(self):
        """Answers when the request has arrived."""
        self.answer_json({"arrived": event("arrived " + self.about).wait(PATIENCE)})

    def on_closed(self):
        """Answers when the client has closed the request's connection."""
        seen = event("closed " + self.about).wait(PATIENCE)
        self.answer_json({"closed": seen, **fact(self.about)})

    def on_facts(self):
        self.answer_json(fact(self.about))

    def on_mail(self):
        self.answer_json(mails.get(self.about, {}))

    # Redirects

    def on_redirect(self):
        self.body()
        self.answer(b"moved", status=302, headers=[("Location", self.query.get("to", "/connection"))])

    def on_circle(self):
        self.answer(status=302, headers=[("Location", "/circle")])

    def on_redirect_nowhere(self):
        self.answer(b"multiple choices", status=300)

    # Compression

    def on_gzip(self):
        self.answer(gzip.compress(b"small text"), headers=[("Content-Encoding", "gzip")])

    def on_bomb(self):
        zeros = bytes(1 << 20)
        data = gzip.compress(zeros * int(self.query["megabytes"]), 9)
        self.answer(data, headers=[("Content-Encoding", "gzip")])

    # Streams

    def on_stream(self):
        """Three pieces, the second and third only after /release: the client must have the ones before by then."""
        self.start_chunks()
        for piece in range(3):
            if piece:
                event(f"release {self.key} {piece}").wait(PATIENCE)
            self.chunk(b"piece %d" % piece)
        self.wfile.write(b"0\r\nX-Trailer: late\r\n\r\n")

    def on_flood(self):
        """Bytes without end, until the client closes."""
        self.start_chunks()
        data = b"f" * 65536
        try:
            while True:
                self.chunk(data)
                fact(self.key)["bytes"] += len(data)
        except OSError:
            pass
        event("closed " + self.key).set()
        self.close_connection = True

    def on_drip(self):
        """Never silent for long, never done."""
        self.start_chunks()
        pause = threading.Event()
        try:
            while True:
                self.chunk(b".")
                pause.wait(0.02)
        except OSError:
            pass
        event("closed " + self.key).set()
        self.close_connection = True

    # Faults

    def on_silent(self):
        self.wait_for_close()

    def on_stall(self):
        self.send_response(200)
        self.send_header("Content-Length", "1000")
        self.end_headers()
        self.wfile.write(b"ten bytes.")
        self.wait_for_close()

    def on_reset(self):
        self.send_response(200)
        self.send_header("Content-Length", "1000")
        self.end_headers()
        self.wfile.write(b"ten bytes.")
        # The client must have read the bytes: a reset throws away what is still in its buffer.
        event(f"release {self.key} 1").wait(PATIENCE)
        reset(self.connection)
        self.close_connection = True

    def on_truncate(self):
        self.send_response(200)
        self.send_header("Content-Length", "1000")
        self.end_headers()
        self.wfile.write(b"ten bytes.")
        self.close_connection = True

    def on_hang_up(self):
        self.body()
        self.close_connection = True

    def on_hang_up_when_reused(self):
        """Answers on a fresh connection; on one that was used before it takes the request and closes."""
        self.body()
        if self.requests_here > 1:
            self.close_connection = True
        else:
            self.answer(b"fresh")

    def on_reset_upload(self):
        """Closes while the client is still sending."""
        self.rfile.read(1000)
        reset(self.connection)
        self.close_connection = True

    def on_endless_headers(self):
        self.wfile.write(b"HTTP/1.1 200 OK\r\n")
        try:
            while True:
                self.wfile.write(b"X-More: " + b"y" * 1000 + b"\r\n")
        except OSError:
            pass
        self.close_connection = True

    def on_not_http(self):
        self.wfile.write(b"220 mail.example.com ESMTP\r\n")
        self.close_connection = True


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True
    request_queue_size = 1024
    tls = None

    def finish_request(self, request, client_address):
        # The handshake belongs to the connection's own thread, not to the one that accepts.
        if self.tls:
            try:
                request = self.tls.wrap_socket(request, server_side=True)
            except OSError:
                return
        self.RequestHandlerClass(request, client_address, self)
        if self.tls:
            try:
                request.close()
            except OSError:
                pass

    def handle_error(self, request, client_address):
        pass

    def server_bind(self):
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = self.server_address


class ProxyHandler(http.server.BaseHTTPRequestHandler):
    """Answers a plain request itself, saying what it saw, and tunnels CONNECT."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *arguments):
        pass

    def user(self):
        scheme, _, value = self.headers.get("Proxy-Authorization", "").partition(" ")
        return base64.b64decode(value).decode() if scheme == "Basic" else ""

    def do_GET(self):
        body = json.dumps({"proxied": self.path, "user": self.user()}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_CONNECT(self):
        self.close_connection = True
        if self.user().startswith("denied:"):
            self.send_response(407, "Not You")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        host, _, port = self.path.rpartition(":")
        with socket.create_connection((host, int(port))) as target:
            self.wfile.write(b"HTTP/1.1 200 Connected\r\nX-Proxy: yes\r\n\r\n")
            back = threading.Thread(target=pump, args=(target, self.connection), daemon=True)
            back.start()
            pump(self.connection, target)
            back.join()


def pump(source, sink):
    try:
        while data := source.recv(65536):
            sink.sendall(data)
    except OSError:
        pass
    for end in (source, sink):
        try:
            end.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass


def serve_http2(listener, context):
    """Just enough of HTTP/2 (RFC 9113): every request is answered with the number of its connection.

    A request to a path longer than "/" is answered with a body that never ends, sent as far as the window allows.
    """
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=http2_connection, args=(connection, context), daemon=True).start()


def http2_connection(connection, context):
    def frame(kind, flags, stream, payload=b""):
        secure.sendall(len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload)

    def exactly(count):
        data = b""
        while len(data) < count:
            more = secure.recv(count - len(data))
            if not more:
                raise OSError("closed")
            data += more
        return data

    number = str(next(connections)).encode()
    try:
        with context.wrap_socket(connection, server_side=True) as secure:
            if secure.selected_alpn_protocol() != "h2":
                return
            exactly(24)
            frame(4, 0, 0)
            while True:
                head = exactly(9)
                kind, flags, stream = head[3], head[4], int.from_bytes(head[5:9], "big")
                payload = exactly(int.from_bytes(head[:3], "big"))
                if kind == 4 and not flags & 1:
                    frame(4, 1, 0)
                elif kind == 6 and not flags & 1:
                    frame(6, 1, 0, payload)
                elif kind == 1:
                    frame(1, 4, stream, b"\x88")  # :status 200, from HPACK's static table
                    if b"\x84" in payload[:8]:  # :path /, from HPACK's static table
                        frame(0, 1, stream, number)
                    else:
                        for _ in range(3):  # 48 KiB of the 64 KiB that the connection's first window allows
                            frame(0, 0, stream, b"h" * 16384)
    except OSError:
        pass


def mute(listener):
    """Takes connections and never says a word."""
    kept = []
    while True:
        kept.append(listener.accept())


def serve_smtp(listener):
    while True:
        connection, _ = listener.accept()
        background(smtp_connection, connection)


def smtp_connection(connection):
    """Just enough of SMTP (RFC 5321). The recipient's name says what happens to the mail."""
    login = []
    sender = recipient = ""
    try:
        with connection, connection.makefile("rb") as lines:
            def reply(line):
                connection.sendall(line.encode() + b"\r\n")

            reply("220 mail.invalid ESMTP")
            while line := lines.readline():
                verb, _, rest = line.decode("latin-1").strip().partition(" ")
                verb = verb.upper()
                if verb == "EHLO":
                    reply("250-mail.invalid")
                    reply("250 AUTH PLAIN")
                elif verb == "AUTH":
                    initial = rest.partition(" ")[2]
                    if not initial:
                        reply("334 ")
                        initial = lines.readline().decode().strip()
                    login = base64.b64decode(initial).decode().split("\0")[1:]
                    reply("235 welcome")
                elif verb == "MAIL":
                    sender = rest
                    reply("250 fine")
                elif verb == "RCPT":
                    recipient = rest[rest.find("<") + 1:rest.find(">")]
                    if recipient.startswith("refused"):
                        reply("550 no such user")
                    elif recipient.startswith("later"):
                        reply("451 come back later")
                    elif recipient.startswith("silent"):
                        event("arrived " + recipient).set()
                        lines.read()
                        event("closed " + recipient).set()
                        return
                    else:
                        reply("250 fine")
                elif verb == "DATA":
                    reply("354 go on")
                    data = b""
                    while (line := lines.readline()) not in (b".\r\n", b""):
                        data += line[1:] if line.startswith(b".") else line
                    mails[recipient] = {"from": sender, "login": login, "data": data.decode("latin-1")}
                    reply("250 taken")
                elif verb == "QUIT":
                    reply("221 bye")
                    return
                else:
                    reply("250 fine")
    except OSError:
        pass


def make_certificates(directory):
    def openssl(*arguments):
        subprocess.run(["openssl", *arguments], check=True, cwd=directory, capture_output=True)

    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    openssl("req", "-x509", *key, "-keyout", "ca.key", "-out", "ca.pem", "-days", "2", "-subj", "/CN=test authority",
            "-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign")
    for name, alternative in [("server", "IP:127.0.0.1,DNS:localhost"), ("stranger", "DNS:stranger.invalid")]:
        with open(os.path.join(directory, name + ".ext"), "w") as file:
            file.write(f"subjectAltName={alternative}\n")
        openssl("req", *key, "-keyout", name + ".key", "-out", name + ".csr", "-subj", f"/CN={name}")
        openssl("x509", "-req", "-in", name + ".csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial",
                "-days", "2", "-extfile", name + ".ext", "-out", name + ".pem")


def context(directory, name, *protocols):
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(os.path.join(directory, name + ".pem"), os.path.join(directory, name + ".key"))
    if protocols:
        made.set_alpn_protocols(list(protocols))
    return made


def listen():
    return socket.create_server(("127.0.0.1", 0), backlog=1024)


def background(target, *arguments):
    threading.Thread(target=target, args=arguments, daemon=True).start()


def main():
    directory = tempfile.mkdtemp(prefix="http-client-tests-")
    try:
        make_certificates(directory)
        plain, secure, stranger = (Server(("127.0.0.1", 0), Handler) for _ in range(3))
        secure.tls = context(directory, "server", "http/1.1")
        stranger.tls = context(directory, "stranger", "http/1.1")
        proxy = Server(("127.0.0.1", 0), ProxyHandler)
        for server in (plain, secure, stranger, proxy):
            background(server.serve_forever)
        http2, silent = listen(), listen()
        background(serve_http2, http2, context(directory, "server", "h2"))
        background(mute, silent)
        # The second one looks like a server on another machine: only 127.0.0.1 is this one.
        smtp, distant_smtp = listen(), socket.create_server(("127.0.0.2", 0))
        background(serve_smtp, smtp)
        background(serve_smtp, distant_smtp)
        # A port on which nobody listens: bound, so that nobody else takes it.
        closed = socket.socket()
        closed.bind(("127.0.0.1", 0))
        ports = {"plain": plain.server_port, "secure": secure.server_port, "stranger": stranger.server_port,
                 "proxy": proxy.server_port, "http2": http2.getsockname()[1], "mute": silent.getsockname()[1],
                 "closed": closed.getsockname()[1], "smtp": smtp.getsockname()[1],
                 "distantSMTP": distant_smtp.getsockname()[1]}
        print(json.dumps({"ports": ports, "caFile": os.path.join(directory, "ca.pem")}), flush=True)
        sys.stdin.read()
    finally:
        shutil.rmtree(directory, ignore_errors=True)


main()
