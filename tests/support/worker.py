"""A worker as its clients see it, for tests and benches: a process that is started, an address, requests, an end.

LLORCH_WORKER is the daemon (default: the one of the release build). Only the standard library; sockets on 127.0.0.1 or
Unix ones alone. Every wait ends: what takes longer than PATIENCE seconds raises."""
import http.client
import json
import os
import pathlib
import re
import select
import shutil
import signal
import socket
import ssl
import struct
import subprocess
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
DAEMON = os.environ.get("LLORCH_WORKER", str(ROOT / "build/release/bin/llorch-cpu-candled"))
# A test that is killed takes its worker along.
WITH_PARENT = ["setpriv", "--pdeathsig", "KILL"] if shutil.which("setpriv") else []
HAIKU = ("--model", "builtin:haiku", "--threads", "1")
PATIENCE = 120
POLL_S = 0.01
FIRST_WORDS = b"llorch: listening on "
ADDRESS = re.compile(r"(https?)://127\.0\.0\.1:(\d+)|unix:(.+)")
SAMPLE = re.compile(r'([a-z_]+(?:\{[a-z_]+="[^"]*"(?:,[a-z_]+="[^"]*")*\})?) (\S+)')


def long_answer(job_id, seed=0, words="moon"):
    """A request whose answer fills the embedded model's context. The model writes poems of a few lines; the penalty of a
    prompt full of its end token keeps that token out of the answer."""
    return {"job_id": job_id, "prompt": "<|end|>" * 16 + words, "parse_special": True, "frequency_penalty": 2,
            "temperature": 1, "seed": seed}


def wait_until(condition, what, patience=PATIENCE):
    """The condition's first true value."""
    end = time.monotonic() + patience
    while not (value := condition()):
        if time.monotonic() > end:
            raise TimeoutError(f"{what}: not within {patience} s")
        time.sleep(POLL_S)
    return value


def parse_metrics(text):
    """{'name{label="value"}': number} of a Prometheus page; raises ValueError at a line that is none."""
    samples = {}
    for line in text.splitlines():
        if re.fullmatch(r"# (HELP [a-z_]+ \S.*|TYPE [a-z_]+ (counter|gauge|histogram|summary))", line):
            continue
        match = SAMPLE.fullmatch(line)
        if not match or match[1] in samples:
            raise ValueError(f"not a line of a Prometheus page, or there twice: {line!r}")
        samples[match[1]] = float(match[2])
    if not samples:
        raise ValueError("a Prometheus page without a sample")
    return samples


def make_certificate(cert, key):
    """A PEM certificate of 127.0.0.1 and localhost that signs itself, and its key, by openssl."""
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
               "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost", "-keyout", key, "-out", cert]
    subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)


class Answer:
    """Status, headers (http.client's) and bytes of one whole answer."""

    def __init__(self, response):
        self.status, self.headers, self.body = response.status, response.headers, response.read()

    def json(self):
        return json.loads(self.body)


class Connection(http.client.HTTPConnection):
    """http.client over the worker's own kind of socket."""

    def __init__(self, worker, timeout=PATIENCE):
        super().__init__("127.0.0.1", worker.port or 80, timeout=timeout)
        self.worker = worker

    def connect(self):
        self.sock = self.worker.connect(self.timeout)


