#!/usr/bin/env python3
"""A scripted stand-in for vLLM's OpenAI server (Python's standard library only, ready in about 100 ms).

    python3 vllm_standin.py --model DIR --served-model-name m --host 127.0.0.1 --port P        (or --uds PATH)

or, with this folder on PYTHONPATH, `python3 -m vllm.entrypoints.openai.api_server …` as for the real one. vLLM's other
flags are accepted and ignored, save that a flag starting with --no-such is "unrecognized".

It is what a supervisor meets: connects are refused until it is ready; log lines in vLLM's grammar; an EngineCore and a
Worker child in the same process group which ignore SIGTERM and outlive a killed parent (a SIGKILL of EngineCore ends the
server with exit code 0, a SIGSTOP of it makes requests hang while /health stays 200); two /dev/shm/psm_* files (removed by a clean
exit) and sockets in $TMPDIR (never removed); SIGTERM: swallowed during start-up, exit 0 when idle, a freeze when requests are in
flight and --shutdown-timeout is 0, a drain (500 for new requests) when it is not.

Routes: GET /health /ping /version /metrics /load /v1/models; POST /v1/chat/completions, /v1/completions, /invocations,
/v1/embeddings (with "embed"), and for tests GET /standin (counters, pids, last headers) and POST /standin (a JSON object of
switches, applied at once).

It answers the sentence of --say, else of "say" in behaviour.json, else of DIR/say.txt, else "Hello from <DIR's name>". One word is
one token; with ignore_eos it goes on as " w0 w1 …" to max_tokens. An adapter of --lora-modules answers the sentence of say.txt in
its own folder, else the same.

What is naturally wrong fails as in real life: DIR missing, config.json not JSON, --max-model-len beyond its
max_position_embeddings, model.safetensors truncated or garbage, port in use, a foreign --host, a wrong --dtype.

Switches: DIR/behaviour.json, overridden by the JSON in $VLLM_STANDIN, overridden by POST /standin.

    say                          the answer
    start_ms            (50)     time until ready                    swallow_after_ms (10)  when SIGTERM stops being deadly
    start_failure       (none)   a name from standin_failures.py: module_missing unknown_flag bad_dtype no_such_model
                                 no_such_model_offline max_model_len bad_config unknown_architecture no_tokenizer port_in_use
                                 host_not_local truncated_weights garbage_weights no_weights shape_mismatch kv_cache_memory
                                 kv_env_unset cuda_out_of_memory bfloat16_on_t4 sleep_mode killed; comes after start_ms
    hang_at_start       (false)  never ready, SIGTERM ignored
    stop_ms             (100)    SIGTERM to exit when idle           refuse_stop (false)    SIGTERM ignored for ever
    first_token_ms, token_ms (0) pauses                              token_bytes (0)        pad every token to this many bytes
    max_num_seqs        (256)    requests generating at once, the rest wait (also the flag --max-num-seqs)
    admission_limit     (none)   503 beyond this many running and waiting (also --max-num-queued-reqs)
    reject_first        (0)      the first N requests get that 503
    drain_500_first     (0)      the first N requests get the 500 of a draining server
    die_on              (none)   exits at once when a request comes whose body contains this text; exit code die_code (1)
    drop_first          (0)      the first N requests: connection closed, no byte sent
    die_after_requests  (none)   exits at once when request N+1 comes; exit code die_code (1)
    engine_death_after_requests  the engine is killed when request N+1 comes: error, then exit code 0
    freeze_after_requests        request N+1 and later hang, /health 200, metrics stand still (freeze: true does it at once)
    stream_error_after_tokens    a stream fails so: 200, data: {"error"}, data: [DONE]
    drop_after_tokens            a connection is cut after so many tokens
    health              (200)    status of /health                   keep_alive_s (5.0)     idle connections are closed after this
    embed               (false)  an embedding model: /v1/embeddings instead of chat
    children            (true)   EngineCore and Worker are real processes
    orphan_s            (120)    children whose parent died leave after this, so that a failed test run leaves nothing for ever
    daemon              (false)  a process in a session of its own, without parents, as Ray's are
    store_socket        (false)  listens on every interface and answers nothing, as torch's store does
    babble              (false)  prints without end while it starts, and is never ready
    force_usage         (false)  every stream ends with a usage chunk (--enable-force-include-usage)
    ledger              (none)   a file that gets a line with the X-Request-Id of each request that is accepted for generation
"""
import json
import os
import select
import signal
import socket
import sys
import threading
import time

import standin_failures as failures

