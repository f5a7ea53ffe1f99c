"""What scripts read from the tool: JSON of inspect, devices and bench, traces, token ids, logits, JSONL of tokenize."""
import base64
import json
import pathlib
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "golden"))
import tool

HAIKU = "builtin:haiku"
TEXTS = ["an old silent pond", "", " two  spaces ", "naïve – ½ 漢字 🌙", "line\nbreak\ttab", "a\u0301"]
BENCH_KEYS = ["prefill_tokens_per_sec", "decode_tokens_per_sec", "decode_bytes_per_token", "prefill_ops_per_token",
              "roof_read_gb_per_sec", "roof_int8_tops", "roof_f32_tflops"]
TINY = ["-p", 8, "-n", 4, "-r", 1, "--roof-mb", 16]


def lines(*args, rows):
    text = "".join(json.dumps(row) + "\n" for row in rows)
    return [json.loads(line) for line in tool.output(*args, stdin=text.encode()).splitlines()]


class Formats(unittest.TestCase):
    def test_tokenize_round_trip(self):
        encoded = lines("tokenize", HAIKU, "--jsonl", rows=[{"text": t} for t in TEXTS])
        self.assertEqual([row["decoded"] for row in encoded], TEXTS)
        decoded = lines("detokenize", HAIKU, "--jsonl", rows=[{"ids": row["ids_plain"]} for row in encoded])
        self.assertEqual([row["decoded"] for row in decoded], TEXTS)
        for row, ids, text in zip(decoded, encoded, TEXTS):
            self.assertEqual(len(row["pieces_b64"]), len(ids["ids_plain"]))
            self.assertEqual(b"".join(map(base64.b64decode, row["pieces_b64"])), text.encode())

    def test_bytes(self):
        row = {"bytes_b64": base64.b64encode("pond 🌙".encode()).decode()}
        self.assertEqual(lines("tokenize", HAIKU, "--jsonl", rows=[row])[0]["decoded"], "pond 🌙")

    def test_bad_lines_are_named(self):
        for bad in ('{"text": 1}', "{", '{"bytes_b64": "a"}', "[]", '{"text": "\\ud800"}'):
            done = tool.run("tokenize", HAIKU, "--jsonl", stdin=b'{"text":"good"}\n' + bad.encode() + b"\n")
            self.assertEqual(done.returncode, 2, bad)
            self.assertIn(b"line 2", done.stderr, bad)
        for bad in ('{"ids": [-1]}', '{"ids": ["a"]}', '{"ids": 1}', '{"ids": [123456789]}', '{"ids": [1.5]}'):
            done = tool.run("detokenize", HAIKU, "--jsonl", stdin=b'{"ids":[1]}\n' + bad.encode() + b"\n")
            self.assertEqual(done.returncode, 2, bad)
            self.assertIn(b"line 2", done.stderr, bad)

    def test_tables(self):
        table = tool.output("tokenize", HAIKU, "old pond").decode()
        self.assertIn("index", table)
        self.assertEqual(table, tool.output("tokenize", HAIKU, stdin=b"old pond").decode())
        self.assertIn("text:", tool.output("detokenize", HAIKU, "1,2").decode())

    def test_inspect(self):
        facts = json.loads(tool.output("inspect", HAIKU, "--json"))
        for key in ("name", "metadata", "tensors", "types", "tokenizer", "spec", "plan"):
            self.assertTrue(facts[key], key)
        total = sum(tensor["bytes"] for tensor in facts["tensors"])
        self.assertEqual(total, sum(kind["bytes"] for kind in facts["types"].values()))
        self.assertIn("plan", tool.output("inspect", HAIKU).decode())

    def test_devices(self):
        names = [d["name"] for d in json.loads(tool.output("devices", "--json"))]
        self.assertIn("ref", names)
        self.assertIn("ref", tool.output("devices").decode())

    def test_bench(self):
        report = json.loads(tool.output("bench", HAIKU, "--json", *TINY))
        for key in BENCH_KEYS:
            self.assertGreater(report[key], 0, key)
        self.assertEqual((report["sequences"], report["kv_type"]), (1, "f16"))

    def test_bench_of_many_sequences(self):
        report = json.loads(tool.output("bench", HAIKU, "--json", "--profile", "--sequences", 3, "--kv-type", "q8_0", *TINY))
        self.assertEqual((report["sequences"], report["kv_type"]), (3, "q8_0"))
        for phase in ("prefill", "decode"):
            self.assertIn("attend", {row["op"] for row in report["profile"][phase]})
            self.assertLessEqual(sum(row["share"] for row in report["profile"][phase]), 1.0)

    def test_memory(self):
        def memory(*args):
            return json.loads(tool.output("inspect", HAIKU, "--json", "--memory", *args))["memory"]
        one, two = memory(), memory("--sequences", 2)
        self.assertEqual(one["total_bytes"], one["weights_bytes"] + one["kv_bytes"] + one["workspace_bytes"])
        self.assertEqual(two["kv_bytes"], 2 * one["kv_bytes"])
        self.assertEqual(memory("--kv-type", "f32")["kv_bytes"], 2 * one["kv_bytes"])
        self.assertIn("KV cache", tool.output("inspect", HAIKU, "--memory").decode())

    def test_profile_and_trace(self):
        with tempfile.TemporaryDirectory() as work:
            path = pathlib.Path(work) / "trace.json"
            text = tool.output("bench", HAIKU, "--profile", "--trace", path, *TINY).decode()
            trace = json.loads(path.read_text())
        self.assertIn("prefill costs most in: ", text)
        self.assertIn("decode costs most in: ", text)
        self.assertNotIn("nothing was recorded", text)
        names = {event.get("name") for event in trace["traceEvents"]}
        self.assertTrue({"request", "prefill", "decode"} <= names, names)

    def test_logits(self):
        with tempfile.TemporaryDirectory() as work:
            path = pathlib.Path(work) / "logits.f32"
            tool.output("logits", HAIKU, "--tokens", "1, 2 ,3", "--out", path)
            n = len(tool.floats(path.read_bytes()))
        self.assertEqual(n % 3, 0)
        self.assertGreater(n, 0)


