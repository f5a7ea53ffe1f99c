"""`llorch ask` against the real daemon, and against a fake one for everything that a good worker does not do."""
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "golden"))
import tool
from fake_worker import (END, HEALTHY, STARTED, FakeWorker, chunk, chunked, clean_environment, free_port, head, ndjson, reply,
                         sse, token)

WORKER = os.environ.get("LLORCH_WORKER", str(tool.ROOT / "build/release/bin/llorch-cpu-candled"))
PROMPT = "Write a haiku about winter moonlight"
GREEDY = ("--temperature", 0)
GOOD = chunked(sse(STARTED, token("a"), token(" b"), END))
TIMES = (r"llorch: (\d+) tokens, (\w+)(?: '.+')?; the worker: queue [\d.]+ ms, prefill [\d.]+ ms, first token [\d.]+ ms, "
         r"[\d.]+ tokens/s; here: first text [\d.]+ ms, total [\d.]+ ms\n")
SECONDS = 120  # enough for a sanitizer's build on a busy machine


def ask(*args, timeout=SECONDS):
    return tool.run("ask", *args, timeout=timeout)


def start(*args, **more):
    """A client that is looked at while it runs."""
    command = [tool.BIN, "ask", *map(str, args)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **more)


class RealWorker(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        command = [WORKER, "--model", "builtin:haiku", "--port", "0", "--threads", "1"]
        cls.daemon = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        cls.url = cls.daemon.stdout.readline().removeprefix("llorch: listening on ").strip()

    @classmethod
    def tearDownClass(cls):
        cls.daemon.terminate()
        cls.daemon.wait(SECONDS)
        cls.daemon.stdout.close()

    def ask(self, *args):
        done = ask(self.url, *args, "--wait", SECONDS)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertRegex(done.stderr.decode(), f"^{TIMES}$")
        return done.stdout

    def test_the_text_of_run_in_every_format(self):
        expected = tool.output("run", "builtin:haiku", PROMPT, *GREEDY)
        for kind in ("sse", "ndjson", "json"):
            self.assertEqual(self.ask(PROMPT, *GREEDY, "--format", kind), expected, kind)

    def test_raw(self):
        expected = tool.output("run", "builtin:haiku", "an old pond", "--raw", *GREEDY, "--max-tokens", 8)
        self.assertEqual(self.ask("an old pond", "--raw", *GREEDY, "--max-tokens", 8), expected + b"\n")

    def test_system(self):
        expected = tool.output("run", "builtin:haiku", PROMPT, "--system", "old ponds", *GREEDY)
        self.assertEqual(self.ask(PROMPT, "--system", "old ponds", *GREEDY), expected)

    def test_seeds_and_stops_reach_the_worker(self):
        args = (PROMPT, "--seed", 11, "--temperature", 1.5)
        text = self.ask(*args)
        self.assertEqual(text, self.ask(*args))
        stop = text.decode()[3:6]
        self.assertEqual(self.ask(*args, "--stop", stop), text[:3] + b"\n")

    def test_every_fault_has_its_line(self):
        done = ask(self.url, "", "--raw", "--max-tokens", 2049, "--wait", SECONDS)
        self.assertEqual(done.returncode, 1)
        self.assertEqual(done.stdout, b"")
        lines = done.stderr.decode().splitlines()
        self.assertEqual(len(lines), 2, lines)
        self.assertTrue(lines[0].startswith("llorch: prompt: must "), lines)
        self.assertEqual(lines[1], "llorch: max_tokens: must be between 1 and 2048 (range(1,2048), got 2049)")

    @unittest.skipUnless(shutil.which("curl"), "curl is not installed")
    def test_the_curl_line_asks_the_same(self):
        with tempfile.TemporaryDirectory() as work:
            path = pathlib.Path(work) / "line"
            text = self.ask("it's \"winter\" & $HOME\n", *GREEDY, "--format", "json", "--print-curl", path)
            answer = subprocess.run(["sh", path], capture_output=True, check=True, timeout=SECONDS, env=clean_environment())
        self.assertEqual(json.loads(answer.stdout)["text"].encode() + b"\n", text)

    def test_proxies_of_the_environment_are_not_used(self):
        nowhere = "http://127.0.0.1:1"
        env = clean_environment(http_proxy=nowhere, HTTP_PROXY=nowhere, all_proxy=nowhere, ALL_PROXY=nowhere)
        done = subprocess.run([tool.BIN, "ask", self.url, PROMPT, "--wait", str(SECONDS)], env=env, capture_output=True, timeout=SECONDS)
        self.assertEqual(done.returncode, 0, done.stderr)


class Arguments(unittest.TestCase):
    def test_bad_ones(self):
        with tempfile.TemporaryDirectory() as work:
            empty = pathlib.Path(work) / "empty"
            empty.write_text("\n")
            nowhere = f"http://127.0.0.1:{free_port()}"
            for args, says in (([], "URL"), ([nowhere], "PROMPT"), (["127.0.0.1:80", "x"], "URL"), (["unix:", "x"], "URL"),
                               ([nowhere, "x", "--format", "xml"], "--format"), ([nowhere, "x", "--wait", "-1"], "--wait"),
                               ([nowhere, "x", "--timeout", "0"], "--timeout"), ([nowhere, "x", "--top-p", "2"], "--top-p"),
                               ([nowhere, "x", "--max-tokens", "-1"], "--max-tokens"),
                               ([nowhere, "x", "--job-id", ""], "--job-id: must have 1 to 128 bytes, not 0"),
                               ([nowhere, "x", "--job-id", "j" * 129], "--job-id: must have 1 to 128 bytes, not 129"),
                               ([nowhere, "x", "--stop", ""], "--stop"), ([nowhere, b"\xff", "--raw"], "PROMPT"),
                               ([nowhere, "x", "--raw", "--system", "y"], "--system"),
                               ([nowhere, "x", "--api-key-file", empty], "empty"),
                               ([nowhere, "x", "--api-key-file", empty / "no"], "empty/no"),
                               ([nowhere, "x", "--cacert", empty / "no"], "--cacert"),
                               ([nowhere, "x", "--cacert", empty, "--insecure"], "--cacert"),
                               (["http://127.0.0.1:99999", "x"], "99999")):
                command = [tool.BIN, "ask", *(a if isinstance(a, bytes) else str(a) for a in args)]
                done = subprocess.run(command, capture_output=True, timeout=SECONDS)
                with self.subTest(args=args):
                    self.assertEqual(done.returncode, 2, done.stderr)
                    self.assertIn(says, done.stderr.decode())
                    self.assertEqual(done.stderr.count(b"\n"), 1, done.stderr)

    def test_a_prompt_of_standard_input_that_is_none(self):
        for given, says in ((b"", b"standard input, which is empty"), (b"\n", b"standard input, which is empty"), (b"\xff", b"PROMPT")):
            done = tool.run("ask", f"http://127.0.0.1:{free_port()}", "-", stdin=given, timeout=SECONDS)
            self.assertEqual(done.returncode, 2, done.stderr)
            self.assertIn(says, done.stderr)


class Sent(unittest.TestCase):
    """What reaches the worker."""

    def test_a_prompt_of_standard_input(self):
        with FakeWorker(GOOD) as worker:
            for given, prompt in (("two\nlines 漢\n", "two\nlines 漢"), ("\nhi", "\nhi"), ("-\r\n", "-"), ("a\n\n", "a\n")):
                done = tool.run("ask", worker.url, "-", stdin=given.encode(), timeout=SECONDS)
                self.assertEqual(done.returncode, 0, done.stderr)
                self.assertEqual(worker.bodies()[-1]["messages"], [{"role": "user", "content": prompt}])

    def test_body_and_headers(self):
        with tempfile.TemporaryDirectory() as work, FakeWorker(GOOD) as worker:
            key = pathlib.Path(work) / "key"
            key.write_text("\nsecret\nother\n")
            done = ask(worker.url + "/", "hi 漢", "--job-id", "j1", "--system", "s", "--temperature", "0.7", "--top-k", 3,
                       "--stop", "a", "--stop", "b", "--api-key-file", key)
            self.assertEqual(done.returncode, 0, done.stderr)
            path, headers, _ = worker.asked[-1]
        self.assertEqual(worker.bodies(), [{
            "job_id": "j1", "temperature": 0.7, "top_k": 3, "stop": ["a", "b"],
            "messages": [{"role": "system", "content": "s"}, {"role": "user", "content": "hi 漢"}]}])
        self.assertEqual(path, "/execute")
        self.assertEqual(headers["accept"], "text/event-stream")
        self.assertEqual(headers["content-type"], "application/json")
        self.assertEqual(headers["authorization"], "Bearer secret")
        self.assertNotIn(b"secret", done.stdout + done.stderr)

    def test_a_model_without_chat_gets_a_prompt(self):
        with FakeWorker(GOOD, health=reply(200, {**HEALTHY, "chat": False})) as worker:
            self.assertEqual(ask(worker.url, "once").returncode, 0)
            self.assertEqual(worker.bodies()[0].keys(), {"job_id", "prompt"})
            done = ask(worker.url, "once", "--system", "s")
            self.assertEqual(done.returncode, 2)
            self.assertIn(b"--system", done.stderr)
            self.assertEqual(len(worker.bodies()), 1)

    def test_formats(self):
        answers = {"ndjson": ("application/x-ndjson", chunked(ndjson(STARTED, token("a b"), END), content_type="application/x-ndjson")),
                   "json": ("application/json", reply(200, {**END, "text": "a b"}, "Application/JSON; charset=utf-8"))}
        for kind, (accept, answer) in answers.items():
            with FakeWorker(answer) as worker:
                done = ask(worker.url, "hi", "--format", kind)
                self.assertEqual((done.returncode, done.stdout), (0, b"a b\n"), done.stderr)
                self.assertEqual(worker.asked[-1][1]["accept"], accept)
                self.assertEqual(worker.bodies()[0].get("stream"), False if kind == "json" else None)

    def test_a_unix_socket(self):
        with tempfile.TemporaryDirectory() as work, FakeWorker(GOOD, unix_path=f"{work}/s") as worker:
            done = ask(worker.url, "hi")
            self.assertEqual((done.returncode, done.stdout), (0, b"a b\n"), done.stderr)
            self.assertEqual(ask(worker.url + "-no", "hi").returncode, 5)

    @unittest.skipUnless(shutil.which("openssl"), "openssl is not installed")
    def test_certificates(self):
        with tempfile.TemporaryDirectory() as work:
            pem = pathlib.Path(work) / "worker.pem"
            subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                            "-keyout", f"{work}/key", "-out", f"{work}/certificate", "-days", "2", "-subj", "/CN=worker",
                            "-addext", "subjectAltName=IP:127.0.0.1"], check=True, capture_output=True)
            pem.write_text(pathlib.Path(work, "key").read_text() + pathlib.Path(work, "certificate").read_text())
            with FakeWorker(GOOD, certificate=pem) as worker:
                self.assertTrue(worker.url.startswith("https:"))
                refused = ask(worker.url, "hi")
                self.assertEqual(refused.returncode, 5, refused.stderr)
                self.assertIn(b"certificate", refused.stderr)
                for trust in (["--cacert", f"{work}/certificate"], ["--insecure"]):
                    done = ask(worker.url, "hi", *trust)
                    self.assertEqual((done.returncode, done.stdout), (0, b"a b\n"), done.stderr)


