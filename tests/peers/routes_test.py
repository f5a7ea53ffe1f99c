"""What the routes of docs/worker-api.md promise, from outside: limits, cancels, traces, counts, ends, slow clients.

The embedded model answers fast: where a test needs an answer under way, it tries again when that ended too early."""
import json
import pathlib
import signal
import sys
import unittest
import urllib.parse

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "golden"), str(HERE.parent / "support")]
import tool
import worker as support

ATTEMPTS = 20
NATURAL = {"EOS", "CONTEXT", "MAX_TOKENS"}
SHORT = {"job_id": "short", "prompt": "The moon", "max_tokens": 4, "seed": 1, "stream": False}
HEALTH = b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"


def until(test, attempt, what):
    """Runs attempt(i) until it returns true."""
    for i in range(ATTEMPTS):
        if attempt(i):
            return
    test.fail(f"{what}: not in {ATTEMPTS} attempts")


def read_to_end(sock):
    data = b""
    while more := sock.recv(4096):
        data += more
    return data


def started(*options):
    return support.Worker(*support.HAIKU, "--log-level", "error", *options).wait_ready()


class WithWorker(unittest.TestCase):
    OPTIONS = ()

    @classmethod
    def setUpClass(cls):
        cls.worker = started(*cls.OPTIONS)

    @classmethod
    def tearDownClass(cls):
        cls.worker.close()

    def stream(self, job_id, seed=0, **more):
        stream = support.Stream(self.worker, {**support.long_answer(job_id, seed), **more})
        self.addCleanup(stream.close)
        return stream

    def cancel(self, job_id):
        answer = self.worker.post("/cancel", {"job_id": job_id})
        self.assertEqual(answer.status, 202)
        self.assertEqual(answer.json()["job_id"], job_id)
        return answer.json()["status"]


class Limits(unittest.TestCase):
    def test_queue_full(self):
        with started("--max-sequences", "1", "--max-queue", "1") as worker:
            def attempt(i):
                with support.Stream(worker, support.long_answer(f"a{i}")) as first, \
                        support.Stream(worker, support.long_answer(f"b{i}")) as second:
                    if first.read_head() != 200 or second.read_head() != 200:
                        return False  # those of the attempt before are not gone yet
                    answer = worker.post("/execute", SHORT)
                    if answer.status == 200:
                        return False
                    self.assertEqual((answer.status, answer.headers["Retry-After"]), (503, "1"))
                    self.assertEqual((answer.json()["code"], answer.json()["retriable"]), ("QUEUE_FULL", True))
                    self.assertEqual(set(answer.json()), {"code", "message", "retriable"})
                    return True

            until(self, attempt, "a full queue")
            support.wait_until(lambda: worker.post("/execute", SHORT).status == 200, "room again")

    def test_job_in_flight(self):
        with started() as worker:
            def attempt(i):
                with support.Stream(worker, support.long_answer("twin", i)) as first:
                    first.read_event()
                    answer = worker.post("/execute", {**SHORT, "job_id": "twin"})
                    if answer.status == 200:
                        return False
                    self.assertEqual((answer.status, answer.json()["code"]), (409, "CONFLICT"))
                    first.read_all()
                    self.assertIn(first.outcome(), NATURAL)
                    return True

            until(self, attempt, "a job in flight")
            self.assertEqual(worker.post("/execute", {**SHORT, "job_id": "twin"}).status, 200)

    def test_max_tokens_out(self):
        with started("--max-tokens-out", "5") as worker:
            answer = worker.post("/execute", {**SHORT, "max_tokens": 6})
            self.assertEqual(answer.status, 400)
            self.assertEqual(answer.json()["errors"][0]["constraint"], "range(1,5)")
            end = worker.post("/execute", {**support.long_answer("limit"), "stream": False}).json()
            self.assertEqual((end["tokens_out"], end["stop_reason"]), (5, "MAX_TOKENS"))

    def test_inference_timeout(self):
        with started("--inference-timeout", "0.01") as worker:
            with support.Stream(worker, support.long_answer("late")) as stream:
                stream.read_all()
            self.assertEqual(stream.events[0]["type"], "started")
            self.assertEqual((stream.events[-1]["type"], stream.events[-1]["code"]), ("error", "INFERENCE_TIMEOUT"))
            answer = worker.post("/execute", {**support.long_answer("late"), "stream": False})
            self.assertEqual((answer.status, answer.json()["code"]), (504, "INFERENCE_TIMEOUT"))

    def test_sizes(self):
        with started("--max-header-bytes", "1024", "--max-body-bytes", "2048") as worker:
            self.assertEqual(worker.request("GET", "/health", headers={"X-Long": "x" * 1024}).status, 431)
            self.assertEqual(worker.request("GET", "/health", headers={"X-Long": "x" * 512}).status, 200)
            self.assertEqual(worker.post("/execute", {**SHORT, "stop": ["x" * 200] * 11}).status, 413)
            self.assertEqual(worker.post("/execute", {**SHORT, "stop": ["x" * 200] * 8}).status, 200)


