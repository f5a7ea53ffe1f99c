"""llorch perplexity: its numbers beside ones computed here from `llorch logits`, saved runs, and bad input."""
import json
import math
import pathlib
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "golden"))
import gguf_edit
import tool

HAIKU = tool.ROOT / "models/haiku/haiku.gguf"
TEXT = """The old pond keeps the moon. A frog considers the evening, and the water answers it with one small circle.

silent rivers flow
moonlight drifts through the valley
the old stones listen

ten thousand threads wake
GPU computing hums
silicon dreaming
""" * 3
EXACT = ["--device", "ref", "--activations", "f32", "--threads", 1]


def log_softmax(row):
    top = max(row)
    total = top + math.log(math.fsum(math.exp(x - top) for x in row))
    return [x - total for x in row]


class Perplexity(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.work = tempfile.TemporaryDirectory()
        cls.folder = pathlib.Path(cls.work.name)
        cls.text = cls.folder / "text.txt"
        cls.text.write_text(TEXT)
        row = tool.output("tokenize", HAIKU, "--jsonl", stdin=json.dumps({"text": TEXT}).encode() + b"\n")
        cls.ids = json.loads(row)["ids_plain"]

    @classmethod
    def tearDownClass(cls):
        cls.work.cleanup()

    def measure(self, *args, model=HAIKU):
        return json.loads(tool.output("perplexity", model, "--file", self.text, "--json", *args))

    def log_probs(self, model, ids):
        """Of every position, by the numbers of `llorch logits`."""
        out = self.folder / "logits.f32"
        tool.output("logits", model, "--tokens", tool.comma(ids), "--out", out, *EXACT)
        values = tool.floats(out.read_bytes())
        vocab = len(values) // len(ids)
        return [log_softmax(values[i * vocab:(i + 1) * vocab]) for i in range(len(ids))]

    def expect(self, report, nlls):
        n = len(nlls)
        mean = math.fsum(nlls) / n
        deviation = math.sqrt(math.fsum((x - mean) ** 2 for x in nlls) / (n - 1))
        self.assertEqual(report["scored_tokens"], n)
        self.assertAlmostEqual(report["nll"], mean, places=10)
        self.assertAlmostEqual(report["perplexity"] / math.exp(mean), 1, places=10)
        self.assertAlmostEqual(report["perplexity_error"] / (math.exp(mean) * deviation / math.sqrt(n)), 1, places=8)
        self.assertAlmostEqual(report["bits_per_byte"], n * mean / math.log(2) / report["scored_bytes"], places=10)

    def nlls_of_windows(self, model, window, bos=None):
        ids = self.ids if bos is None else [bos, *self.ids]
        nlls = []
        for begin in range(0, len(ids) - window + 1, window):
            chunk = ids[begin:begin + window]
            rows = self.log_probs(model, chunk if bos is None else [bos, *chunk[1:]])
            nlls += [-rows[i - 1][chunk[i]] for i in range(window // 2 + 1, window)]
        return nlls

    def test_windows(self):
        report = self.measure("--window", 32, *EXACT)
        self.assertGreater(report["windows"], 3)
        self.assertEqual(report["windows"], len(self.ids) // 32)
        self.assertEqual(report["unused_tokens"], len(self.ids) % 32)
        self.expect(report, self.nlls_of_windows(HAIKU, 32))

    def test_every_window_begins_with_bos_where_the_tokenizer_adds_it(self):
        model = gguf_edit.Gguf(HAIKU.read_bytes())
        key = b"tokenizer.ggml.add_bos_token" + b"\x07\0\0\0"
        self.assertIn(key + b"\0", model.keys)
        model.keys = model.keys.replace(key + b"\0", key + b"\1")
        path = self.folder / "bos.gguf"
        path.write_bytes(model.to_bytes())
        report = self.measure("--window", 32, *EXACT, model=path)
        self.assertEqual(report["text_tokens"], len(self.ids) + 1)
        self.expect(report, self.nlls_of_windows(path, 32, bos=0))

    def test_a_text_that_fills_no_window(self):
        report = self.measure(*EXACT)
        self.assertEqual((report["window"], report["windows"]), (512, 1))
        rows = self.log_probs(HAIKU, self.ids)
        self.expect(report, [-rows[i - 1][self.ids[i]] for i in range(1, len(self.ids))])
        first = json.dumps({"ids": self.ids[:1]}).encode() + b"\n"
        first = json.loads(tool.output("detokenize", HAIKU, "--jsonl", stdin=first))["decoded"]
        self.assertEqual(report["scored_bytes"], len(TEXT.encode()) - len(first.encode()))

    def test_number_of_windows(self):
        report = self.measure("--window", 32, "--windows", 2, *EXACT)
        self.assertEqual((report["windows"], report["scored_tokens"]), (2, 30))
        self.assertEqual(report["unused_tokens"], len(self.ids) - 64)

    def test_lines_for_people(self):
        text = tool.output("perplexity", HAIKU, "--file", self.text, "--window", 64).decode()
        for part in ("perplexity  ", " +/- ", "bits a byte", "nats a token", "the second half of each is scored"):
            self.assertIn(part, text)

    def test_against_itself(self):
        saved = self.folder / "same.run"
        first = tool.run("perplexity", HAIKU, "--file", self.text, "--window", 64, "--save", saved, "--json")
        self.assertEqual(first.returncode, 0, first.stderr)
        self.assertIn(f"take {saved.stat().st_size} bytes".encode(), first.stderr)
        self.assertEqual(json.loads(first.stdout)["saved"]["bytes"], saved.stat().st_size)
        against = self.measure("--window", 64, "--against", saved)["against"]
        self.assertEqual((against["kl_mean"], against["kl_max"], against["rms_probability_difference"]), (0, 0, 0))
        self.assertEqual((against["top_1_agreement"], against["perplexity_ratio"]), (1, 1))
        self.assertIn("ratio ", tool.output("perplexity", HAIKU, "--file", self.text, "--window", 64, "--against", saved).decode())

    def test_quantised_against_exact(self):
        model = gguf_edit.Gguf(HAIKU.read_bytes())
        for name, (dims, _, _) in model.tensors.items():
            if len(dims) == 2 and ".ffn_" in name:
                model.quantise(name)
        path, saved = self.folder / "q8.gguf", self.folder / "f16.run"
        path.write_bytes(model.to_bytes())
        base = self.measure("--window", 64, "--save", saved, *EXACT)
        weights = self.measure("--window", 64, "--against", saved, *EXACT, model=path)
        both = self.measure("--window", 64, "--against", saved, "--device", "ref", model=path)
        for report in (weights, both):
            against = report["against"]
            self.assertAlmostEqual(against["perplexity"] / base["perplexity"], 1, places=6)
            self.assertAlmostEqual(against["perplexity_ratio"], report["perplexity"] / base["perplexity"], places=6)
            self.assertTrue(0 < against["kl_median"] < against["kl_99"] <= against["kl_max"] < 0.1, against)
            self.assertTrue(0 < against["rms_probability_difference"] < 0.05, against)
            self.assertGreater(against["top_1_agreement"], 0.9)
        self.assertLess(weights["against"]["kl_mean"], both["against"]["kl_mean"])

    def test_divergence_by_hand(self):
        """KL, agreement and RMS of two different models, computed here."""
        model = gguf_edit.Gguf(HAIKU.read_bytes())
        model.fill("blk.1.ffn_norm.weight", 0.5)
        path, saved = self.folder / "other.gguf", self.folder / "base.run"
        path.write_bytes(model.to_bytes())
        self.measure("--save", saved, *EXACT)
        against = self.measure("--against", saved, *EXACT, model=path)["against"]
        kls, same, squares = [], 0, []
        for i, (p, q) in enumerate(zip(self.log_probs(HAIKU, self.ids[:-1]), self.log_probs(path, self.ids[:-1]))):
            kls.append(math.fsum(math.exp(x) * (x - y) for x, y in zip(p, q)))
            same += p.index(max(p)) == q.index(max(q))
            token = self.ids[i + 1]
            squares.append((math.exp(q[token]) - math.exp(p[token])) ** 2)
        n = len(kls)
        self.assertGreater(against["kl_mean"], 0.01)
        self.assertAlmostEqual(against["kl_mean"], math.fsum(kls) / n, places=6)
        self.assertAlmostEqual(against["kl_max"], max(kls), places=5)
        self.assertAlmostEqual(against["top_1_agreement"], same / n, places=12)
        self.assertAlmostEqual(against["rms_probability_difference"], math.sqrt(math.fsum(squares) / n), places=6)

    def refused(self, *args, code, says, model=HAIKU):
        done = tool.run("perplexity", model, *args)
        message = done.stderr.decode()
        self.assertEqual(done.returncode, code, message)
        self.assertEqual(done.stdout, b"")
        self.assertEqual(message.count("\n"), 1, message)
        for part in (says if isinstance(says, tuple) else (says,)):
            self.assertIn(part, message)

    def test_bad_texts(self):
        empty, short = self.folder / "empty.txt", self.folder / "short.txt"
        empty.write_bytes(b"")
        short.write_bytes(b"a")
        self.refused("--file", empty, code=5, says=("--file", "empty.txt"))
        self.refused("--file", short, code=2, says=("short.txt", "1 token"))
        self.refused("--file", self.folder / "missing.txt", code=5, says="missing.txt")
        self.refused("--file", self.folder, code=5, says=str(self.folder))
        self.refused(code=2, says="--file")

    def test_bad_windows(self):
        self.refused("--file", self.text, "--window", 513, code=2, says=("--window", "513", "512"))
        self.refused("--file", self.text, "--window", 3, code=2, says="--window")

    def test_logits_that_are_no_numbers(self):
        model = gguf_edit.Gguf(HAIKU.read_bytes())
        model.fill("output_norm.weight", 3e38)
        path = self.folder / "inf.gguf"
        path.write_bytes(model.to_bytes())
        self.refused("--file", self.text, model=path, code=1, says=("before token 1 of the text", "the logit of token"))

    def test_saved_runs_that_cannot_be_used(self):
        saved, bad, other = self.folder / "good.run", self.folder / "bad.run", self.folder / "other.txt"
        self.measure("--window", 64, "--save", saved)
        common = ["--file", self.text, "--window", 64, "--against"]
        whole = saved.read_bytes()
        for data, says in ((whole[:-1], "truncated"), (whole[:40], "no file of"), (b"x" * 100, "no file of"),
                           (whole[:-3000] + b"\0" + whole[-2999:], "the checksum of row")):
            bad.write_bytes(data)
            self.refused(*common, bad, code=2, says=("bad.run", says))
        self.refused(*common, self.folder / "missing.run", code=5, says="missing.run")
        self.refused("--file", self.text, "--window", 32, "--against", saved, code=2, says=("--window", "64", "32"))
        self.refused(*common, saved, "--windows", 1, code=2, says="--windows")
        other.write_text(TEXT.replace("frog", "toad", 1))
        self.refused("--file", other, "--window", 64, "--against", saved, code=2, says="of the text is")
        tiny = tool.ROOT / "tests/data/families/llama/model.gguf"
        if "tokenizer" in json.loads(tool.output("inspect", tiny, "--json")):
            self.refused(*common[:2], "--against", saved, model=tiny, code=2, says="vocabulary")

    def test_nothing_is_left_of_a_save_that_fails(self):
        before = set(self.folder.iterdir())
        self.refused("--file", self.text, "--save", self.folder / "no/such/folder", code=5, says="no/such/folder")
        model = gguf_edit.Gguf(HAIKU.read_bytes())
        model.fill("output_norm.weight", 3e38)
        path = self.folder / "inf2.gguf"
        path.write_bytes(model.to_bytes())
        done = tool.run("perplexity", path, "--file", self.text, "--save", self.folder / "never.run")
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertEqual(set(self.folder.iterdir()) - before, {path})


if __name__ == "__main__":
    tool.main()