DEFAULTS = {"start_ms": 50, "swallow_after_ms": 10, "stop_ms": 100, "first_token_ms": 0, "token_ms": 0, "token_bytes": 0,
            "max_num_seqs": 256, "reject_first": 0, "drain_500_first": 0, "drop_first": 0, "die_code": 1, "health": 200,
            "keep_alive_s": 5.0, "children": True, "orphan_s": 120, "engine_exit_ms": 300}
SWITCHES = set(DEFAULTS) | {
    "say", "start_failure", "hang_at_start", "refuse_stop", "admission_limit", "die_after_requests",
    "die_on", "engine_death_after_requests", "freeze_after_requests", "freeze", "stream_error_after_tokens",
    "drop_after_tokens", "embed", "force_usage", "daemon", "store_socket", "babble", "ledger"}
REASONS = {200: "OK", 400: "Bad Request", 404: "Not Found", 405: "Method Not Allowed", 500: "Internal Server Error",
           503: "Service Unavailable"}
FLAGS_WITHOUT_VALUE = {"--enforce-eager", "--trust-remote-code", "--enable-lora", "--disable-uvicorn-access-log", "--headless",
                       "--enable-force-include-usage", "--enable-request-id-headers", "--enable-server-load-tracking",
                       "--enable-prefix-caching", "--enable-auto-tool-choice", "--disable-log-stats", "--enable-log-requests",
                       "--language-model-only", "--enable-sleep-mode"}


class Gone(Exception):
    """The client closed its side, or half of it: vLLM takes both for a disconnect."""


class Refused(Exception):
    """An answer in vLLM's error shape."""

    def __init__(self, status, kind, message, param=None):
        super().__init__(message)
        self.status = status
        self.body = {"error": {"message": message, "type": kind, "param": param, "code": status}}


def parse_arguments(argv):
    """Flags to values: `--a b`, `--a=b`, `--a`. What is not a flag of vLLM goes to `_unknown`."""
    args, i = {}, 0
    while i < len(argv):
        name = argv[i]
        i += 1
        if not name.startswith("--"):
            continue
        value = "true"
        if "=" in name:
            name, value = name.split("=", 1)
        elif name not in FLAGS_WITHOUT_VALUE and i < len(argv) and not argv[i].startswith("--"):
            value = argv[i]
            i += 1
            while name in ("--served-model-name", "--lora-modules") and i < len(argv) and not argv[i].startswith("-"):
                value += " " + argv[i]
                i += 1
        if name.startswith("--no-such"):
            args["_unknown"] = name if value == "true" else f"{name} {value}"
        args[name[2:]] = value
    return args


def load_switches(args):
    """behaviour.json, then the environment; a misspelt switch is an error, since a test would pass for the wrong reason."""
    switches = dict(DEFAULTS)
    path = os.path.join(args.get("model", "."), "behaviour.json")
    if os.path.exists(path):
        with open(path, encoding="utf-8") as file:
            switches.update(json.load(file))
    switches.update(json.loads(os.environ.get("VLLM_STANDIN", "{}")))
    if "max-num-seqs" in args:
        switches["max_num_seqs"] = int(args["max-num-seqs"])
    if "max-num-queued-reqs" in args:
        switches["admission_limit"] = int(args["max-num-queued-reqs"])
    check_switches(switches)
    return switches


def check_switches(switches):
    unknown = set(switches) - SWITCHES
    if unknown:
        raise SystemExit(f"vllm_standin: unknown switches {sorted(unknown)}; there are {sorted(SWITCHES)}")


def natural_failure(args):
    """The failure that the given folder and flags lead to without any switch, or None."""
    model = args.get("model", "")
    if "_unknown" in args:
        return "unknown_flag"
    if args.get("dtype", "auto") not in ("auto", "bfloat16", "float", "float16", "float32", "half"):
        return "bad_dtype"
    if not os.path.isdir(model):
        return "no_such_model" if model.startswith("/") else "no_such_model_offline"
    config = {}
    try:
        with open(os.path.join(model, "config.json"), encoding="utf-8") as file:
            config = json.load(file)
    except FileNotFoundError:
        pass
    except ValueError:
        return "bad_config"
    derived = config.get("max_position_embeddings")
    if derived and int(args.get("max-model-len", 0)) > derived:
        args["_derived"] = derived
        return "max_model_len"
    return weights_failure(os.path.join(model, "model.safetensors"))


