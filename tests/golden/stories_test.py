"""stories260K, a real trained model: greedy text equals llama2.c's, character by character, on every device."""
import unittest

import tool


class Stories(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tool.testdata("stories260K")
        if cls.folder is None:
            raise unittest.SkipTest("no reference data")
        cls.runs = tool.read_json(cls.folder / "golden.json")["runs"]
        cls.models = [cls.folder / "stories260K.gguf", cls.folder / "hf"]

    def each(self):
        for device in tool.devices():
            for model in self.models:
                for golden in self.runs:
                    yield {"device": device, "model": model.name, "prompt": golden["prompt"]}, device, model, golden

    def test_text(self):
        for label, device, model, golden in self.each():
            n_new = len(golden["ids"]) - len(golden["prompt_ids"])
            with self.subTest(**label):
                text = tool.output("run", model, golden["prompt"], "--raw", "--temperature", 0, "--max-tokens", n_new,
                                   "--activations", "f32", "--device", device)
                self.assertEqual(golden["prompt"] + text.decode(), golden["text_run_c"])

    def test_ids(self):
        for label, device, model, golden in self.each():
            n_prompt = len(golden["prompt_ids"])
            with self.subTest(**label):
                new = tool.output("run", model, "--tokens", tool.comma(golden["prompt_ids"]), "--print-ids",
                                  "--temperature", 0, "--max-tokens", len(golden["ids"]) - n_prompt, "--ignore-eos",
                                  "--activations", "f32", "--device", device)
                self.assertEqual([int(x) for x in new.split()], golden["ids"][n_prompt:])


if __name__ == "__main__":
    tool.main()
