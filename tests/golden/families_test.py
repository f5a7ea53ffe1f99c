"""Tiny models of random weights, one or more a family: logits and greedy ids equal those of llama.cpp and of a float64 forward
pass, from GGUF and from the Hugging Face directory, on every device."""
import pathlib
import tempfile
import unittest

import tool

FAMILIES = tool.ROOT / "tests/data/families"
NAMES = sorted(folder.name for folder in FAMILIES.iterdir() if folder.is_dir())
EXACT = ["--context", 512, "--activations", "f32"]
TOLERANCE = 1e-3


class Families(unittest.TestCase):
    def each(self):
        n_compared = 0
        for name in NAMES:
            folder = FAMILIES / name
            if not (folder / "golden.json").is_file():
                tool.skip(name, f"{folder} has no golden.json")
                continue
            golden = tool.read_json(folder / "golden.json")
            twins = [folder / golden["hf_dir"]] if "hf_dir" in golden else []
            for model in [folder / "model.gguf", *twins]:
                if not model.exists():
                    tool.skip(name, f"{model} does not exist")
                    continue
                for device in tool.devices():
                    n_compared += 1
                    yield {"family": name, "model": model.name, "device": device}, device, model, golden
        if n_compared == 0:
            self.skipTest("no family has reference data")

    def worst_difference(self, device, model, golden, out):
        tool.output("logits", model, "--tokens", tool.comma(golden["tokens"]), "--out", out, "--device", device, *EXACT)
        n_vocab = golden["n_vocab"]
        logits = tool.floats(out.read_bytes())
        self.assertEqual(len(logits), len(golden["tokens"]) * n_vocab)
        wanted = tool.floats((FAMILIES / golden["name"] / golden["logits_file"]).read_bytes())
        worst = 0.0
        for i, row in enumerate(golden["rows"]):
            for v in range(n_vocab):
                difference = abs(logits[row * n_vocab + v] - wanted[i * n_vocab + v])
                worst = difference if not difference <= worst else worst  # NaN is worse than anything
        return worst

    def test_logits(self):
        with tempfile.TemporaryDirectory() as work:
            for label, device, model, golden in self.each():
                with self.subTest(**label):
                    worst = self.worst_difference(device, model, golden, pathlib.Path(work) / "logits.f32")
                    self.assertLessEqual(worst, TOLERANCE)

    def test_greedy(self):
        for label, device, model, golden in self.each():
            with self.subTest(**label):
                new = tool.output("run", model, "--tokens", tool.comma(golden["tokens"]), "--print-ids", "--temperature",
                                  0, "--max-tokens", len(golden["greedy"]), "--ignore-eos", "--device", device, *EXACT)
                self.assertEqual([int(x) for x in new.split()], golden["greedy"])


if __name__ == "__main__":
    tool.main()
