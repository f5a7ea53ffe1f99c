"""A worker for tests of its clients: answers with whatever bytes a test wants, keeps what it was asked, and can break off."""
import json
import os
import socket
import ssl
import threading

HEALTHY = {"status": "healthy", "model": "fake", "chat": True, "context_length": 64}
STARTED = {"type": "started", "job_id": "j", "seed": 1, "prompt_tokens": 2}
END = {"type": "end", "tokens_out": 2, "stop_reason": "EOS", "queue_ms": 1, "prefill_ms": 2, "ttft_ms": 3,
       "tokens_per_sec": 4.5}
REASONS = {200: "OK", 400: "Bad Request", 401: "Unauthorized", 409: "Conflict", 503: "Service Unavailable"}


def token(text):
    return {"type": "token", "t": text, "i": 0}


def sse(*events):
    return b"".join(b"event: %s\ndata: %s\n\n" % (e["type"].encode(), json.dumps(e).encode()) for e in events)


def ndjson(*events):
    return b"".join(json.dumps(e).encode() + b"\n" for e in events)


def head(status, content_type, *more):
    lines = [f"HTTP/1.1 {status} {REASONS.get(status, 'Odd')}", f"Content-Type: {content_type}", *more]
    return "".join(line + "\r\n" for line in lines).encode() + b"\r\n"


def reply(status, body, content_type="application/json"):
    """A whole answer: an object as JSON, bytes as they are."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return head(status, content_type, f"Content-Length: {len(data)}") + data


def chunk(data):
    return b"%x\r\n%s\r\n" % (len(data), data)


def chunked(*parts, content_type="text/event-stream", end=True):
    """Parts of a streamed answer, each a chunk; without `end` the answer is one that breaks off."""
    return head(200, content_type, "Transfer-Encoding: chunked") + b"".join(map(chunk, parts)) + (b"0\r\n\r\n" if end else b"")


class FakeWorker:
    """Serves until the `with` block ends. `health` and `execute` are the bytes of an answer or a list of them, of which
    the last stays; `execute` may also be a function of the connection. After a list's answer the connection is closed."""

    def __init__(self, execute=b"", health=None, unix_path=None, certificate=None):
        self.answers = {"/health": reply(200, HEALTHY) if health is None else health, "/execute": execute}
        self.asked = []  # (path, headers, body) of each request
        self.client_left = threading.Event()
        self.server = socket.socket(socket.AF_UNIX if unix_path else socket.AF_INET)
        self.server.bind(unix_path or ("127.0.0.1", 0))
        self.url = f"unix:{unix_path}" if unix_path else f"http://127.0.0.1:{self.server.getsockname()[1]}"
        self.tls = None
        if certificate:
            self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.tls.load_cert_chain(certificate)
            self.url = self.url.replace("http:", "https:")
        self.server.listen()
        self.threads = [threading.Thread(target=self.accept, daemon=True)]
        self.threads[0].start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.shutdown(socket.SHUT_RDWR)
        self.server.close()

    def bodies(self):
        return [json.loads(body) for path, _, body in self.asked if path == "/execute"]

    def accept(self):
        while True:
            try:
                connection, _ = self.server.accept()
            except OSError:
                return
            thread = threading.Thread(target=self.serve, args=(connection,), daemon=True)
            thread.start()

    def serve(self, connection):
        try:
            if self.tls:
                connection = self.tls.wrap_socket(connection, server_side=True)
            with connection:
                while self.serve_one(connection):
                    pass
        except OSError:  # the client does not trust us, or has gone
            self.client_left.set()

    def serve_one(self, connection):
        stream = connection.makefile("rb")
        first = stream.readline().decode().split()
        if not first:
            self.client_left.set()
            return False
        headers = {}
        while (line := stream.readline().strip()):
            name, value = line.decode().split(":", 1)
            headers[name.lower()] = value.strip()
        body = stream.read(int(headers.get("content-length", 0)))
        path = first[1]
        self.asked.append((path, headers, body))
        answer = self.answers[path]
        if callable(answer):
            answer(connection)
            return False
        if isinstance(answer, list):
            answer = answer.pop(0) if len(answer) > 1 else answer[0]
        connection.sendall(answer)
        return path == "/health"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def clean_environment(**more):
    return {**{name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}, **more}