class Sampling(WithWorker):
    def test_parse_special(self):
        def prompt_tokens(parse_special):
            body = {**SHORT, "prompt": "<|end|><|user|>", "parse_special": parse_special}
            return self.worker.post("/execute", body).json()["prompt_tokens"]

        self.assertEqual(prompt_tokens(True), 2)
        self.assertGreater(prompt_tokens(False), 4)


class Texts(WithWorker):
    def post(self, path, body, status=200):
        answer = self.worker.post(path, body)
        self.assertEqual(answer.status, status, answer.json())
        return answer.json()

    def test_tokenize_and_back(self):
        text = "The moon <|end|> ü"
        plain = self.post("/tokenize", {"content": text})
        self.assertEqual(plain["count"], len(plain["tokens"]))
        special = self.post("/tokenize", {"content": text, "parse_special": True})
        self.assertLess(special["count"], plain["count"])
        for tokens in (plain["tokens"], special["tokens"]):
            self.assertEqual(self.post("/detokenize", {"tokens": tokens}), {"content": text})
        skipped = self.post("/detokenize", {"tokens": special["tokens"], "skip_special": True})
        self.assertNotIn("<|end|>", skipped["content"])
        self.assertEqual(self.post("/tokenize", {"content": ""}), {"tokens": [], "count": 0})

    def test_pieces(self):
        answer = self.post("/tokenize", {"content": "moon \U0001F319", "with_pieces": True})
        pieces = [t["piece"] if isinstance(t["piece"], list) else list(t["piece"].encode()) for t in answer["tokens"]]
        self.assertEqual(bytes(sum(pieces, [])), "moon \U0001F319".encode())

    def test_apply_template(self):
        messages = [{"role": "user", "content": "A <|end|> of"}]
        answer = self.post("/apply-template", {"messages": messages})
        self.assertEqual(answer["prompt"], "<|user|>A <|end|> of<|end|><|assistant|>")
        self.assertEqual(self.post("/detokenize", {"tokens": answer["tokens"]})["content"], answer["prompt"])
        parsed = self.post("/tokenize", {"content": answer["prompt"], "parse_special": True})
        self.assertGreater(answer["count"], parsed["count"], "a user's marker stays text")
        ran = self.worker.post("/execute", {"job_id": "t", "messages": messages, "max_tokens": 1, "stream": False}).json()
        self.assertEqual(ran["prompt_tokens"], answer["count"])
        bare = self.post("/apply-template", {"messages": messages, "add_generation_prompt": False})
        self.assertEqual(bare["prompt"], "<|user|>A <|end|> of<|end|>")

    def test_faults(self):
        for path, body, field in (("/tokenize", {}, "content"), ("/tokenize", {"content": 7}, "content"),
                                  ("/tokenize", {"content": "x", "more": 1}, "more"), ("/detokenize", {}, "tokens"),
                                  ("/detokenize", {"tokens": [1, -1]}, "tokens[1]"), ("/detokenize", {"tokens": "1"}, "tokens"),
                                  ("/apply-template", {}, "messages"), ("/apply-template", [], "body"),
                                  ("/apply-template", {"messages": [{"role": "user", "content": "x"}], "chat_template": "rag"},
                                   "chat_template"),
                                  ("/execute", {"job_id": "t", "messages": [{"role": "user", "content": "x"}],
                                                "chat_template": "rag"}, "chat_template")):
            errors = self.post(path, body, 400)["errors"]
            self.assertEqual([e["field"] for e in errors], [field], (path, body))


