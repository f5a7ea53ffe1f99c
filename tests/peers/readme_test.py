"""Every curl example of README.md and deploy/README.md, run as it stands there, against workers of this test: it must
succeed, and the answer must be of the kind, and have the fields, that the document shows.

In a fenced block with `$ ` prompts, each prompt that names curl is a command and what follows it is the answer shown
(a line `...` leaves something out); in any other, the whole block is one script. The addresses, key, certificate and
socket that the document names are replaced by those of a worker that was started the same way."""
import functools
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "golden"), str(HERE.parent / "support")]
import tool
import worker as support

FENCE = re.compile(r"^```[^\n]*\n(.*?)^```", re.MULTILINE | re.DOTALL)
URL = re.compile(r"(https?)://(?:127\.0\.0\.1|localhost)(?::\d+)?(?=[/\s'\"])")
KEY_FILE = re.compile(r"\$\((?:sudo )?(?:cat|head -n? ?1) ([^)]+)\)")
CACERT = re.compile(r"--cacert (\S+)")
SOCKET = re.compile(r"--unix-socket (\S+)")
KEY = "key-of-this-test"
LIMIT_S = 60


class Example:
    """A command with curl, and the lines that the document shows as its answer (none: it shows no answer)."""

    def __init__(self, where, command, shown):
        self.where, self.command, self.shown = where, command, shown


def examples_of_block(where, block):
    if "curl" not in block:
        return []
    if not re.search(r"^\$ ", block, re.MULTILINE):
        return [Example(where, block, [])]
    found = []
    for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
        lines = part.rstrip("\n").split("\n")
        n = 1
        while lines[n - 1].endswith("\\"):
            n += 1
        if "curl" in "\n".join(lines[:n]):
            found.append(Example(where, "\n".join(lines[:n]), lines[n:]))
    return found


def examples_of(path):
    text = path.read_text(encoding="utf-8")
    found = []
    for fence in FENCE.finditer(text):
        where = f"{path.relative_to(support.ROOT)}:{text.count(chr(10), 0, fence.start()) + 1}"
        found += examples_of_block(where, fence[1])
    return found


def kind_of(command):
    """What a command asks for: the kind of its answer."""
    if "/metrics" in command:
        return "prometheus"
    if "/execute" not in command or re.search(r'"stream" ?: ?false', command):
        return "json"
    return "ndjson" if "application/x-ndjson" in command else "sse"


def shown_kind(lines):
    """Of an answer that a document shows; None when it shows none."""
    lines = [line for line in lines if line.strip() and line.strip() != "..."]
    if not lines:
        return None
    if lines[0].startswith("event: "):
        return "sse"
    if lines[0].startswith(("# HELP", "# TYPE", "worker_")):
        return "prometheus"
    return "ndjson" if len(lines) > 1 and all(line.startswith("{") for line in lines) else "json"


def objects_of(kind, lines):
    """The JSON objects of an answer, real or shown."""
    if kind == "sse":
        return [json.loads(line.removeprefix("data: ")) for line in lines if line.startswith("data: ")]
    return [json.loads(line) for line in lines if line.startswith("{")]


def shape_of(objects):
    """The fields of each type of object."""
    return {thing.get("type"): sorted(thing) for thing in objects}


def is_error(objects):
    return any("errors" in thing or "code" in thing for thing in objects)


class Workers:
    """One worker for each way of listening that a command shows, started when it is first needed, and again when an
    example has ended it."""

    def __init__(self, folder):
        self.folder = folder
        self.key_file = folder / "key"
        self.key_file.write_text(KEY + "\n")
        self.running = {}

    def close(self):
        for worker in self.running.values():
            worker.close()

    @functools.cached_property
    def certificate(self):
        cert, key = self.folder / "cert.pem", self.folder / "key.pem"
        support.make_certificate(cert, key)
        return cert, key

    def started(self, unix, tls, key):
        wanted = (unix, tls, key)
        worker = self.running.get(wanted)
        if worker is not None and worker.process.poll() is None:
            return worker
        if worker is not None:
            worker.close()
        options = [*support.HAIKU, *(["--host", f"unix:{self.folder}/worker.sock"] if unix else ["--port", "0"])]
        if tls:
            options += ["--tls-cert", self.certificate[0], "--tls-key", self.certificate[1]]
        if key:
            options += ["--api-key-file", self.key_file]
        cafile = str(self.certificate[0]) if tls else None
        self.running[wanted] = support.Worker(*options, cafile=cafile, key=KEY if key else None).wait_ready()
        return self.running[wanted]

    def command(self, command):
        """The command with this test's addresses and files in the place of the document's, and the worker that it asks."""
        unix, tls = "--unix-socket" in command, "https://" in command
        worker = self.started(unix, tls, "Authorization" in command)
        if not unix:
            command = URL.sub(worker.uri, command)
        command = SOCKET.sub(f"--unix-socket {worker.path}", command)
        command = CACERT.sub(f"--cacert {worker.cafile}", command)
        return KEY_FILE.sub(f"$(cat {self.key_file})", command), worker