class Shown(unittest.TestCase):
    """What an answer, or its lack, becomes on stdout, stderr, and as exit code."""

    def check(self, answer, code, text, says, *args):
        with FakeWorker(answer) as worker:
            done = ask(worker.url, "hi", *args)
        self.assertEqual(done.returncode, code, done.stderr)
        self.assertEqual(done.stdout, text)
        self.assertIn(says, done.stderr.decode())
        self.assertTrue(all(line.startswith(b"llorch: ") for line in done.stderr.splitlines()), done.stderr)

    def test_text_arrives_while_the_worker_still_speaks(self):
        go_on = threading.Event()

        def speak(connection):
            connection.sendall(head(200, "text/event-stream", "Transfer-Encoding: chunked") + chunk(sse(STARTED, token("now"))))
            self.assertTrue(go_on.wait(SECONDS))
            connection.sendall(chunk(sse(token(" later"), END)) + b"0\r\n\r\n")

        with FakeWorker(speak) as worker, start(worker.url, "hi") as client:
            self.assertEqual(client.stdout.read(3), b"now")
            go_on.set()
            self.assertEqual(client.stdout.read(), b" later\n")
            self.assertEqual(client.wait(SECONDS), 0)

    def test_chunks_cut_anywhere(self):
        stream = sse(STARTED, token("漢"), token("字\n"), END).replace(b"\n", b"\r\n")
        self.check(chunked(*(stream[i:i + 1] for i in range(len(stream)))), 0, "漢字\n".encode(), "2 tokens, EOS")

    def test_an_answer_without_text(self):
        self.check(chunked(sse(STARTED, END)), 0, b"\n", "2 tokens, EOS")

    def test_times(self):
        with FakeWorker(GOOD) as worker:
            done = ask(worker.url, "hi")
        match = re.fullmatch(TIMES, done.stderr.decode())
        self.assertEqual(match.groups(), ("2", "EOS"), done.stderr)

    def test_the_first_text_is_not_after_the_last(self):
        with FakeWorker(reply(200, {**END, "text": "word " * 2_000_000})) as worker:
            done = ask(worker.url, "hi", "--format", "json")
        first, total = map(float, re.search(rb"first text ([\d.]+) ms, total ([\d.]+) ms", done.stderr).groups())
        self.assertLessEqual(first, total)

    def test_an_error_event(self):
        error = {"type": "error", "code": "INFERENCE_TIMEOUT", "message": "took too long", "retriable": True}
        self.check(chunked(sse(STARTED, token("a"), error)), 1, b"a", "INFERENCE_TIMEOUT: took too long")

    def test_streams_that_break(self):
        self.check(chunked(sse(STARTED, token("a"))), 1, b"a", "without an end or error event")
        self.check(chunked(sse(STARTED, token("a")), end=False), 5, b"a", "was lost")
        self.check(chunked(sse(STARTED, token("a"), END)[:-1]), 1, b"a", "without an end or error event")
        self.check(b"", 5, b"", "was lost")
        self.check(head(200, "text/event-stream", "Content-Length: 100"), 5, b"", "was lost")

    def test_what_came_whole_before_the_break_counts(self):
        self.check(chunked(sse(STARTED, token("a"), END), end=False), 0, b"a\n", "2 tokens, EOS")

    def test_what_is_no_answer(self):
        self.check(chunked(b"data: {\n\n"), 1, b"", "no event")
        self.check(chunked(sse(token("a"), END, token("b"))), 1, b"a", "more after its end")
        self.check(reply(200, b"<html>", "text/html"), 1, b"", "asked for text/event-stream, the worker sent text/html")
        self.check(reply(200, b"{}"), 1, b"", "no answer", "--format", "json")
        self.check(reply(502, b"<h1>Bad Gateway</h1>", "text/html"), 1, b"", "HTTP 502: <h1>Bad Gateway</h1>")
        self.check(b"SSH-2.0-OpenSSH\r\n", 5, b"", "was lost")

    def test_refusals(self):
        for status, code in ((401, "UNAUTHORIZED"), (409, "CONFLICT"), (503, "QUEUE_FULL")):
            self.check(reply(status, {"code": code, "message": "no, sorry", "retriable": True}), 1, b"",
                       f"HTTP {status}: {code}: no, sorry")

    def test_a_time_limit(self):
        def say_nothing(connection):
            connection.recv(1)

        self.check(say_nothing, 1, b"", "no whole answer within 0.3 s", "--timeout", 0.3)

    @unittest.skipUnless(pathlib.Path("/dev/full").exists(), "no /dev/full here")
    def test_output_that_cannot_be_written(self):
        with FakeWorker(GOOD) as worker, open("/dev/full", "wb") as full:
            done = subprocess.run([tool.BIN, "ask", worker.url, "hi"], stdout=full, stderr=subprocess.PIPE, timeout=SECONDS)
        self.assertEqual(done.returncode, 5, done.stderr)
        self.assertIn(b"standard output", done.stderr)

    def test_closed_output(self):
        with FakeWorker(GOOD) as worker:
            done = subprocess.run(["sh", "-c", 'exec "$0" ask "$1" hi >&-', tool.BIN, worker.url], stderr=subprocess.PIPE, timeout=SECONDS)
        self.assertEqual(done.returncode, 5, done.stderr)
        self.assertEqual(done.stderr, b"llorch: cannot write to standard output: Bad file descriptor\n")

    def test_a_reader_that_leaves(self):
        def speak(connection):
            connection.sendall(head(200, "text/event-stream", "Transfer-Encoding: chunked"))
            try:
                while True:
                    connection.sendall(chunk(sse(token("x" * 4096))))
            except OSError:
                pass

        for ignored, code, says in (("", -signal.SIGPIPE, b""),
                                    ("trap '' PIPE; ", 5, b"llorch: cannot write to standard output: Broken pipe\n")):
            command = ["sh", "-c", ignored + 'exec "$0" ask "$1" hi', tool.BIN]
            with FakeWorker(speak) as worker, subprocess.Popen([*command, worker.url], stdout=subprocess.PIPE,
                                                               stderr=subprocess.PIPE) as client:
                self.assertEqual(client.stdout.read(3), b"xxx")
                client.stdout.close()
                self.assertEqual(client.stderr.read(), says)
                self.assertEqual(client.wait(SECONDS), code)