class Endpoint:
    """Where a worker listens, and requests to it."""

    def __init__(self, uri, cafile=None, key=None):
        """`cafile`: trusted for TLS. `key`: sent with every request()."""
        match = ADDRESS.fullmatch(uri)
        if not match:
            raise ValueError(f"not an address of a worker on this machine: {uri!r}")
        self.uri, self.cafile, self.key = uri, cafile, key
        self.scheme = match[1] or "unix"
        self.port = int(match[2]) if match[2] else None
        self.path = match[3]

    def connect(self, timeout=PATIENCE):
        if self.path:
            sock = socket.socket(socket.AF_UNIX)
            sock.settimeout(timeout)
            sock.connect(self.path)
            return sock
        sock = socket.create_connection(("127.0.0.1", self.port), timeout)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self.scheme == "https":
            return ssl.create_default_context(cafile=self.cafile).wrap_socket(sock, server_hostname="127.0.0.1")
        return sock

    def request(self, method, path, body=None, headers=None, timeout=PATIENCE):
        """One request on a connection of its own. `body`: an object is sent as JSON."""
        headers = {"Connection": "close", **({"Authorization": f"Bearer {self.key}"} if self.key else {}), **(headers or {})}
        if isinstance(body, dict):
            body = json.dumps(body)
            headers.setdefault("Content-Type", "application/json")
        connection = Connection(self, timeout)
        try:
            connection.request(method, path, body, headers)
            return Answer(connection.getresponse())
        finally:
            connection.close()

    def get(self, path):
        return self.request("GET", path)

    def post(self, path, body=None):
        return self.request("POST", path, body if body is not None else {})

    def metrics(self):
        answer = self.get("/metrics")
        if answer.status != 200:
            raise RuntimeError(f"GET /metrics: {answer.status} {answer.body!r}")
        return parse_metrics(answer.body.decode())


class Worker(Endpoint):
    """A running daemon. Use it as a context manager: what still runs at its end is killed."""

    def __init__(self, *options, cafile=None, key=None, env=None, prefix=()):
        """Starts it (on a free port unless the options say otherwise; `prefix`: by that command) and waits for its first
        line."""
        options = [str(option) for option in options] or list(HAIKU)
        if "--port" not in options and "--host" not in options:
            options += ["--port", "0"]
        self.log = tempfile.TemporaryFile()
        self.process = subprocess.Popen([*WITH_PARENT, *prefix, DAEMON, *options], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                        stderr=self.log, env={**os.environ, **(env or {})})
        self.pid = self.process.pid
        self.signals_sent = set()
        try:
            super().__init__(self._first_line(), cafile, key)
        except BaseException:
            self._end()
            raise

    def _first_line(self):
        """The address that it names."""
        line = b""
        end = time.monotonic() + PATIENCE
        while not line.endswith(b"\n"):
            if not select.select([self.process.stdout], [], [], max(0, end - time.monotonic()))[0]:
                raise TimeoutError(f"no first line within {PATIENCE} s: {self.errors()}")
            more = os.read(self.process.stdout.fileno(), 1)
            if not more:
                raise RuntimeError(f"the worker ended with {self.process.wait()} before its first line: {self.errors()}")
            line += more
        if not line.startswith(FIRST_WORDS):
            raise RuntimeError(f"an unexpected first line: {line!r}")
        return line.removeprefix(FIRST_WORDS).decode().rstrip("\n")

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        crash = self._end()
        if crash and (kind is None or kind is RuntimeError):
            raise RuntimeError(crash)

    def close(self):
        """Kills what still runs; raises when the worker had crashed by then, whatever its clients noticed of that."""
        crash = self._end()
        if crash:
            raise RuntimeError(crash)

    def _end(self):
        """What there is to say of a crash."""
        crash = None
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        elif self.process.returncode < 0 and -self.process.returncode not in self.signals_sent:
            crash = f"the worker crashed with signal {-self.process.returncode}: {self.errors()[-2000:]}"
        self.process.stdout.close()
        self.log.close()
        return crash

    def errors(self):
        """What it wrote to stderr so far."""
        self.log.seek(0)
        return self.log.read().decode(errors="replace")

    def signal(self, number):
        self.signals_sent.add(number)
        self.process.send_signal(number)

    def wait_exit(self, patience=PATIENCE):
        """The exit code, or minus the number of the signal that ended it."""
        return self.process.wait(patience)

    def stop(self, patience=PATIENCE):
        self.signal(signal.SIGTERM)
        return self.wait_exit(patience)

    def wait_ready(self, patience=PATIENCE):
        def ready():
            if self.process.poll() is not None:
                raise RuntimeError(f"the worker ended with {self.process.returncode}: {self.errors()}")
            return self.get("/health").status == 200

        wait_until(ready, "a healthy worker", patience)
        return self


