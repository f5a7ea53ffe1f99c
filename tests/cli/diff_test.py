"""llorch diff: which step is named, what the exit code says, and models that cannot be compared."""
import json
import pathlib
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "golden"))
import gguf_edit
import tool

HAIKU = tool.ROOT / "models/haiku/haiku.gguf"
OTHER = tool.ROOT / "tests/data/families/llama/model.gguf"
EXACT = ["--activations", "f32", "--threads", 2]


class Diff(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.work = tempfile.TemporaryDirectory()
        cls.folder = pathlib.Path(cls.work.name)
        model = gguf_edit.Gguf(HAIKU.read_bytes())
        model.quantise("blk.2.attn_output.weight")
        cls.quantised = cls.folder / "quantised.gguf"
        cls.quantised.write_bytes(model.to_bytes())

    @classmethod
    def tearDownClass(cls):
        cls.work.cleanup()

    def diff(self, *args, code):
        done = tool.run("diff", *args, "--json")
        self.assertEqual(done.returncode, code, done.stderr)
        return json.loads(done.stdout)

    def test_a_model_and_itself(self):
        report = self.diff(HAIKU, "builtin:haiku", "--device", "ref", code=0)
        self.assertTrue(report["within"])
        self.assertIsNone(report["first_over"])
        self.assertIsNone(report["other_numbers"])
        self.assertTrue(all(step["max_abs"] == 0 and step["nmse"] == 0 for step in report["steps"]))
        self.assertEqual(report["logits"]["max_abs"], 0)
        self.assertEqual(report["logits"]["kl_max"], 0)
        self.assertEqual(report["logits"]["same_top"], len(report["tokens"]))

    def test_the_one_matrix_that_is_quantised_is_named(self):
        report = self.diff(HAIKU, self.quantised, "--device", "ref", "--prompt", "an old pond", *EXACT, code=1)
        first = report["first_over"]
        self.assertEqual((first["layer"], first["role"], first["op"]), (2, "attn.out", "linear"))
        self.assertGreater(first["max_abs"], 0)
        self.assertTrue(0 < first["nmse"] < 1e-3)
        number = first["step"]
        for step in report["steps"]:
            self.assertEqual(step["max_abs"] > 0, step["step"] >= number, step)
        self.assertGreater(report["logits"]["kl_mean"], 0)

    def test_tolerance(self):
        common = [HAIKU, self.quantised, "--device", "ref", "--tokens", "1,2,3", *EXACT]
        largest = max(step["max_abs"] for step in self.diff(*common, code=1)["steps"])
        self.assertTrue(self.diff(*common, "--tolerance", largest, code=0)["within"])
        self.assertFalse(self.diff(*common, "--tolerance", largest / 2, code=1)["within"])
        self.diff(*common, "--tolerance-rel", 1e9, "--tolerance", 1e-3, code=0)

    def test_devices(self):
        for device in tool.devices():
            with self.subTest(device=device):
                report = self.diff(HAIKU, "--device", "ref", "--device-b", device, "--tolerance", 0.01, *EXACT, code=0)
                self.assertEqual((report["a"]["device"], report["b"]["device"]), ("ref", device))
                self.assertLess(report["logits"]["kl_max"], 1e-6)

    def test_activations(self):
        report = self.diff(self.quantised, "--device", "ref", "--activations", "f32", "--activations-b", "q8", code=1)
        self.assertEqual((report["a"]["activations"], report["b"]["activations"]), ("f32", "q8"))
        self.assertEqual(report["first_over"]["role"], "attn.out")

    def test_lines_for_people(self):
        done = tool.run("diff", HAIKU, self.quantised, "--device", "ref", "--tokens", "1,2,3", *EXACT)
        text = done.stdout.decode()
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertEqual(done.stderr, b"")
        self.assertRegex(text, r"the first step over the tolerance is \d+, blk 2 attn\.out \(linear\): by ")
        self.assertIn("nmse", text)
        self.assertIn("the likeliest id is the same after", text)
        self.assertEqual(text.count("<- over"), sum(s["max_abs"] > 0 for s in self.diff(
            HAIKU, self.quantised, "--device", "ref", "--tokens", "1,2,3", *EXACT, code=1)["steps"]))

    def test_plans_with_other_numbers(self):
        """A GGUF of llama has the rows of q and k in another order, and a rotation to match: what attention makes of them agrees."""
        report = self.diff(OTHER, OTHER.parent / "hf", "--device", "ref", "--tokens", "1,2,3", "--tolerance", 1e-5, *EXACT, code=1)
        self.assertIn("adjacent", report["other_numbers"]["a"])
        self.assertIn("half", report["other_numbers"]["b"])
        over = {step["role"] for step in report["steps"] if not step["within"]}
        self.assertEqual(over, {"attn.q", "attn.k", "attn.rope"})

    def refused(self, *args, code, says):
        done = tool.run("diff", *args)
        message = done.stderr.decode()
        self.assertEqual(done.returncode, code, message)
        self.assertEqual(done.stdout, b"")
        self.assertEqual(message.count("\n"), 1, message)
        self.assertIn(says, message)

    def test_models_of_other_shapes(self):
        self.refused(HAIKU, OTHER, "--tokens", "1,2", code=3, says="the plans differ: the layers are 4 and ")

    def test_logits_that_are_no_numbers(self):
        model = gguf_edit.Gguf(HAIKU.read_bytes())
        model.fill("output_norm.weight", 3e38)
        path = self.folder / "inf.gguf"
        path.write_bytes(model.to_bytes())
        done = tool.run("diff", HAIKU, path, "--tokens", "1,2")
        self.assertEqual(done.returncode, 1)
        self.assertIn(b"the first step over the tolerance is", done.stdout)
        self.assertIn(b"B: row 0: the logit of token", done.stderr)

    def test_bad_arguments(self):
        self.refused(HAIKU, "--tokens", "1,99999", code=2, says="99999")
        self.refused(HAIKU, "--tokens", tool.comma(range(513)), code=2, says="513")
        self.refused(HAIKU, "--tokens", "", code=2, says="empty")
        self.refused(HAIKU, "--prompt", "", code=2, says="--prompt")
        self.refused(HAIKU, "--tolerance", "-1", code=2, says="--tolerance")
        self.refused(HAIKU, "--tokens", "1", "--prompt", "x", code=2, says="--")
        self.refused(HAIKU, "--device-b", "tpu", code=2, says="tpu")
        self.refused(self.folder / "missing.gguf", code=3, says="missing.gguf")


if __name__ == "__main__":
    tool.main()