def weights_failure(path):
    """A safetensors file is 8 bytes of header length, a JSON header and exactly the bytes that it promises."""
    if not os.path.exists(path):
        return None
    size = os.path.getsize(path)
    with open(path, "rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if length > 100_000_000 or size < 8:
            return "garbage_weights"
        try:
            header = json.loads(file.read(length))
            end = max((v["data_offsets"][1] for k, v in header.items() if k != "__metadata__"), default=0)
        except (ValueError, KeyError, TypeError):
            return "truncated_weights"
    return None if size == 8 + length + end else "truncated_weights"


class Children:
    """EngineCore and its Worker: processes of the same group that ignore SIGTERM and outlive the parent."""

    def __init__(self, orphan_s, listener):
        self.shm = [self._shared_memory(1 << 20) for _ in range(2)]
        self.engine = os.fork()
        if self.engine == 0:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            # Started by exec in real life: the port is free as soon as the server is dead.
            listener.close()
            # The worker notices the end of its engine (a pipe in real life); the engine does not notice the server's.
            self._live(0.25 if os.fork() == 0 else orphan_s)

    @staticmethod
    def _shared_memory(size):
        import mmap
        path = f"/dev/shm/psm_{os.urandom(4).hex()}"
        fd = os.open(path, os.O_CREAT | os.O_RDWR | os.O_EXCL, 0o600)
        os.ftruncate(fd, size)
        memory = mmap.mmap(fd, size)
        os.close(fd)
        return path, memory

    @staticmethod
    def _live(orphan_s):
        parent, orphaned = os.getppid(), 0.0
        while orphaned < orphan_s:
            time.sleep(0.25)
            orphaned = orphaned + 0.25 if os.getppid() != parent else 0.0
        os._exit(0)

    def state(self):
        """The engine's state letter in /proc: T is stopped, Z or nothing is dead."""
        try:
            with open(f"/proc/{self.engine}/stat", "rb") as file:
                return file.read().rsplit(b")", 1)[1].split()[0].decode()
        except OSError:
            return "Z"

    def descendants(self):
        try:
            with open(f"/proc/{self.engine}/task/{self.engine}/children", encoding="ascii") as file:
                return [self.engine] + [int(p) for p in file.read().split()]
        except OSError:
            return [self.engine]

    def kill(self):
        for pid in self.descendants():
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass

    def clean(self):
        for path, _ in self.shm:
            try:
                os.unlink(path)
            except FileNotFoundError:
                pass


class Engine:
    """What generates: the sentence, the limits, the counters, and the ways to break."""

    def __init__(self, args, switches, children):
        self.args, self.switches, self.children = args, switches, children
        self.names = args.get("served-model-name", args.get("model", "m")).split()
        self.adapters = dict(pair.split("=", 1) for pair in args.get("lora-modules", "").split())
        self.lock = threading.Condition()
        self.running = self.waiting = 0
        self.seen = self.aborted = self.prompt_tokens = self.generated = self.iterations = self.finished = 0
        self.draining = self.dead = self.frozen = False
        self.counts = {"reject_first": 0, "drain_500_first": 0, "drop_first": 0}

    def sentence(self, model=None):
        adapted = os.path.join(self.adapters.get(model, ""), "say.txt") if model in self.adapters else ""
        if os.path.exists(adapted):
            with open(adapted, encoding="utf-8") as file:
                return file.read().strip()
        if "say" in self.args or "say" in self.switches:
            return self.args.get("say", self.switches.get("say"))
        path = os.path.join(self.args.get("model", ""), "say.txt")
        if os.path.exists(path):
            with open(path, encoding="utf-8") as file:
                return file.read().strip()
        return "Hello from " + os.path.basename(os.path.normpath(self.args.get("model", "m")))

    def state(self):
        if self.frozen or self.switches.get("freeze"):
            return "frozen"
        if self.dead:
            return "dead"
        letter = self.children.state() if self.children else "S"
        if letter in "ZX":
            return "dead"
        return "frozen" if letter in "Tt" else "alive"

    def first(self, switch):
        """Whether this request is among the first N that a switch spoils."""
        with self.lock:
            if self.counts[switch] < self.switches[switch]:
                self.counts[switch] += 1
                return True
        return False

    def die(self):
        if self.children:
            self.children.kill()
            self.children.clean()
        failures.err("Fatal Python error: Segmentation fault\n")
        os._exit(self.switches["die_code"])

    def admit(self, body):
        """Everything that may happen to a request before it generates."""
        with self.lock:
            self.seen += 1
            seen = self.seen
        limits = self.switches
        if limits.get("die_after_requests") is not None and seen > limits["die_after_requests"]:
            self.die()
        if limits.get("die_on") and limits["die_on"].encode() in body:
            self.die()
        if limits.get("freeze_after_requests") is not None and seen > limits["freeze_after_requests"]:
            self.frozen = True
        if limits.get("engine_death_after_requests") is not None and seen > limits["engine_death_after_requests"]:
            if self.children:
                self.children.kill()
            else:
                self.dead = True
        if self.first("drop_first"):
            raise Gone()
        if self.first("drain_500_first") or self.draining:
            raise Refused(500, "InternalServerError", "cannot schedule new futures after shutdown")
        over = limits.get("admission_limit")
        if self.first("reject_first") or (over is not None and self.running + self.waiting >= over):
            raise Refused(503, "Service Unavailable", "The engine is currently busy and cannot accept new requests. "
                          "Please try again later.")

    def generate(self, client, request, prompt_tokens):
        """Yields (token, finish reason or None), one by one; the last one carries the reason."""
        words = self.sentence(request.get("model")).split()
        limit = request.get("max_completion_tokens") or request.get("max_tokens") or 16 + len(words)
        # The end-of-sequence token is generated too, and counts, unless the limit comes first.
        total = limit if request.get("ignore_eos") else min(limit, len(words))
        reason = "length" if limit <= len(words) or request.get("ignore_eos") else "stop"
        self._enter(client)
        try:
            with self.lock:
                self.prompt_tokens += prompt_tokens
            client.pause(self.switches["first_token_ms"] / 1000)
            for i in range(total):
                if i:
                    client.pause(self.switches["token_ms"] / 1000)
                self._obey(client, i)
                word = words[i] if i < len(words) else f"w{i - len(words)}"
                text = word if i == 0 else " " + word
                with self.lock:
                    self.generated += 1
                    self.iterations += 1
                yield text.ljust(self.switches["token_bytes"], "."), reason if i == total - 1 else None
            with self.lock:
                self.finished += 1
        except (Gone, OSError, GeneratorExit):
            # Noticed by a closed connection, a reset one, or a failed write that left the generator behind.
            with self.lock:
                self.aborted += 1
            raise
        finally:
            with self.lock:
                self.running -= 1
                self.lock.notify()

    def _enter(self, client):
        with self.lock:
            self.waiting += 1
            try:
                while self.running >= self.switches["max_num_seqs"]:
                    self.lock.wait(0.05)
                    client.check()
            finally:
                self.waiting -= 1
            self.running += 1

    def _obey(self, client, token):
        while self.state() == "frozen":
            client.pause(0.05)
        if self.state() == "dead" or token == self.switches.get("stream_error_after_tokens"):
            raise Refused(500, "InternalServerError", "EngineCore encountered an issue. See stack trace (above) for the root cause.")
        if token == self.switches.get("drop_after_tokens"):
            client.cut()
            raise Gone()

    def metrics(self):
        label = f'{{engine="0",model_name="{self.names[0]}"}}'
        series = [("gauge", "num_requests_running", "", self.running), ("gauge", "num_requests_waiting", "", self.waiting),
                  ("gauge", "kv_cache_usage_perc", "", self.running / 256), ("counter", "prompt_tokens", "_total", self.prompt_tokens),
                  ("counter", "generation_tokens", "_total", self.generated)]
        lines = []
        for kind, name, suffix, value in series:
            lines += [f"# HELP vllm:{name} {name}.", f"# TYPE vllm:{name} {kind}", f"vllm:{name}{suffix}{label} {float(value)}"]
        base = label[:-1]
        lines += ["# HELP vllm:iteration_tokens_total Histogram of number of tokens per engine_step.",
                  "# TYPE vllm:iteration_tokens_total histogram",
                  f'vllm:iteration_tokens_total_bucket{base},le="1.0"}} {float(self.iterations)}',
                  f'vllm:iteration_tokens_total_bucket{base},le="+Inf"}} {float(self.iterations)}',
                  f"vllm:iteration_tokens_total_count{label} {float(self.iterations)}",
                  f"vllm:iteration_tokens_total_sum{label} {float(self.generated)}",
                  "# HELP vllm:request_success Count of successfully processed requests.", "# TYPE vllm:request_success counter",
                  f'vllm:request_success_total{base},finished_reason="stop"}} {float(self.finished)}']
        return "\n".join(lines) + "\n"


class Client:
    """One connection: reads requests, writes answers, and notices when the other side leaves."""

    def __init__(self, sock, peer, server):
        self.sock, self.peer, self.server = sock, peer, server
        self.buffer = b""
        self.has_replied = False
        self.poll = select.poll()
        self.poll.register(sock, select.POLLIN)

    def serve(self):
        try:
            while self.one():
                pass
        except (Gone, OSError):
            pass
        finally:
            self.sock.close()

    def check(self, timeout=0.0):
        """Raises Gone when the other side has closed; a pipelined request is not a close."""
        if self.poll.poll(timeout * 1000):
            if self.sock.recv(1, socket.MSG_PEEK) == b"":
                raise Gone()
            if timeout:
                time.sleep(timeout)

    def pause(self, seconds):
        self.check(seconds)

    def cut(self):
        self.sock.shutdown(socket.SHUT_RDWR)

    def read(self, timeout=None):
        self.sock.settimeout(timeout)
        data = self.sock.recv(65536)
        self.sock.settimeout(None)
        if not data:
            raise Gone()
        self.buffer += data

    def line(self, timeout=None):
        while b"\r\n" not in self.buffer:
            self.read(timeout)
        text, self.buffer = self.buffer.split(b"\r\n", 1)
        return text.decode("latin-1")

    def exactly(self, count):
        while len(self.buffer) < count:
            self.read()
        data, self.buffer = self.buffer[:count], self.buffer[count:]
        return data

    def one(self):
        """One request and its answer; false when the connection ends."""
        # The time counts from the last response, as with uvicorn: a new connection is not idle.
        patience = self.server.engine.switches["keep_alive_s"] if self.has_replied else 60
        try:
            method, target, _ = self.line(patience).split(" ")
        except (socket.timeout, ValueError):
            return False
        headers = {}
        while (text := self.line()) != "":
            name, _, value = text.partition(":")
            headers[name.lower()] = value.strip()
        if "chunked" in headers.get("transfer-encoding", ""):
            body = b""
            while (size := int(self.line(), 16)) > 0:
                body += self.exactly(size)
                self.line()
            self.line()
        else:
            body = self.exactly(int(headers.get("content-length", 0)))
        self.status = 200
        try:
            self.server.answer(self, method, target.split("?")[0], headers, body)
        except Refused as refusal:
            self.reply(refusal.status, refusal.body)
        self.server.access_log(self.peer, method, target, self.status)
        self.has_replied = True
        return headers.get("connection", "").lower() != "close"

    def reply(self, status, body, kind="application/json", extra=""):
        self.status = status
        data = body.encode() if isinstance(body, str) else json.dumps(body, separators=(",", ":")).encode()
        head = (f"HTTP/1.1 {status} {REASONS[status]}\r\ndate: {time.strftime('%a, %d %b %Y %H:%M:%S GMT', time.gmtime())}\r\n"
                f"server: uvicorn\r\ncontent-length: {len(data)}\r\ncontent-type: {kind}\r\n{extra}\r\n")
        self.sock.sendall(head.encode() + data)

    def start_stream(self, extra=""):
        self.sock.sendall(("HTTP/1.1 200 OK\r\nserver: uvicorn\r\ncontent-type: text/event-stream; charset=utf-8\r\n"
                           f"{extra}transfer-encoding: chunked\r\n\r\n").encode())

    def event(self, value):
        data = b"data: " + (value if isinstance(value, bytes) else json.dumps(value, separators=(",", ":")).encode()) + b"\n\n"
        self.sock.sendall(b"%x\r\n%s\r\n" % (len(data), data))

    def end_stream(self):
        self.event(b"[DONE]")
        self.sock.sendall(b"0\r\n\r\n")


class Server:
    """The listening socket, the routes and the signals."""

    def __init__(self, args, engine):
        self.args, self.engine = args, engine
        self.terminating = False
        self.last_headers = {}
        self.quiet = set(args.get("disable-access-log-for-endpoints", "").split(","))

    def bind(self):
        if "uds" in self.args:
            self.socket = socket.socket(socket.AF_UNIX)
            self.socket.bind(self.args["uds"])
        else:
            self.socket = socket.socket()
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self.socket.bind((self.args.get("host", "0.0.0.0"), int(self.args.get("port", 8000))))

    def listen(self):
        self.socket.listen(2048)
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                sock, peer = self.socket.accept()
            except OSError:
                return
            if sock.family != socket.AF_UNIX:
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            name = f"{peer[0]}:{peer[1]}" if peer else "unix"
            threading.Thread(target=Client(sock, name, self).serve, daemon=True).start()

    def access_log(self, peer, method, path, status):
        if "disable-uvicorn-access-log" not in self.args and path not in self.quiet and path != "/standin":
            failures.out(f'(APIServer pid={os.getpid()}) INFO:     {peer} - "{method} {path} HTTP/1.1" {status} {REASONS[status]}\n')

    def answer(self, client, method, path, headers, body):
        engine = self.engine
        generating = {"/v1/chat/completions", "/v1/completions", "/invocations", "/v1/embeddings"}
        if method == "GET" and path in ("/health", "/ping"):
            client.reply(503 if engine.state() == "dead" else engine.switches["health"], "")
        elif method == "GET" and path == "/version":
            client.reply(200, {"version": "0.32.0"})
        elif method == "GET" and path == "/metrics":
            client.reply(200, engine.metrics(), "text/plain; version=1.0.0; charset=utf-8")
        elif method == "GET" and path == "/load":
            client.reply(200, {"server_load": 0})
        elif method == "GET" and path == "/v1/models":
            client.reply(200, {"object": "list", "data": [{"id": n, "object": "model", "created": int(time.time()), "owned_by": "vllm",
                                                           "root": self.args.get("model"), "parent": None} for n in engine.names]
                               + [{"id": n, "object": "model", "created": int(time.time()), "owned_by": "vllm", "root": path,
                                   "parent": engine.names[0]} for n, path in engine.adapters.items()]})
        elif path == "/standin":
            self.control(client, method, body)
        elif method == "POST" and path in generating and (path == "/v1/embeddings") == bool(engine.switches.get("embed")):
            self.last_headers = headers
            self.generate(client, path, headers, body)
        elif path in generating and method != "POST":
            client.reply(405, {"detail": "Method Not Allowed"}, extra="allow: POST\r\n")
        else:
            client.reply(404, {"detail": "Not Found"})

    def control(self, client, method, body):
        engine = self.engine
        if method == "POST":
            changes = json.loads(body)
            if set(changes) - SWITCHES:
                raise Refused(400, "Bad Request", f"unknown switches {sorted(set(changes) - SWITCHES)}")
            engine.frozen = engine.frozen and changes.get("freeze", True)
            engine.switches.update(changes)
        client.reply(200, {"seen": engine.seen, "running": engine.running, "waiting": engine.waiting, "aborted": engine.aborted,
                           "finished": engine.finished, "generated": engine.generated, "pid": os.getpid(),
                           "children": engine.children.descendants() if engine.children else [], "headers": self.last_headers,
                           "switches": engine.switches})

    def generate(self, client, path, headers, body):
        engine = self.engine
        engine.admit(body)
        request = self.validate(path, headers, body)
        chat = "messages" in request
        identity = headers.get("x-request-id") or os.urandom(16).hex()
        extra = f"x-request-id: {identity}\r\n" if "enable-request-id-headers" in self.args else ""
        if path == "/v1/embeddings":
            tokens = len(str(request["input"]).split())
            client.reply(200, {"id": "embd-" + identity, "object": "list", "created": int(time.time()), "model": engine.names[0],
                               "data": [{"index": 0, "object": "embedding", "embedding": [0.25, -0.5, 1.0]}],
                               "usage": {"prompt_tokens": tokens, "total_tokens": tokens, "completion_tokens": 0}})
            return
        prompt = sum(len(str(m.get("content", "")).split()) + 3 for m in request["messages"]) if chat else len(str(request["prompt"]).split())
        self.limits(request, prompt)
        if engine.switches.get("ledger") and "x-request-id" in headers:
            note(engine.switches["ledger"], headers["x-request-id"])
        common = {"id": ("chatcmpl-" if chat else "cmpl-") + identity, "created": int(time.time()), "model": request.get("model") or engine.names[0],
                  "system_fingerprint": "vllm-0.32.0-00000000"}
        tokens = engine.generate(client, request, prompt)
        if request.get("stream"):
            self.stream(client, request, chat, common, tokens, prompt, extra)
        else:
            pieces = list(tokens)
            text, reason = "".join(p for p, _ in pieces), pieces[-1][1] if pieces else "length"
            choice = {"index": 0, "logprobs": None, "finish_reason": reason}
            choice.update({"message": {"role": "assistant", "content": text}} if chat else {"text": text})
            client.reply(200, {**common, "object": "chat.completion" if chat else "text_completion", "choices": [choice],
                               "usage": usage(prompt, len(pieces))}, extra=extra)

    def stream(self, client, request, chat, common, tokens, prompt, extra):
        common["object"] = "chat.completion.chunk" if chat else "text_completion"
        client.start_stream(extra)

        def chunk(delta, reason=None):
            choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason} if chat else \
                     {"index": 0, "text": delta.get("content", ""), "logprobs": None, "finish_reason": reason}
            client.event({**common, "choices": [choice]})
        count = 0
        try:
            for text, reason in tokens:
                if count == 0 and chat:
                    chunk({"role": "assistant", "content": ""})
                count += 1
                chunk({"content": text}, reason)
            options = request.get("stream_options") or {}
            if options.get("include_usage") or self.engine.switches.get("force_usage") or "enable-force-include-usage" in self.args:
                client.event({**common, "choices": [], "usage": usage(prompt, count)})
        except Refused as refusal:
            client.event(refusal.body)
        client.end_stream()

    def validate(self, path, headers, body):
        if not headers.get("content-type", "").startswith("application/json"):
            raise Refused(400, "Bad Request", "1 validation error:\n  Unsupported Media Type: Only 'application/json' is allowed")
        try:
            request = json.loads(body)
        except ValueError as error:
            raise Refused(400, "Bad Request", f"1 validation error:\n  {{'type': 'json_invalid', 'ctx': {{'error': '{error}'}}}}", "body.1")
        if not isinstance(request, dict):
            raise Refused(400, "Bad Request", "1 validation error:\n  {'type': 'model_attributes_type'}", "body")
        needed = {"/v1/completions": "prompt", "/v1/embeddings": "input"}.get(path, "messages")
        if path == "/invocations" and "prompt" in request:
            needed = "prompt"
        if needed not in request:
            raise Refused(400, "Bad Request", f"1 validation error:\n  {{'type': 'missing', 'loc': ('body', '{needed}')}}", f"body.{needed}")
        model = request.get("model")
        if path != "/invocations" and model is not None and model not in self.engine.names + list(self.engine.adapters):
            raise Refused(404, "NotFoundError", f"The model `{model}` does not exist. Valid aliases: {', '.join(self.engine.names)}.", "model")
        return request

    def limits(self, request, prompt):
        longest, asked = int(self.args.get("max-model-len", 0)), request.get("max_tokens")
        if asked is not None and asked < 1:
            raise Refused(400, "BadRequestError", f"max_tokens must be at least 1, got {asked}.", "max_tokens")
        if (request.get("temperature") or 0) < 0:
            raise Refused(400, "BadRequestError", "temperature must be non-negative", "temperature")
        if longest and prompt > longest:
            raise Refused(400, "BadRequestError", f"This model's maximum context length is {longest} tokens.", "input_tokens")
        if longest and asked and asked > longest:
            raise Refused(400, "BadRequestError", f"max_tokens={asked} cannot be greater than max_model_len={longest}.", "max_tokens")

    def supervise(self):
        """The main thread's loop: signals, and the watch over the engine."""
        died = None
        while True:
            received = signal.sigtimedwait({signal.SIGTERM, signal.SIGINT}, 0.05)
            if received and not self.engine.switches.get("refuse_stop"):
                self.terminate()
            if self.terminating or self.engine.state() != "dead" or os.environ.get("VLLM_KEEP_ALIVE_ON_ENGINE_DEATH") == "1":
                continue
            if died is None:
                died = time.monotonic()
                failures.out(failures.stamp("EngineCore", "ERROR", "Worker proc VllmWorker-0 died unexpectedly, shutting down executor.",
                                            "multiproc_executor.py:274"))
            if time.monotonic() - died > self.engine.switches["engine_exit_ms"] / 1000:
                self.leave()

    def terminate(self):
        engine, timeout = self.engine, float(self.args.get("shutdown-timeout", 0))
        if self.terminating:
            return
        if engine.running + engine.waiting == 0:
            self.socket.close()
            time.sleep(engine.switches["stop_ms"] / 1000)
            self.leave()
        if timeout > 0:
            engine.draining = True
            until = time.monotonic() + timeout
            while time.monotonic() < until and engine.running + engine.waiting > 0:
                time.sleep(0.02)
            if engine.running + engine.waiting == 0:
                self.leave()
        # No drain: the engine is gone, the open streams stand still, and the process waits for them for ever.
        self.terminating = engine.frozen = True
        failures.out(f"(APIServer pid={os.getpid()}) INFO:     Shutting down\n"
                     f"(APIServer pid={os.getpid()}) INFO:     Waiting for connections to close. (CTRL+C to force quit)\n")
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()
        if engine.children:
            engine.children.kill()

    def leave(self):
        if self.engine.children:
            self.engine.children.kill()
            self.engine.children.clean()
        failures.err("nanobind: leaked 2 instances!\n")
        os._exit(0)