def check_kind(test, kind, output):
    """The answer's objects, after a look at the framing; the page itself when it is Prometheus text."""
    if kind == "prometheus":
        test.assertIn("worker_uptime_seconds", support.parse_metrics(output))
        return []
    objects = objects_of(kind, output.strip().split("\n"))
    test.assertTrue(objects, output)
    if kind == "sse":
        test.assertRegex(output, r"^event: started\n")
        test.assertRegex(output, r"\n\nevent: end\ndata: \{[^\n]*\}\n\n$")
    elif kind == "ndjson":
        test.assertEqual([objects[0]["type"], objects[-1]["type"]], ["started", "end"])
    else:
        test.assertEqual(len(objects), 1, output)
    return objects


@unittest.skipUnless(shutil.which("curl") and shutil.which("openssl"), "needs curl and openssl")
class Examples(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.scratch = tempfile.TemporaryDirectory()
        cls.workers = Workers(pathlib.Path(cls.scratch.name))

    @classmethod
    def tearDownClass(cls):
        cls.workers.close()
        cls.scratch.cleanup()

    def check_document(self, name, n_least):
        found = examples_of(support.ROOT / name)
        self.assertGreaterEqual(len(found), n_least, f"curl examples in {name}")
        for example in found:
            with self.subTest(where=example.where, command=example.command):
                self.check(example)

    def check(self, example):
        command, worker = self.workers.command(example.command)
        environment = {**os.environ, "no_proxy": "127.0.0.1,localhost"}
        done = subprocess.run(["bash", "-euo", "pipefail", "-c", command], cwd=self.scratch.name, env=environment,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                              timeout=LIMIT_S, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        kind, kind_shown = kind_of(command), shown_kind(example.shown)
        shown = objects_of(kind, example.shown) if kind_shown else []
        if is_error(shown):
            kind = kind_shown
        self.assertIn(kind_shown, (None, kind))
        real = check_kind(self, kind, done.stdout)
        self.assertEqual(is_error(real), is_error(shown), done.stdout)
        real_shape = shape_of(real)
        for type_shown, fields in shape_of(shown).items():
            self.assertEqual(real_shape.get(type_shown), fields, f"fields of {type_shown or 'the answer'}")
        if "/shutdown" in command:
            self.assertEqual(worker.wait_exit(), 0)

    def test_readme(self):
        self.check_document("README.md", 1)

    def test_deploy(self):
        self.check_document("deploy/README.md", 5)


class Reader(unittest.TestCase):
    """The test above would hold nothing if it found no example."""

    def test_finds_commands_and_answers(self):
        block = "$ ls\nx\n$ curl -N \\\n  http://127.0.0.1:8080/execute\nevent: started\ndata: {}\n...\n$ curl x/metrics\n"
        found = examples_of_block("here", block)
        self.assertEqual([example.command for example in found], ["curl -N \\\n  http://127.0.0.1:8080/execute", "curl x/metrics"])
        self.assertEqual([shown_kind(example.shown) for example in found], ["sse", None])
        self.assertEqual([kind_of(example.command) for example in found], ["sse", "prometheus"])
        self.assertEqual(examples_of_block("here", "$ ls\n"), [])
        self.assertEqual([example.command for example in examples_of_block("here", "curl x\ncurl y\n")], ["curl x\ncurl y\n"])

    def test_takes_no_wrong_answer(self):
        for kind, output in (("sse", "event: started\ndata: {}\n\n"), ("sse", '{"type":"started"}\n'), ("json", ""), ("json", "{}\n{}"),
                             ("ndjson", '{"type":"started"}\n'), ("prometheus", '{"code":"NOT_FOUND"}')):
            with self.subTest(kind=kind, output=output), self.assertRaises((AssertionError, ValueError)):
                check_kind(self, kind, output)


if __name__ == "__main__":
    tool.main()
