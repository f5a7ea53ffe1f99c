"""docs/worker-api.md against the daemon, from outside: its tables, how a worker starts, its ready callback, its
configuration file, its keys and its log. What the routes do is in routes_test.py."""
import contextlib
import http.server
import json
import pathlib
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "golden"), str(HERE.parent / "support")]
import tool
import worker as support

DOCS = support.ROOT / "docs"
OTHER_DAEMONS = {"cuda-device"}
ROUTES = (("GET", "/health"), ("GET", "/metrics"), ("POST", "/execute"), ("POST", "/cancel"), ("POST", "/shutdown"),
          ("GET", "/debug/trace/j"), ("GET", "/nothing"))
GREEDY = {"job_id": "greedy", "prompt": "The moon", "max_tokens": 20, "temperature": 0, "stream": False}


def refused_start(*options):
    """(exit code, stderr) of a daemon that ends by itself."""
    done = subprocess.run([support.DAEMON, *map(str, options)], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=support.PATIENCE, check=False)
    return done.returncode, done.stderr


def table(heading, text):
    """The cells of the first table behind a heading, row by row."""
    lines = text[text.index(heading):].split("\n")
    rows = []
    for line in lines:
        if line.startswith("|"):
            rows.append([cell.strip() for cell in line.strip("|").split(" | ")])
        elif rows:
            break
    return [row for row in rows[1:] if not set(row[0]) <= set("-|")]


def words(cells):
    """What stands in backticks."""
    return [word for cell in cells for word in re.findall(r"`([^`]+)`", cell)]


class Contract(unittest.TestCase):
    TEXT = (DOCS / "worker-api.md").read_text(encoding="utf-8")

    def test_options(self):
        documented = {name.removeprefix("--"): row[1] for row in table("| option |", self.TEXT) for name in words(row[:1])}
        text = subprocess.run([support.DAEMON, "--help"], capture_output=True, text=True, timeout=60, check=True).stdout
        real = dict(re.findall(r"^ +(?:-\w,)?--([a-z-]+)([^\n]*)", text, re.MULTILINE))
        self.assertEqual(set(documented) - OTHER_DAEMONS, set(real) - {"help", "version"})
        for name, default in documented.items():
            number = re.fullmatch(r"(\d[\d.]*)( s)?", default)
            if number and name not in OTHER_DAEMONS:
                self.assertRegex(real[name], rf"={re.escape(number[1])}( |$)", name)

    def test_request_fields(self):
        fields = words(row[0] for row in table("| field | type |", self.TEXT))
        self.assertIn("job_id", fields)
        with support.Worker(*support.HAIKU) as worker:
            answer = worker.wait_ready().post("/execute", {name: {} for name in [*fields, "no_field"]})
        unknown = [error["field"] for error in answer.json()["errors"] if error["constraint"] == "unknown"]
        self.assertEqual(unknown, ["no_field"])

    def test_health_fields(self):
        schema = json.loads((HERE / "schemas/health.json").read_text(encoding="utf-8"))
        known = {name for kind in schema["$defs"].values() for name in kind["properties"]}
        self.assertEqual(set(words(row[0] for row in table("| field | |", self.TEXT))), known)

    def test_metrics(self):
        documented = {}
        for names, kind in table("| metric |", self.TEXT):
            for name in words([names]):
                if name.startswith("worker_"):
                    documented[name.split("{")[0]] = kind.rstrip("s")
        with support.Worker(*support.HAIKU) as worker:
            worker.wait_ready()
            page = worker.get("/metrics").body.decode()
            samples = worker.metrics()
        self.assertEqual(dict(re.findall(r"^# TYPE (\S+) (\S+)$", page, re.MULTILINE)), documented)
        for state in ("used", "cached", "free"):
            self.assertIn(f'worker_kv_blocks{{state="{state}"}}', samples)
        self.assertTrue(any(name.startswith("worker_requests_total{outcome=") for name in samples))

    def test_every_test_that_is_named_exists(self):
        sources = {path: path.read_text(encoding="utf-8", errors="replace")
                   for folder in ("src", "tests") for path in (support.ROOT / folder).rglob("*")
                   if path.suffix in (".cpp", ".py")}
        gtests = {f"{suite}.{name}" for text in sources.values()
                  for suite, name in re.findall(r"^TEST(?:_F|_P)?\((\w+),\s*(\w+)\)", text, re.MULTILINE)}
        scripts = {f"{path.name}: {found}" for path, text in sources.items() if path.name.endswith("_test.py")
                   for found in tests_of_script(text)}
        named = words(re.findall(r"^\|[^\n]*\| ([^|\n]*) \|$", (DOCS / "contract-tests.md").read_text("utf-8"), re.MULTILINE))
        self.assertGreater(len(named), 100)
        for name in named:
            if name.startswith("? "):
                tool.skip("docs/contract-tests.md", f"no test yet: {name[2:]}")
        missing = {name for name in named if not name.startswith("? ") and name not in gtests | scripts
                   and not (support.ROOT / name).is_file()}
        self.assertEqual(missing, set())