def note(path, identity):
    """Appends a line at once, whatever other replicas write to the same file."""
    ledger = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.write(ledger, identity.encode() + b"\n")
    os.close(ledger)


def usage(prompt, completion):
    return {"prompt_tokens": prompt, "total_tokens": prompt + completion, "completion_tokens": completion, "prompt_tokens_details": None}


def leave_daemon(seconds):
    """Forks twice, so that init is its parent, and lives in a session of its own."""
    child = os.fork()
    if child == 0:
        os.setsid()
        if os.fork() == 0:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            time.sleep(seconds)
        os._exit(0)
    os.waitpid(child, 0)


def listen_everywhere():
    store = socket.socket()
    store.bind(("0.0.0.0", 0))
    store.listen()
    return store


def leave_temporary_files():
    """Sockets with random names and a rendezvous file, as torch and ZeroMQ leave them."""
    folder = os.environ.get("TMPDIR", "/tmp")
    if folder == "/tmp":
        return
    for _ in range(2):
        random = os.urandom(16).hex()
        name = f"{random[:8]}-{random[8:12]}-{random[12:16]}-{random[16:20]}-{random[20:]}"
        try:
            socket.socket(socket.AF_UNIX).bind(os.path.join(folder, name))
        except OSError:
            open(os.path.join(folder, name), "w").close()
    open(os.path.join(folder, "vllm_dist_" + os.urandom(4).hex()), "w").close()