class Health(unittest.TestCase):
    def refused(self, health, code, says, *args):
        """How often the worker was asked whether it is ready."""
        with FakeWorker(GOOD, health=health) as worker:
            done = ask(worker.url, "hi", *args)
            self.assertEqual((done.returncode, done.stdout), (code, b""), done.stderr)
            self.assertIn(says, done.stderr.decode())
            self.assertEqual(worker.bodies(), [])
            return [path for path, _, _ in worker.asked].count("/health")

    def test_a_worker_that_is_not_ready(self):
        loading = reply(503, {"status": "loading", "progress": 0.42})
        self.assertEqual(self.refused(loading, 1, "loading its model (42%)"), 1)
        begin = time.monotonic()
        self.refused(loading, 1, "loading its model (42%)", "--wait", 0.5)
        self.assertGreater(time.monotonic() - begin, 0.5)
        for status in ("draining", "unhealthy"):
            self.assertEqual(self.refused(reply(503, {"status": status}), 1, status, "--wait", 20), 1, status)

    def test_what_is_no_worker(self):
        for health in (reply(404, b"no such page", "text/plain"), reply(200, b"<html>", "text/html"), reply(200, [])):
            self.assertEqual(self.refused(health, 1, "does not answer as a worker", "--wait", 20), 1)
        self.refused(reply(200, b"x" * (2 << 20)), 1, "too many bytes")

    def test_nobody_there(self):
        done = ask(f"http://127.0.0.1:{free_port()}", "hi")
        self.assertEqual((done.returncode, done.stdout), (5, b""))
        self.assertIn(b"Connection refused", done.stderr)

    def test_waiting_for_a_model(self):
        loading = reply(503, {"status": "loading", "progress": 0})
        with FakeWorker(GOOD, health=[loading, loading, reply(200, HEALTHY)]) as worker:
            done = ask(worker.url, "hi", "--wait", SECONDS)
            self.assertEqual((done.returncode, done.stdout), (0, b"a b\n"), done.stderr)
            self.assertEqual([path for path, _, _ in worker.asked], ["/health"] * 3 + ["/execute"])

    def test_waiting_for_a_worker(self):
        with tempfile.TemporaryDirectory() as work:
            path = f"{work}/s"
            with start(f"unix:{path}", "hi", "--wait", SECONDS) as client:
                time.sleep(0.3)
                self.assertIsNone(client.poll())
                with FakeWorker(GOOD, unix_path=path):
                    self.assertEqual(client.communicate(timeout=SECONDS)[0], b"a b\n")
                self.assertEqual(client.returncode, 0)


