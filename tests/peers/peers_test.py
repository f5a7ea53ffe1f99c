"""A worker and clients that other people wrote: Python's http.client and urllib; Node's fetch with eventsource-parser and
ajv, for which schemas/ says what every answer holds. Without node, npm or their registry the Python part runs alone."""
import http.client
import http.server
import json
import os
import pathlib
import shutil
import subprocess
import sys
import threading
import unittest
import urllib.error
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "golden"), str(HERE.parent / "support")]
import tool
import worker as support

OLDEST_NODE = 20
NO_REGISTRY = ("ENOTFOUND", "EAI_AGAIN", "ECONNREFUSED", "ECONNRESET", "ETIMEDOUT", "ENETUNREACH", "EHOSTUNREACH", "network")
TIMES = {"started_at", "queue_ms", "prefill_ms", "ttft_ms", "decode_time_ms", "tokens_per_sec"}
REQUEST = {"prompt": "The moon", "max_tokens": 40, "seed": 3}


def timeless(event):
    return {name: value for name, value in event.items() if name not in TIMES}


def text_of(events):
    return "".join(event["t"] for event in events if event["type"] == "token")


class WithWorker(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.worker = support.Worker(*support.HAIKU).wait_ready()

    @classmethod
    def tearDownClass(cls):
        cls.worker.close()


class Python(WithWorker):
    def open(self, body, accept="text/event-stream"):
        request = urllib.request.Request(self.worker.uri + "/execute", json.dumps(body).encode(),
                                         {"Content-Type": "application/json", "Accept": accept})
        return urllib.request.urlopen(request, timeout=support.PATIENCE)

    def sse(self, body):
        """Events as urllib's lines give them."""
        events = []
        with self.open(body) as response:
            self.assertEqual(response.headers.get_content_type(), "text/event-stream")
            for line in response:
                if line.startswith(b"event: "):
                    name = line[7:].strip().decode()
                elif line.startswith(b"data: "):
                    events.append(json.loads(line[6:]))
                    self.assertEqual(events[-1]["type"], name)
                else:
                    self.assertEqual(line, b"\n")
        return events

    def ndjson(self, body):
        with self.open(body, "application/x-ndjson") as response:
            self.assertEqual(response.headers.get_content_type(), "application/x-ndjson")
            return [json.loads(line) for line in response]

    def single(self, body):
        with self.open({**body, "stream": False}) as response:
            self.assertEqual(response.headers.get_content_type(), "application/json")
            return json.load(response)

    def test_urllib_reads_the_three_framings(self):
        for seed in range(4):
            body = {**REQUEST, "job_id": f"urllib-{seed}", "seed": seed}
            sse, ndjson, single = self.sse(body), self.ndjson(body), self.single(body)
            self.assertEqual([event["type"] for event in sse[:1] + sse[-1:]], ["started", "end"])
            self.assertEqual(list(map(timeless, ndjson)), list(map(timeless, sse)))
            whole = {**sse[0], **sse[-1], "text": text_of(sse)}
            del whole["type"]
            self.assertEqual(timeless(single), timeless(whole))

    def test_urllib_sees_refusals(self):
        for path, body, status in (("/execute", b"{}", 400), ("/execute", b"no JSON", 400), ("/nothing", b"{}", 404),
                                   ("/cancel", b"[]", 400)):
            with self.subTest(path=path, body=body), self.assertRaises(urllib.error.HTTPError) as caught:
                urllib.request.urlopen(urllib.request.Request(self.worker.uri + path, body), timeout=support.PATIENCE)
            self.assertEqual(caught.exception.code, status)
            self.assertTrue(json.load(caught.exception))

    def test_one_connection_for_many_requests(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.worker.port, timeout=support.PATIENCE)
        connection.connect()
        sock = connection.sock
        texts = set()
        for i in range(60):
            stream = i % 2 == 0
            body = json.dumps({**REQUEST, "job_id": f"kept-{i}", "stream": stream})
            for method, path, data, status in (("POST", "/execute", body, 200), ("GET", "/health", None, 200),
                                               ("POST", "/execute", "{}", 400), ("GET", "/nothing", None, 404)):
                connection.request(method, path, data)
                response = connection.getresponse()
                answer = response.read()
                self.assertEqual(response.status, status, answer)
                self.assertIs(connection.sock, sock, f"request {i}: {method} {path} lost the connection")
                if (path, status) == ("/execute", 200):
                    events = [json.loads(line[6:]) for line in answer.decode().split("\n") if line.startswith("data: ")]
                    texts.add(text_of(events) if stream else json.loads(answer)["text"])
        connection.close()
        self.assertEqual(len(texts), 1)

    def test_events_come_as_they_are_made(self):
        """http.client reads a token while the answer is still under way: what cancels it then finds it."""
        for attempt in range(20):
            body = json.dumps(support.long_answer("live", seed=attempt))
            connection = http.client.HTTPConnection("127.0.0.1", self.worker.port, timeout=support.PATIENCE)
            connection.request("POST", "/execute", body)
            response = connection.getresponse()
            while b'"type":"token"' not in response.readline():
                pass
            self.assertEqual(self.worker.post("/cancel", {"job_id": "live"}).status, 202)
            last = response.read().decode().strip().split("data: ")[-1]
            connection.close()
            if json.loads(last)["type"] == "error":
                self.assertEqual(json.loads(last)["code"], "CANCELLED")
                return
        self.fail("each of 20 answers had ended before a token of it could be read")


class Callback:
    """A listener for --callback-url that keeps what it was sent."""

    def __init__(self):
        received = self.received = []

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                received.append((self.path, self.headers["Content-Type"], json.loads(body)))
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


def ready_callback():
    """(worker's address, path, content type, body) of the one ready callback of a worker."""
    with Callback() as callback:
        url = f"http://127.0.0.1:{callback.server.server_port}/ready?pool=a"
        with support.Worker(*support.HAIKU, "--callback-url", url, "--worker-id", "w 1") as worker:
            vram = worker.wait_ready().get("/health").json()["vram_bytes_used"]
            uri = worker.uri
            worker.stop()
        [(path, content_type, body)] = callback.received
        return uri, vram, path, content_type, body


class ReadyCallback(unittest.TestCase):
    def test_http_server_receives_it(self):
        uri, vram, path, content_type, body = ready_callback()
        self.assertEqual(path, "/ready?pool=a")
        self.assertEqual(content_type, "application/json")
        self.assertEqual(body, {"worker_id": "w 1", "vram_bytes": vram, "uri": uri})


class Node(WithWorker):
    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(os.environ.get("LLORCH_SCRATCH", tool.ROOT / "build/peers")) / "node"
        why = cls.install()
        if why:
            raise unittest.SkipTest(why)
        super().setUpClass()

    @classmethod
    def install(cls):
        """Installs the packages in a folder of the build; why that cannot be, or None."""
        if not shutil.which("node") or not shutil.which("npm"):
            return "node and npm are not installed"
        version = subprocess.run(["node", "--version"], capture_output=True, text=True, check=True).stdout.strip()
        if int(version.lstrip("v").split(".")[0]) < OLDEST_NODE:
            return f"needs node {OLDEST_NODE}, found {version}"
        cls.folder.mkdir(parents=True, exist_ok=True)
        for name in ("package.json", "package-lock.json", "client.mjs"):
            shutil.copy(HERE / name, cls.folder)
        command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--fetch-retries=1", "--fetch-timeout=30000"]
        done = subprocess.run(command, cwd=cls.folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              text=True, timeout=300, check=False)
        if done.returncode != 0 and any(sign in done.stdout for sign in NO_REGISTRY):
            return f"npm reaches no registry: {' '.join(done.stdout.split())[:200]}"
        if done.returncode != 0:
            raise AssertionError(f"npm ci: exit {done.returncode}: {done.stdout}")
        return None

    def case(self, name, stdin=None):
        command = ["node", self.folder / "client.mjs", self.worker.uri, HERE / "schemas", name]
        return subprocess.run(command, input=stdin, stdin=None if stdin else subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, timeout=300, check=False)

    def check(self, name, stdin=None):
        done = self.case(name, stdin)
        self.assertEqual(done.returncode, 0, done.stdout)

    def test_three_framings_hold_the_same_objects(self):
        self.check("streams")

    def test_how_answers_end(self):
        self.check("endings")

    def test_seeds(self):
        self.check("seeds")

    def test_faults(self):
        self.check("faults")

    def test_other_routes(self):
        self.check("others")

    def test_cancel(self):
        self.check("cancel")

    def test_side_by_side(self):
        self.check("sideBySide")

    def test_schemas_are_strict(self):
        self.check("strictness")

    def test_ready_callback(self):
        body = ready_callback()[-1]
        self.check("validate", json.dumps(["callback.json", body]))
        self.assertNotEqual(self.case("validate", json.dumps(["callback.json", {**body, "more": 1}])).returncode, 0)

    def test_health_while_loading(self):
        with Callback() as callback:
            url = f"http://127.0.0.1:{callback.server.server_port}"
        # Nobody listens there any more: the worker keeps trying, and is not ready.
        with support.Worker(*support.HAIKU, "--callback-url", url) as worker:
            health, refused = worker.get("/health"), worker.post("/execute", REQUEST)
        self.assertEqual((health.status, refused.status), (503, 503))
        self.check("validate", json.dumps(["health.json", health.json()]))
        self.check("validate", json.dumps(["error.json", refused.json()]))
        self.assertEqual(health.json()["status"], "loading")
        self.assertEqual(refused.json()["code"], "LOADING")

    def test_shutdown(self):
        with support.Worker(*support.HAIKU) as worker:
            answer = worker.wait_ready().post("/shutdown")
            self.assertEqual(answer.status, 202)
            self.check("validate", json.dumps(["shutdown.json", answer.json()]))
            self.assertEqual(worker.wait_exit(), 0)


if __name__ == "__main__":
    tool.main()