class Routes(WithWorker):
    OPTIONS = ("--max-sequences", "1")

    def test_cancel(self):
        """One that waits, one that decodes, and both again."""
        def attempt(i):
            running, waiting = self.stream(f"running{i}"), self.stream(f"waiting{i}", 1)
            running.read_token()
            waiting.read_head()
            stats = [self.cancel(f"waiting{i}"), self.cancel(f"running{i}")]
            running.read_all(), waiting.read_all()
            if stats != ["cancelled", "cancelled"] or running.outcome() in NATURAL:
                return False
            self.assertEqual((running.outcome(), waiting.outcome()), ("CANCELLED", "CANCELLED"))
            self.assertEqual([event["type"] for event in waiting.events], ["started", "error"])
            self.assertEqual([event["type"] for event in running.events[:2]], ["started", "token"])
            for _ in range(3):
                self.assertEqual(self.cancel(f"running{i}"), "unknown")
            return True

        until(self, attempt, "a cancelled pair")
        self.assertEqual(self.cancel("nobody"), "unknown")

    def test_cancel_of_a_single_answer(self):
        def attempt(i):
            stream = self.stream(f"single{i}", stream=False)
            support.wait_until(lambda: self.cancel(f"single{i}") == "cancelled" or self.has_answer(stream), "a job or its end")
            stream.read_all()
            if stream.status == 200:
                return False
            self.assertEqual((stream.status, stream.events[0]["code"]), (503, "CANCELLED"))
            return True

        until(self, attempt, "a cancelled single answer")

    def has_answer(self, stream):
        stream.read_for(0)
        return stream.complete

    def test_half_close(self):
        def attempt(i):
            stream = self.stream(f"half{i}")
            stream.read_token()
            stream.half_close()
            stream.read_all()
            self.assertIn(stream.outcome(), NATURAL | {"CANCELLED"})
            return stream.outcome() == "CANCELLED"

        until(self, attempt, "an answer that its half-closed client ended")

    def test_trace(self):
        job_id = "a/b c%?ü"
        self.assertEqual(self.worker.post("/execute", {**SHORT, "job_id": job_id, "trace": True}).status, 200)
        answer = self.worker.get("/debug/trace/" + urllib.parse.quote(job_id, safe=""))
        self.assertEqual((answer.status, answer.headers.get_content_type()), (200, "application/json"))
        trace = answer.json()
        events = trace["traceEvents"] if isinstance(trace, dict) else trace
        self.assertTrue({"ph", "pid", "tid", "name"} <= set(events[0]), events[0])
        self.assertTrue(any(event["ph"] == "X" and event["dur"] >= 0 and event["ts"] >= 0 for event in events))
        self.worker.post("/execute", {**SHORT, "job_id": "untraced"})
        for path in ("untraced", "nobody", ""):
            self.assertEqual(self.worker.get("/debug/trace/" + path).status, 404)

    def test_traces_are_kept(self):
        for i in range(65):
            self.worker.post("/execute", {**SHORT, "job_id": f"kept{i}", "max_tokens": 1, "trace": True})
        self.assertEqual([self.worker.get(f"/debug/trace/kept{i}").status for i in (0, 1, 64)], [404, 200, 200])


class Counts(unittest.TestCase):
    def test_metrics_count(self):
        with started() as worker:
            before = worker.metrics()
            tokens = sum(worker.post("/execute", {**SHORT, "seed": i}).json()["tokens_out"] for i in range(5))
            worker.post("/execute", {})
            support.wait_until(lambda: worker.metrics()["worker_tokens_generated_total"] >= tokens, "all tokens counted")
            after = worker.metrics()
            grown = {name: after[name] - before.get(name, 0) for name in after}
            self.assertEqual(grown['worker_requests_total{outcome="completed"}'], 5)
            self.assertEqual(grown['worker_requests_total{outcome="rejected"}'], 1)
            self.assertLessEqual(grown["worker_tokens_generated_total"], tokens + 5)  # end tokens have no text
            for name in ("worker_inference_duration_ms", "worker_queue_seconds", "worker_first_token_seconds"):
                self.assertEqual(grown[f"{name}_count"], 5, name)
                self.assertEqual(grown[f'{name}_bucket{{le="+Inf"}}'], 5, name)
            self.assertEqual(after["worker_vram_bytes"], worker.get("/health").json()["vram_bytes_used"])
            self.assertGreater(after['worker_kv_blocks{state="free"}'], 0)


