"""The same request gives the same bytes: logits of a prompt do not depend on how it was cut or on the number of
threads, for every format and both kinds of activations. (blas promises less and is left out.)"""
import pathlib
import random
import subprocess
import sys
import tempfile
import unittest

import tool

TYPES = ["F32", "F16", "Q8_0", "Q4_0", "Q4_K", "Q6_K"]
SHAPE = ["--dim", "256", "--layers", "2", "--heads", "8", "--kv-heads", "2", "--ff", "512", "--vocab", "512"]
N_TOKENS = 75  # three KV blocks, the last one not full
CUTS = [1, 7, 32, 33]
THREADS = [1, 2, 3, 4]


def make_models(folder):
    """Random models by type; empty after a loud skip when no python3 has numpy."""
    for python in (sys.executable, "/usr/bin/python3"):
        if subprocess.run([python, "-c", "import numpy"], capture_output=True, check=False).returncode == 0:
            break
    else:
        tool.skip("quantised models", "no python3 has numpy (Debian: python3-numpy)")
        return {}
    models = {}
    for kind in TYPES:
        models[kind] = pathlib.Path(folder) / f"{kind}.gguf"
        command = [python, tool.ROOT / "bench/make_model.py", "--type", kind, "--out", models[kind], *SHAPE]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return models


class Identity(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.work = tempfile.TemporaryDirectory()
        cls.models = make_models(cls.work.name)
        cls.random = random.Random(1)

    @classmethod
    def tearDownClass(cls):
        cls.work.cleanup()

    def logits(self, model, ids, *options):
        out = pathlib.Path(self.work.name) / "logits.f32"
        tool.output("logits", model, "--tokens", tool.comma(ids), "--out", out, *options)
        return out.read_bytes()

    def compare(self, model, vocab, device, activations):
        ids = [self.random.randrange(vocab) for _ in range(N_TOKENS)]
        common = ["--device", device, "--activations", activations, "--context", 128]
        whole = self.logits(model, ids, "--threads", 1, *common)
        self.assertEqual(len(whole), N_TOKENS * vocab * 4)
        for n_threads in THREADS[1:]:
            self.assertTrue(whole == self.logits(model, ids, "--threads", n_threads, *common), f"{n_threads} threads")
        self.assertTrue(whole == self.logits(model, ids, "--repack", "off", *common), "--repack off")
        for cut in CUTS:
            self.assertTrue(whole == self.logits(model, ids, "--threads", 2, "--chunk", cut, *common), f"chunks of {cut}")

    def test_random_models(self):
        if not self.models:
            self.skipTest("no models")
        for device in (d for d in tool.devices() if d != "blas"):
            for kind, model in self.models.items():
                for activations in ("f32", "q8"):
                    with self.subTest(device=device, type=kind, activations=activations):
                        self.compare(model, 512, device, activations)

    def test_stories(self):
        folder = tool.testdata("stories260K")
        if folder is None:
            self.skipTest("no reference data")
        for device in (d for d in tool.devices() if d != "blas"):
            with self.subTest(device=device):
                self.compare(folder / "stories260K.gguf", 512, device, "f32")


if __name__ == "__main__":
    tool.main()