class CtrlC(unittest.TestCase):
    def test_an_answer_under_way(self):
        def speak(connection):
            connection.sendall(head(200, "text/event-stream", "Transfer-Encoding: chunked") + chunk(sse(STARTED, token("a"))))
            if connection.recv(1) == b"":
                worker.client_left.set()

        with FakeWorker(speak) as worker, start(worker.url, "hi") as client:
            self.assertEqual(client.stdout.read(1), b"a")
            client.send_signal(signal.SIGINT)
            self.assertEqual(client.wait(SECONDS), 130)
            self.assertTrue(worker.client_left.wait(SECONDS))
            self.assertEqual(client.stdout.read() + client.stderr.read(), b"")

    def test_while_it_waits(self):
        with start(f"http://127.0.0.1:{free_port()}", "hi", "--wait", 3600) as client:
            time.sleep(0.5)
            client.send_signal(signal.SIGINT)
            self.assertEqual(client.wait(SECONDS), 130)

    def test_output_that_nobody_reads(self):
        def speak(connection):
            connection.sendall(head(200, "text/event-stream", "Transfer-Encoding: chunked"))
            while True:
                connection.sendall(chunk(sse(token("x" * 4096))))

        with FakeWorker(speak) as worker, start(worker.url, "hi") as client:
            self.assertTrue(client.stdout.read(1))
            time.sleep(0.5)  # the pipe is full now, and the client blocked in a write
            client.send_signal(signal.SIGINT)
            self.assertEqual(client.wait(SECONDS), 130)


if __name__ == "__main__":
    tool.main()