def tests_of_script(text):
    """Class.test of a unittest file."""
    current = ""
    for line in text.split("\n"):
        if match := re.match(r"class (\w+)\(", line):
            current = match[1]
        elif match := re.match(r"    def (test_\w+)\(", line):
            yield f"{current}.{match[1]}"


class FirstLine(unittest.TestCase):
    def test_https(self):
        if not shutil.which("openssl"):
            self.skipTest("openssl is not installed")
        with tempfile.TemporaryDirectory() as folder:
            cert, key = f"{folder}/cert.pem", f"{folder}/key.pem"
            support.make_certificate(cert, key)
            with support.Worker(*support.HAIKU, "--tls-cert", cert, "--tls-key", key, cafile=cert) as worker:
                self.assertEqual(worker.scheme, "https")
                self.assertEqual(worker.wait_ready().request("POST", "/execute", GREEDY).status, 200)
            self.assertEqual(refused_start(*support.HAIKU, "--tls-cert", cert)[0], 2)
            self.assertEqual(refused_start(*support.HAIKU, "--tls-cert", cert, "--tls-key", cert)[0], 2)

    def test_unix(self):
        with tempfile.TemporaryDirectory() as folder:
            path = f"{folder}/worker.sock"
            with support.Worker(*support.HAIKU, "--host", f"unix:{path}") as worker:
                self.assertEqual(worker.uri, f"unix:{path}")
                self.assertEqual(worker.wait_ready().request("POST", "/execute", GREEDY).status, 200)
                self.assertEqual(worker.stop(), 0)


class Listener:
    """A server for ready callbacks that answers with the given statuses, the last one again and again."""

    def __init__(self, *statuses):
        self.bodies, self.times = [], []
        listener = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                listener.times.append(time.monotonic())
                listener.bodies.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                self.send_response(statuses[min(len(listener.bodies), len(statuses)) - 1])
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/ready"
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


