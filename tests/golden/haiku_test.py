"""The embedded model answers what its training script recorded beside it (models/haiku/golden.json), on every device."""
import unittest

import tool

HAIKU = "builtin:haiku"
FOLDER = tool.ROOT / "models/haiku"


class Haiku(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        path = FOLDER / "golden.json"
        if not path.is_file():
            raise unittest.SkipTest(f"{path} does not exist")
        cls.cases = tool.read_json(path)
        cls.devices = tool.devices()

    def test_ids(self):
        models = [HAIKU, *(path for path in (FOLDER / "haiku.gguf", FOLDER / "hf") if path.exists())]
        for device in self.devices:
            for model in models:
                for i, case in enumerate(self.cases):
                    with self.subTest(device=device, model=str(model), case=i):
                        new = tool.output("run", model, "--tokens", tool.comma(case["prompt_ids"]), "--print-ids",
                                          "--temperature", 0, "--max-tokens", len(case["output_ids"]), "--ignore-eos",
                                          "--activations", "f32", "--device", device)
                        self.assertEqual([int(x) for x in new.split()], case["output_ids"])

    def test_prompt_ids(self):
        for i, case in enumerate(self.cases):
            with self.subTest(case=i):
                table = tool.output("tokenize", HAIKU, case["prompt"], "--parse-special").decode().splitlines()
                self.assertEqual([int(line.split()[1]) for line in table[1:-1]], case["prompt_ids"])

    def test_chat(self):
        for i, case in enumerate(self.cases):
            roles = [message["role"] for message in case["messages"]]
            if roles not in (["user"], ["system", "user"]):
                continue  # `run` takes one turn; the ids of the others are compared above
            system = ["--system", case["messages"][0]["content"]] if roles[0] == "system" else []
            with self.subTest(case=i):
                text = tool.output("run", HAIKU, case["messages"][-1]["content"], *system, "--temperature", 0,
                                   "--activations", "f32")
                self.assertEqual(text.decode(), case["text"] + "\n")


if __name__ == "__main__":
    tool.main()
