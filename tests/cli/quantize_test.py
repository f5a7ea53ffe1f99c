"""llorch quantize and imatrix from outside: what they write can be run, what they refuse, and that no partial file is left."""
import json
import pathlib
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "golden"))
import tool

HAIKU = tool.ROOT / "models/haiku/haiku.gguf"
LLAMA = tool.ROOT / "tests/data/families/llama/model.gguf"
TYPES = ("F32", "F16", "BF16", "Q8_0", "Q6_K", "Q5_K_M", "Q4_K_M", "Q4_0", "IQ4_XS", "MXFP4")


class Quantize(unittest.TestCase):
    def setUp(self):
        self.work = tempfile.TemporaryDirectory()
        self.folder = pathlib.Path(self.work.name)
        self.out = self.folder / "out.gguf"

    def tearDown(self):
        self.work.cleanup()

    def refused(self, code, words, *args):
        done = tool.run(*args, timeout=60)
        message = done.stderr.decode()
        self.assertEqual(done.returncode, code, message)
        self.assertEqual(message.count("\n"), 1, message)
        for word in words:
            self.assertIn(word, message)

    def types_of(self, path):
        return {t["name"]: t["type"] for t in json.loads(tool.output("inspect", path, "--json"))["tensors"]}

    def test_every_type_runs(self):
        logits = {}
        for kind in TYPES:
            with self.subTest(type=kind):
                tool.output("quantize", HAIKU, self.out, "--type", kind)
                tool.output("logits", self.out, "--tokens", "1,2,3,4,5", "--out", self.folder / "l", "--activations", "f32")
                logits[kind] = tool.floats((self.folder / "l").read_bytes())
        self.assertEqual(logits["F32"], logits["F16"], "the model is F16")
        scale = max(map(abs, logits["F32"]))
        for kind, limit in {"BF16": 0.02, "Q8_0": 0.02, "Q6_K": 0.1, "Q5_K_M": 0.2, "Q4_K_M": 0.4, "Q4_0": 0.4, "IQ4_XS": 0.4}.items():
            apart = max(abs(a - b) for a, b in zip(logits[kind], logits["F32"]))
            self.assertGreater(apart, 0, kind)
            self.assertLess(apart, limit * scale, kind)

    def test_the_mix(self):
        tool.output("quantize", HAIKU, self.out, "--type", "q4_k_m")
        types = self.types_of(self.out)
        self.assertEqual(types["token_embd.weight"], "Q6_K")  # the output matrix too
        self.assertEqual(types["blk.1.attn_q.weight"], "Q4_K")
        self.assertEqual(types["blk.0.attn_norm.weight"], "F32")
        metadata = json.loads(tool.output("inspect", self.out, "--json"))["metadata"]
        self.assertEqual(metadata["general.file_type"], "15")
        self.assertEqual(metadata["general.quantization_version"], "2")

    def test_output_tells_what_was_written(self):
        text = tool.output("quantize", HAIKU, self.out, "--type", "Q8_0").decode()
        self.assertIn(f"{self.out}: {self.out.stat().st_size} bytes, Q8_0", text)
        self.assertIn("29 tensors", text)

    def test_dry_run_writes_nothing(self):
        text = tool.output("quantize", HAIKU, self.out, "--type", "Q4_0", "--dry-run").decode()
        self.assertIn("not written", text)
        self.assertEqual(list(self.folder.iterdir()), [])

    def test_refused_before_work(self):
        self.refused(2, ["--type", "Q4_K_M", "'Q3'"], "quantize", HAIKU, self.out, "--type", "Q3")
        copy = self.folder / "in.gguf"
        copy.write_bytes(HAIKU.read_bytes())
        self.refused(2, ["in.gguf", "destroy"], "quantize", copy, copy, "--type", "Q8_0")
        self.refused(3, ["missing.gguf"], "quantize", self.folder / "missing.gguf", self.out, "--type", "Q8_0")
        self.refused(5, ["no-folder"], "quantize", HAIKU, self.folder / "no-folder/out.gguf", "--type", "Q8_0")
        self.refused(3, ["no.imatrix"], "quantize", HAIKU, self.out, "--type", "Q8_0", "--imatrix", self.folder / "no.imatrix")
        self.refused(3, ["haiku.gguf", "importance"], "quantize", LLAMA, self.out, "--type", "Q8_0", "--imatrix", HAIKU)
        self.assertEqual(copy.read_bytes(), HAIKU.read_bytes())
        self.assertFalse(self.out.exists())

    def test_quantised_twice_only_when_asked(self):
        first = self.folder / "q8.gguf"
        tool.output("quantize", LLAMA, first, "--type", "Q8_0")
        self.refused(2, ["Q8_0", "--allow-requantize"], "quantize", first, self.out, "--type", "Q4_0")
        tool.output("quantize", first, self.out, "--type", "Q4_0", "--allow-requantize")
        self.assertIn("Q4_0", self.types_of(self.out).values())

    def test_a_file_size_limit_leaves_the_old_file(self):
        self.out.write_text("the old file")

        def limit():
            resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))

        done = subprocess.run([tool.BIN, "quantize", HAIKU, self.out, "--type", "Q8_0"], capture_output=True, preexec_fn=limit)
        self.assertEqual(done.returncode, 5, done.stderr)
        self.assertIn(b"out.gguf", done.stderr)
        self.assertEqual(self.out.read_text(), "the old file")
        self.assertEqual([p.name for p in self.folder.iterdir()], ["out.gguf"])

    def test_a_signal_leaves_the_old_file_and_nothing_else(self):
        for sent in (signal.SIGKILL, signal.SIGTERM, signal.SIGINT):
            self.out.write_text("the old file")
            for delay in (0.1, 0.05, 0.02, 0.01, 0.005):  # an idle machine may be done before the first of them
                process = subprocess.Popen([tool.BIN, "quantize", HAIKU, self.out, "--type", "IQ4_XS"], stdout=subprocess.DEVNULL)
                time.sleep(delay)
                process.send_signal(sent)
                process.wait()
                if process.returncode == -sent:
                    break
                self.out.write_text("the old file")
            self.assertEqual(process.returncode, -sent)
            self.assertEqual(self.out.read_text(), "the old file")
            self.assertEqual([p.name for p in self.folder.iterdir()], ["out.gguf"])

    def test_never_writes_over_what_it_reads(self):
        model, text, matrix = (self.folder / name for name in ("m.gguf", "text", "m.imatrix"))
        model.write_bytes(HAIKU.read_bytes())
        text.write_text("<|user|>GPU computing<|end|>" * 40)
        tool.output("imatrix", model, "--file", text, "--out", matrix)
        link = self.folder / "link.gguf"
        link.symlink_to(model)
        before = {p: p.read_bytes() for p in (model, text, matrix)}
        for out in (model, link):
            self.refused(2, [out.name], "quantize", model, out, "--type", "Q8_0")
            self.refused(2, [out.name], "imatrix", model, "--file", text, "--out", out)
            self.refused(2, [out.name], "perplexity", model, "--file", text, "--save", out)
            self.refused(2, [out.name], "verify", model, "--write-manifest", out)
        self.refused(2, ["m.imatrix"], "quantize", model, matrix, "--type", "Q8_0", "--imatrix", matrix)
        self.refused(2, ["text"], "imatrix", model, "--file", text, "--out", text)
        self.refused(2, ["text"], "perplexity", model, "--file", text, "--save", text)
        self.assertEqual({p: p.read_bytes() for p in before}, before)

    def test_a_directory_is_not_written_into(self):
        directory = self.folder / "hf"
        shutil.copytree(tool.ROOT / "models/haiku/hf", directory)
        before = {p.name: p.read_bytes() for p in directory.iterdir()}
        for name in before:
            self.refused(2, [name], "quantize", directory, directory / name, "--type", "Q8_0")
            self.refused(2, [name], "convert", directory, directory / name)
        self.assertEqual({p.name: p.read_bytes() for p in directory.iterdir()}, before)

    def test_an_importance_matrix_of_another_model(self):
        text, matrix = self.folder / "text", self.folder / "haiku.imatrix"
        text.write_text("<|user|>GPU computing<|end|>" * 40)
        tool.output("imatrix", HAIKU, "--file", text, "--out", matrix)
        self.refused(2, ["importance matrix", "attn_"], "quantize", LLAMA, self.out, "--type", "Q8_0", "--imatrix", matrix)
        self.refused(2, ["--imatrix", "F16"], "quantize", HAIKU, self.out, "--type", "F16", "--imatrix", matrix)
        deepseek = tool.ROOT / "tests/data/families/deepseek2/model.gguf"
        renamed = self.folder / "none.imatrix"
        renamed.write_bytes(matrix.read_bytes().replace(b"blk.", b"xxx."))
        self.refused(2, ["none of the"], "quantize", HAIKU, self.out, "--type", "Q8_0", "--imatrix", renamed)
        own = self.folder / "deepseek.imatrix"
        tool.output("imatrix", deepseek, "--file", text, "--out", own)
        self.assertIn("of", tool.run("quantize", deepseek, self.out, "--type", "Q8_0", "--imatrix", own).stderr.decode())
        self.assertFalse(renamed.with_suffix(".out").exists())

    def test_empty_values_are_refused(self):
        for args in (["quantize", HAIKU, "", "--type", "Q8_0"], ["quantize", HAIKU, self.out, "--type", ""],
                     ["quantize", HAIKU, self.out, "--type", "Q8_0", "--imatrix", ""],
                     ["perplexity", HAIKU, "--file", HAIKU, "--save", ""], ["imatrix", HAIKU, "--file", "", "--out", self.out]):
            self.refused(2, ["empty"], *args)

    def test_imatrix(self):
        text = self.folder / "text"
        text.write_text("<|user|>GPU computing<|end|>" * 40)
        matrix = self.folder / "haiku.imatrix"
        said = tool.output("imatrix", HAIKU, "--file", text, "--out", matrix, "--chunk", "64").decode()
        self.assertIn("28 matrices", said)
        tool.output("quantize", HAIKU, self.out, "--type", "Q4_K_M", "--imatrix", matrix)
        plain = self.folder / "plain.gguf"
        tool.output("quantize", HAIKU, plain, "--type", "Q4_K_M")
        self.assertNotEqual(self.out.read_bytes(), plain.read_bytes())
        empty = self.folder / "empty"
        empty.write_text("")
        self.refused(5, ["--file", "empty"], "imatrix", HAIKU, "--file", empty, "--out", matrix)
        self.refused(5, ["--file", "absent"], "imatrix", HAIKU, "--file", self.folder / "absent", "--out", matrix)


if __name__ == "__main__":
    tool.main()