class Run(unittest.TestCase):
    def test_greedy_is_repeatable(self):
        args = ["run", HAIKU, "old pond", "--temperature", 0, "--max-tokens", 12]
        first = tool.output(*args)
        self.assertEqual(first, tool.output(*args))
        self.assertTrue(first.endswith(b"\n"))
        self.assertGreater(len(first), 1)

    def test_seed(self):
        args = ["run", HAIKU, "old pond", "--max-tokens", 12, "--seed", 7]
        self.assertEqual(tool.output(*args), tool.output(*args))

    def test_print_ids_are_the_text(self):
        args = ["run", HAIKU, "the old pond", "--raw", "--temperature", 0, "--max-tokens", 10, "--ignore-eos"]
        ids = [int(i) for i in tool.output(*args, "--print-ids").split()]
        self.assertEqual(len(ids), 10)

    def test_stop(self):
        args = ["run", HAIKU, "the old pond", "--raw", "--temperature", 0, "--max-tokens", 10, "--ignore-eos"]
        text = tool.output(*args).decode()
        stop = text[2:5]
        self.assertEqual(tool.output(*args, "--stop", stop).decode(), text[: text.index(stop)])

    def test_conversation(self):
        done = tool.run("run", HAIKU, "--temperature", 0, "--max-tokens", 8, stdin=b"a frog\n\nthe moon\n")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertGreaterEqual(done.stdout.count(b"\n"), 2)

    def test_all_of_standard_input_as_one_prompt(self):
        for how in (["--raw"], []):
            args = ["--temperature", 0, "--max-tokens", 12, *how]
            expected = tool.output("run", HAIKU, "an old\npond", *args)
            self.assertEqual(tool.output("run", HAIKU, "-", *args, stdin=b"an old\npond\n"), expected)
        done = tool.run("run", HAIKU, "-", stdin=b"")
        self.assertEqual((done.returncode, done.stdout), (2, b""))
        self.assertEqual(done.stderr, b"llorch: PROMPT: '-' is standard input, which is empty\n")

    def test_empty_input(self):
        done = tool.run("run", stdin=b"")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(done.stdout, b"")

    def test_template_that_is_not_known(self):
        model = tool.ROOT / "tests/data/families/llama/model.gguf"
        if not model.is_file():
            self.skipTest(f"{model} does not exist")
        done = tool.run("run", model, "hello")
        self.assertEqual(done.returncode, 3, done.stderr)
        self.assertIn(b"--raw", done.stderr)
        conversation = tool.run("run", model)
        self.assertEqual(conversation.returncode, 3, conversation.stderr)
        self.assertIn(b"--raw", conversation.stderr)

    def test_prompt_longer_than_the_context(self):
        done = tool.run("run", HAIKU, "--raw", "pond " * 100, "--context", 16)
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertIn(b"16", done.stderr)


if __name__ == "__main__":
    tool.main()