def main(argv):
    args = parse_arguments(argv)
    switches = load_switches(args)
    begun = time.monotonic()
    pid = os.getpid()
    log = lambda text, file: failures.out(failures.stamp("APIServer", "INFO", text, file))
    scheduled_failure = switches.get("start_failure")
    if scheduled_failure in ("module_missing", "unknown_flag", "bad_dtype"):
        sys.exit(failures.fail(scheduled_failure, args))
    failures.err("DeprecationWarning: `python -m vllm.entrypoints.openai.api_server` is deprecated, use `vllm serve`.\n")
    log("non-default args: " + str({k.replace("-", "_"): v for k, v in args.items()}), "utils.py:233")
    time.sleep(min(switches["swallow_after_ms"], switches["start_ms"]) / 1000)
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT})
    failure = natural_failure(args)
    if failure and not failure.endswith("_weights"):
        sys.exit(failures.fail(failure, args))
    server = Server(args, None)
    try:
        server.bind()
    except OSError as error:
        sys.exit(failures.api([f"OSError: [Errno {error.errno}] {os.strerror(error.errno)}"]))
    log("Resolved architecture: LlamaForCausalLM", "model.py:530")
    log("Initializing a V1 LLM engine (v0.32.0) with config: model='%s'" % args.get("model"), "core.py:107")
    children = Children(switches["orphan_s"], server.socket) if switches["children"] else None
    leave_temporary_files()
    if switches.get("daemon"):
        leave_daemon(switches["orphan_s"])
    store = listen_everywhere() if switches.get("store_socket") else None
    log("Starting to load model %s..." % args.get("model"), "cpu_model_runner.py:62")
    while switches.get("babble"):
        failures.out("loading " * 8192 + "\n")
    if switches.get("hang_at_start"):
        while True:
            time.sleep(3600)
    time.sleep(max(0.0, switches["start_ms"] / 1000 - (time.monotonic() - begun)))
    failure = scheduled_failure or failure
    if failure:
        code = failures.fail(failure, args)
        if children:
            children.kill()
            children.clean()
        sys.exit(code)
    log("Loading weights took 0.01 seconds", "default_loader.py:322")
    log("init engine (profile, create kv cache, warmup model) took 0.02 s", "core.py:301")
    server.engine = Engine(args, switches, children)
    where = args.get("uds") or f"http://{args.get('host', '0.0.0.0')}:{args.get('port', 8000)}"
    log("Starting vLLM server on " + where, "api_server.py:1034")
    for route in ("/health", "/metrics", "/v1/models", "/v1/chat/completions", "/v1/completions", "/invocations"):
        log(f"Route: {route}, Methods: {'GET' if route in ('/health', '/metrics', '/v1/models') else 'POST'}", "launcher.py:46")
    # What was sent during the start is lost, as it is with the real one.
    while signal.sigtimedwait({signal.SIGTERM, signal.SIGINT}, 0):
        pass
    server.listen()
    failures.err(f"(APIServer pid={pid}) INFO:     Started server process [{pid}]\n"
                 f"(APIServer pid={pid}) INFO:     Application startup complete.\n")
    server.supervise()


if __name__ == "__main__":
    main(sys.argv[1:])