class Ends(unittest.TestCase):
    """Workers with so much to do that their end takes a while."""

    def crowd(self, worker, n=40):
        """Streams of which one runs and the others wait."""
        streams = [support.Stream(worker, support.long_answer(f"crowd{i}", i)) for i in range(n)]
        for stream in streams:
            self.addCleanup(stream.close)
        streams[0].read_token()
        streams[-1].read_head()
        return streams

    def is_draining(self, worker):
        return worker.get("/health").json()["status"] == "draining"

    def test_shutdown_lets_answers_finish(self):
        with started("--max-sequences", "1", "--drain-timeout", "600") as worker:
            streams = self.crowd(worker)
            answer = worker.post("/shutdown")
            self.assertEqual((answer.status, answer.json()), (202, {"status": "draining"}))
            support.wait_until(lambda: self.is_draining(worker), "a draining worker")
            self.assertEqual(worker.get("/health").status, 503)
            refused = worker.post("/execute", SHORT)
            self.assertEqual((refused.status, refused.json()["code"]), (503, "DRAINING"))
            for stream in streams[:-2]:
                stream.close()  # their clients go; two stay
            for stream in streams[-2:]:
                stream.read_all()
                self.assertIn(stream.outcome(), NATURAL)
            self.assertEqual(worker.wait_exit(), 0)

    def test_drain_timeout(self):
        with started("--max-sequences", "1", "--drain-timeout", "0") as worker:
            streams = self.crowd(worker)
            self.assertEqual(worker.stop(), 0)
            for stream in streams:
                stream.read_all()
            self.assertLessEqual({stream.outcome() for stream in streams}, NATURAL | {"CANCELLED"})
            self.assertEqual(streams[-1].outcome(), "CANCELLED")

    def test_signal_after_shutdown(self):
        with started("--max-sequences", "1", "--drain-timeout", "600") as worker:
            streams = self.crowd(worker)
            self.assertEqual(worker.post("/shutdown").status, 202)
            support.wait_until(lambda: self.is_draining(worker), "a draining worker")
            worker.signal(signal.SIGTERM)  # a supervisor's first, after its own POST
            for stream in streams[:-2]:
                stream.close()
            for stream in streams[-2:]:
                stream.read_all()
                self.assertIn(stream.outcome(), NATURAL)
            self.assertEqual(worker.wait_exit(), 0)

    def test_second_signal(self):
        with started("--max-sequences", "1", "--drain-timeout", "600") as worker:
            streams = self.crowd(worker)
            worker.signal(signal.SIGTERM)
            support.wait_until(lambda: self.is_draining(worker), "a draining worker")
            worker.signal(signal.SIGTERM)
            worker.wait_exit()
            streams[-1].read_all()
            self.assertEqual(streams[-1].outcome(), "cut")


class Slow(unittest.TestCase):
    def test_late_header(self):
        with started("--header-timeout", "0.2") as worker, worker.connect() as sock:
            sock.sendall(HEALTH[:-4])
            self.assertRegex(read_to_end(sock), rb"^HTTP/1\.1 408 ")
            self.assertEqual(worker.stop(), 0)

    def test_late_body(self):
        with started("--body-timeout", "0.2") as worker, worker.connect() as sock:
            sock.sendall(b"POST /execute HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 100\r\n\r\n{")
            self.assertRegex(read_to_end(sock), rb"^HTTP/1\.1 408 ")
            self.assertEqual(worker.stop(), 0)

    def test_idle_connection(self):
        with started("--idle-timeout", "0.2") as worker:
            with worker.connect() as sock:
                self.assertEqual(read_to_end(sock), b"")
            with worker.connect() as sock:
                sock.sendall(HEALTH)
                answer = read_to_end(sock)
                self.assertRegex(answer, rb"^HTTP/1\.1 200 ")
                self.assertEqual(answer.count(b"HTTP/1.1"), 1)

    def test_idle_connection_makes_room(self):
        with started("--max-connections", "3") as worker:
            idle = []
            for _ in range(3):
                idle.append(worker.connect())
                self.addCleanup(idle[-1].close)
                idle[-1].sendall(HEALTH)
                self.assertIn(b"200 OK", idle[-1].recv(65536))
            with worker.connect() as fourth:
                fourth.sendall(HEALTH)
                self.assertIn(b"200 OK", fourth.recv(65536))
                self.assertEqual(read_to_end(idle[0]), b"")
                for sock in idle[1:]:
                    sock.sendall(HEALTH)
                    self.assertIn(b"200 OK", sock.recv(65536))

    def test_no_room(self):
        """Connections whose answers are under way are not closed for others."""
        with started("--max-connections", "8", "--max-sequences", "1") as worker:
            def attempt(i):
                streams = [support.Stream(worker, support.long_answer(f"room{i}-{k}", k)) for k in range(8)]
                try:
                    heads = [stream.read_head() for stream in streams]
                    with worker.connect() as ninth:
                        ninth.sendall(HEALTH.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
                        answer = read_to_end(ninth) if heads == [200] * 8 else b"not all were there"
                    if not answer.startswith(b"HTTP/1.1 503 "):
                        return False
                    self.assertEqual(set(json.loads(answer.split(b"\r\n\r\n", 1)[1])), {"code", "message", "retriable"})
                    for stream in streams:
                        stream.read_all()
                        self.assertIn(stream.outcome(), NATURAL)
                    return True
                finally:
                    for stream in streams:
                        stream.close()

            until(self, attempt, "a full house")


if __name__ == "__main__":
    tool.main()