class Stream:
    """One POST /execute on a socket of its own, read event by event, which its client may leave in any way."""

    def __init__(self, worker, body, accept="text/event-stream", timeout=PATIENCE, send=True):
        self.worker = worker
        self.sock = worker.connect(timeout)
        data = json.dumps(body).encode()
        key = f"Authorization: Bearer {worker.key}\r\n" if worker.key else ""
        self.request = (f"POST /execute HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n{key}"
                        f"Accept: {accept}\r\nContent-Length: {len(data)}\r\n\r\n").encode() + data
        self.status = None
        self.events = []  # what was read so far; of a single answer, its one object
        self.complete = False  # the answer's last byte was read
        self._raw = b""  # received and not parsed
        self._text = b""  # of the body, without the framing of chunks, and not parsed
        self._length = None  # of a body that is not chunked: bytes that are still to come
        if send:
            self.sock.sendall(self.request)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.sock.close()

    def reset(self):
        """Leaves with a RST instead of a FIN."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    def half_close(self):
        """Tells the worker that nothing more will be sent; reading goes on."""
        self.sock.shutdown(socket.SHUT_WR)

    def read_head(self):
        """Waits for status line and headers; the status, or None when the worker closed before."""
        while self.status is None and self._receive():
            pass
        return self.status

    def read_event(self):
        """The next event, or None when there is none: the answer is complete, or the worker closed (see `complete`)."""
        n_before = len(self.events)
        while len(self.events) == n_before and not self.complete and self._receive():
            pass
        return self.events[n_before] if len(self.events) > n_before else None

    def read_token(self):
        """Reads up to and with the next token event; None when there is none."""
        while (event := self.read_event()) is not None and event.get("type") != "token":
            pass
        return event

    def read_all(self):
        """Every event up to the end of the answer."""
        while not self.complete and self._receive():
            pass
        return self.events

    def read_for(self, seconds):
        """Reads what comes within that time."""
        end = time.monotonic() + seconds
        while not self.complete and select.select([self.sock], [], [], max(0, end - time.monotonic()))[0]:
            if not self._receive():
                return

    def outcome(self):
        """How the answer ended: the stop reason, the code of an error, or 'cut' when it has no end."""
        last = self.events[-1] if self.events else {}
        if not self.complete:
            return "cut"
        return last.get("stop_reason") or last.get("code") or ("INVALID_REQUEST" if "errors" in last else "cut")

    def _receive(self):
        try:
            more = self.sock.recv(1 << 16)
        except ConnectionResetError:
            more = b""
        self._raw += more
        if self.status is None and b"\r\n\r\n" in self._raw:
            self._read_headers()
        if self.status is not None:
            self._read_body()
        return bool(more)

    def _read_headers(self):
        head, self._raw = self._raw.split(b"\r\n\r\n", 1)
        status, *lines = head.decode("latin-1").split("\r\n")
        self.status = int(status.split(" ")[1])
        self.headers = {name.lower(): value.strip() for name, value in (line.split(":", 1) for line in lines)}
        if self.headers.get("transfer-encoding") != "chunked":
            self._length = int(self.headers["content-length"])

    def _read_body(self):
        if self._length is not None:
            self._text += self._raw[: self._length]
            self._length -= len(self._raw)
            self._raw = b""
            if self._length <= 0 and not self.complete:
                self.complete = True
                self.events.append(json.loads(self._text))
            return
        while not self.complete and b"\r\n" in self._raw:
            size, rest = self._raw.split(b"\r\n", 1)
            n_bytes = int(size, 16)
            if len(rest) < n_bytes + 2:
                return
            self._text += rest[:n_bytes]
            self._raw = rest[n_bytes + 2:]
            self.complete = n_bytes == 0
            self._read_events()

    def _read_events(self):
        is_sse = self.headers["content-type"].startswith("text/event-stream")
        border = b"\n\n" if is_sse else b"\n"
        while border in self._text:
            event, self._text = self._text.split(border, 1)
            if is_sse:
                name, data = event.split(b"\n")
                event = data.removeprefix(b"data: ")
                if name != b"event: " + json.loads(event)["type"].encode():
                    raise ValueError(f"event and data disagree: {name!r} {data!r}")
            self.events.append(json.loads(event))