@contextlib.contextmanager
def worker_that_loads(*options):
    """A worker that stays `loading`: nobody answers its callback."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with support.Worker(*support.HAIKU, "--callback-url", url, *options) as worker:
            yield worker


class Callback(unittest.TestCase):
    def test_loading_until_it_is_taken(self):
        with Listener(500, 302, 204) as listener:
            with support.Worker(*support.HAIKU, "--callback-url", listener.url) as worker:
                worker.wait_ready()
                self.assertEqual(len(listener.bodies), 3)
                self.assertEqual(listener.bodies[0], listener.bodies[2])

    def test_five_tries(self):
        with Listener(500, 302, 404, 503, 400) as listener:
            with support.Worker(*support.HAIKU, "--callback-url", listener.url) as worker:
                self.assertEqual(worker.wait_exit(), 5)
                self.assertIn(listener.url, worker.errors())
            self.assertEqual(len(listener.bodies), 5)
            pauses = [after - before for before, after in zip(listener.times, listener.times[1:])]
            for pause, least in zip(pauses, (0.2, 0.4, 0.8, 1.6)):
                self.assertGreaterEqual(pause, least * 0.99)

    def test_nobody_there(self):
        with Listener(204) as listener:
            url = listener.url
        with support.Worker(*support.HAIKU, "--callback-url", url) as worker:
            self.assertEqual(worker.wait_exit(), 5)

    def test_advertise_url(self):
        with Listener(204) as listener:
            options = ("--callback-url", listener.url, "--advertise-url", "http://worker-7.example:99")
            with support.Worker(*support.HAIKU, *options) as worker:
                worker.wait_ready()
            self.assertEqual(listener.bodies[0]["uri"], "http://worker-7.example:99")


class Config(unittest.TestCase):
    def written(self, text):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        path = pathlib.Path(folder.name) / "worker.toml"
        path.write_text(text)
        return path

    def test_command_line_wins(self):
        path = self.written('model = "builtin:haiku"\nthreads = 1\nport = 0\nworker-id = "of the file"\nmax-tokens-out = 3\n')
        with support.Worker("--config", path, "--port", "0", "--worker-id", "of the line") as worker:
            self.assertEqual(worker.wait_ready().get("/health").json()["worker_id"], "of the line")
            self.assertEqual(worker.post("/execute", {**GREEDY, "max_tokens": 4}).status, 400)

    def test_unknown_names_are_refused(self):
        for line in ("max-token-out = 3", "max_tokens_out = 3", "[server]", "port = [1]", "port = true", 'port = "many"',
                     "log-prompts = 1", "port = 1\nport = 2", "no toml"):
            with self.subTest(line=line):
                code, message = refused_start("--model", "builtin:haiku", "--config", self.written(line))
                self.assertEqual(code, 2, message)
                self.assertIn("worker.toml", message)
        self.assertEqual(refused_start("--model", "builtin:haiku", "--config", "/no/such/worker.toml")[0], 2)


class Loading(unittest.TestCase):
    def test_routes(self):
        with worker_that_loads() as worker:
            for method, path in ROUTES:
                with self.subTest(path=path):
                    answer = worker.request(method, path, {} if method == "POST" else None)
                    if path == "/metrics":
                        self.assertEqual(answer.status, 200)
                        self.assertTrue(support.parse_metrics(answer.body.decode()))
                        continue
                    self.assertEqual(answer.status, 503)
                    if path == "/health":
                        self.assertEqual(set(answer.json()), {"status", "progress"})
                    else:
                        self.assertEqual(answer.headers["Retry-After"], "1")
                        self.assertEqual((answer.json()["code"], answer.json()["retriable"]), ("LOADING", True))
                    self.assertEqual(answer.json()["status"], "loading")
            self.assertEqual(worker.stop(), 0)

    def test_file_that_vanishes(self):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "model.gguf"
            shutil.copy(support.ROOT / "models/haiku/haiku.gguf", path)
            with support.Worker("--model", path, "--threads", "1") as worker:
                before = worker.wait_ready().post("/execute", GREEDY).json()["text"]
                with open(path, "r+b") as file:
                    file.write(b"\0" * path.stat().st_size)
                    file.truncate(1)
                self.assertEqual(worker.post("/execute", GREEDY).json()["text"], before)
                path.unlink()
                self.assertEqual(worker.post("/execute", GREEDY).json()["text"], before)
                self.assertEqual(worker.get("/health").json()["status"], "healthy")


class Log(unittest.TestCase):
    PROMPT = "zebra crossings"

    def logged(self, *options):
        """(answer's text, log) of a worker that was asked, and asked badly, about PROMPT."""
        with support.Worker(*support.HAIKU, "--log-level", "debug", *options) as worker:
            worker.wait_ready()
            text = worker.post("/execute", {**GREEDY, "prompt": self.PROMPT}).json()["text"]
            self.assertEqual(worker.post("/execute", {"job_id": "bad", "prompt": self.PROMPT, "top_p": self.PROMPT}).status, 400)
            self.assertEqual(worker.post("/execute", {"job_id": "bad", "prompt": self.PROMPT * 999}).status, 400)
            self.assertEqual(worker.stop(), 0)
            return text, worker.errors()

    def test_prompts_are_not_logged(self):
        text, log = self.logged()
        self.assertIn("greedy", log)  # the job
        self.assertNotIn("zebra", log)
        self.assertNotIn(json.dumps(text)[1:-1], log)

    def test_prompts_are_logged_on_request(self):
        text, log = self.logged("--log-prompts")
        self.assertIn(self.PROMPT, log)
        self.assertIn(json.dumps(text)[1:-1], log)


class Keys(unittest.TestCase):
    def test_routes(self):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "keys"
            path.write_text("\nkey-one\n\n  \nkey-two\r\n")
            with support.Worker(*support.HAIKU, "--api-key-file", path) as worker:
                worker.wait_ready()
                for method, route in ROUTES:
                    body = {} if method == "POST" else None
                    for key in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "Bearer "}, {"Authorization": "Basic key-one"},
                                {"Authorization": "Bearer key-one2"}, {"Authorization": "key-one"}):
                        with self.subTest(route=route, key=key):
                            answer = worker.request(method, route, body, key)
                            self.assertEqual(answer.status, 200 if route == "/health" else 401)
                            if route != "/health":
                                self.assertEqual(answer.headers["WWW-Authenticate"], "Bearer")
                                self.assertEqual(answer.json()["code"], "UNAUTHORIZED")
                for key in ("key-one", "key-two"):
                    worker.key = key
                    self.assertEqual(worker.post("/execute", GREEDY).status, 200)
                    self.assertEqual(worker.get("/metrics").status, 200)

    def test_bad_files(self):
        with tempfile.TemporaryDirectory() as folder:
            empty = pathlib.Path(folder) / "keys"
            empty.write_text("\n \n")
            for path in (empty, folder, f"{folder}/none"):
                with self.subTest(path=path):
                    code, message = refused_start(*support.HAIKU, "--api-key-file", path)
                    self.assertEqual(code, 2, message)
                    self.assertIn(str(path), message)


if __name__ == "__main__":
    tool.main()
