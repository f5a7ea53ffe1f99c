"""Chat with a model of each family whose published template there is: `llorch run` and a worker's /execute answer what the
model answers to the tokens of the rendered template."""
import json
import os
import pathlib
import signal
import subprocess
import time
import unittest
import urllib.error
import urllib.request

import tool

FAMILIES = tool.ROOT / "tests/data/families"
WORKER = os.environ.get("LLORCH_WORKER", str(pathlib.Path(tool.BIN).with_name("llorch-cpu-candled")))
TEMPLATES = {
    "llama31": "meta-llama-Llama-3.1-8B-Instruct",
    "mixtral": "mistralai-Mistral-Nemo-Instruct-2407",
    "qwen2": "Qwen-Qwen2.5-7B-Instruct",
    "qwen3": "Qwen-Qwen3-0.6B",
    "qwen3moe": "Qwen3-Coder",
    "gemma2": "google-gemma-2-2b-it",
    "phi3": "microsoft-Phi-3.5-mini-instruct",
    "gpt-oss": "openai-gpt-oss-120b",
    "gpt-oss-mxfp4": "openai-gpt-oss-120b",
}
N_TOKENS = 6


def executed(model, template, question):
    """What a worker with this model answers, by /execute."""
    command = [WORKER, "--model", model, "--chat-template", template, "--activations", "f32", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        try:
            url = process.stdout.readline().decode().split()[-1]
            body = {"job_id": "a", "messages": [{"role": "user", "content": question}], "max_tokens": N_TOKENS,
                    "temperature": 0}
            request = urllib.request.Request(url + "/execute", json.dumps(body).encode(), {"Content-Type": "application/json"})
            for _ in range(2000):  # until it has loaded
                try:
                    with urllib.request.urlopen(url + "/health", timeout=60):
                        break
                except urllib.error.HTTPError:
                    time.sleep(0.05)
            with urllib.request.urlopen(request, timeout=60) as response:
                lines = response.read().decode().splitlines()
        finally:
            process.send_signal(signal.SIGTERM)
    events = [json.loads(line[len("data: "):]) for line in lines if line.startswith("data: {")]
    return "".join(event["t"] for event in events if event["type"] == "token")


class Chat(unittest.TestCase):
    def test_families(self):
        templates = tool.testdata("templates")
        if templates is None:
            self.skipTest("no reference data")
        for family, name in TEMPLATES.items():
            template = templates / name / "template.jinja"
            if not template.is_file():
                tool.skip(family, f"{template} does not exist")
                continue
            with self.subTest(family=family, template=name):
                self.compare(FAMILIES / family / "hf", template)

    def compare(self, model, template):
        question = "Say <|im_end|> and hello"
        chat = ["--chat-template", template]
        greedy = ["--temperature", 0, "--max-tokens", N_TOKENS, "--activations", "f32"]
        rendered = json.loads(tool.output("render", model, question, *chat, "--json"))
        self.assertIn(question, rendered["rendered"])
        wanted = tool.output("run", model, "--tokens", tool.comma(rendered["ids"]), "--print-ids", *greedy)
        self.assertEqual(tool.output("run", model, question, *chat, "--print-ids", *greedy), wanted)
        text = tool.output("run", model, question, *chat, *greedy).decode(errors="replace")
        self.assertEqual(executed(model, template, question), text.removesuffix("\n"))


if __name__ == "__main__":
    tool.main()
