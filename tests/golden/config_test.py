"""config.json as its classes read it: keys that are null or left out, and values that are refused. The tiny models' directories with a
few keys changed; `llorch inspect` tells what became of them, and where the change means nothing, `llorch logits` gives the same bits."""
import json
import pathlib
import shutil
import tempfile
import unittest

import families_test
import hf_directory
import tool


class Config(unittest.TestCase):
    def setUp(self):
        self.work = tempfile.TemporaryDirectory()
        self.addCleanup(self.work.cleanup)

    def directory(self, family, drop=(), **changes):
        """The family's directory; keys of `drop` are left out of its config.json, and `changes` (None: null) written into it."""
        folder = families_test.FAMILIES / family
        copy = pathlib.Path(self.work.name) / f"{family}-{len(list(pathlib.Path(self.work.name).iterdir()))}"
        if family in hf_directory.WRITERS:
            hf_directory.WRITERS[family](folder / "model.gguf").write(copy, families_test.FAMILIES / "llama/hf")
        else:
            shutil.copytree(folder / "hf", copy, copy_function=shutil.copyfile)
        path = copy / "config.json"
        config = json.loads(path.read_text())
        for key in drop:
            config.pop(key, None)
        path.write_text(json.dumps({**config, **changes}))
        return copy

    def inspect(self, directory):
        return tool.output("inspect", directory).decode()

    def logits(self, model):
        out = pathlib.Path(self.work.name) / "logits.f32"
        tool.output("logits", model, "--tokens", "1,5,7,9", "--activations", "f32", "--out", out)
        return out.read_bytes()

    def test_deepseek_v3_leaves_its_usual_values_out(self):
        usual = ["scoring_func", "topk_method", "norm_topk_prob", "routed_scaling_factor"]
        self.assertEqual(self.logits(self.directory("deepseek2", drop=usual)), self.logits(self.directory("deepseek2")))

    def test_null_is_no_cap(self):
        caps = {"attn_logit_softcapping": None, "final_logit_softcapping": None}
        directory = self.directory("gemma2", **caps)
        self.assertIn("final_softcap=0", self.inspect(directory))
        converted = pathlib.Path(self.work.name) / "converted.gguf"
        tool.output("convert", directory, converted, "--type", "F32")
        self.assertEqual(self.logits(converted), self.logits(directory))
        absent = self.directory("gemma2", drop=list(caps))
        self.assertIn("final_softcap=30", self.inspect(absent))

    def test_null_is_no_window(self):
        directory = self.directory("qwen2", drop=["layer_types"], use_sliding_window=True, sliding_window=None, max_window_layers=0)
        self.assertNotIn("window=4096", self.inspect(directory))
        directory = self.directory("qwen2", drop=["layer_types", "sliding_window"], use_sliding_window=True, max_window_layers=0)
        self.assertIn("window=4096", self.inspect(directory))

    def test_layers_without_rope(self):
        by_interval = self.directory("smollm3", no_rope_layers=None, no_rope_layer_interval=2)
        listed = self.directory("smollm3", no_rope_layers=[1, 0] * 8)
        self.assertIn("rope: none", self.inspect(by_interval))
        self.assertEqual(self.logits(by_interval), self.logits(listed))

    def test_rope_scaling(self):
        plain = self.logits(self.directory("llama", drop=["rope_parameters"], rope_scaling=None))
        dynamic = self.directory("llama", drop=["rope_parameters"], rope_scaling={"type": "dynamic", "factor": 2.0})
        self.assertEqual(self.logits(dynamic), plain)
        for scaling, named in [({"type": "linear"}, "factor"), ({"type": "linear", "factor": 0}, "factor"), (5, "rope_scaling"),
                               ([], "rope_scaling"), ("x", "rope_scaling")]:
            with self.subTest(scaling=scaling):
                done = tool.run("logits", self.directory("llama", drop=["rope_parameters"], rope_scaling=scaling), "--tokens", "1",
                                "--out", pathlib.Path(self.work.name) / "never")
                self.assertEqual(done.returncode, 3)
                self.assertIn(named, done.stderr.decode())

    def test_end_ids_that_no_token_has(self):
        directory = self.directory("llama", eos_token_id=[2, 99999, -1])
        done = tool.run("tokenize", directory, "a")
        self.assertEqual(done.returncode, 0, done.stderr.decode())
        self.assertIn("eos_token_id 99999 is outside the vocabulary", done.stderr.decode())
        self.assertIn("eos_token_id -1 is outside the vocabulary", done.stderr.decode())


if __name__ == "__main__":
    unittest.main()
