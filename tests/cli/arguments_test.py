"""Help of every verb, and what a bad command line brings: exit code 2 and one sentence that names the option."""
import pathlib
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "golden"))
import tool

VERBS = ["run", "logits", "tokenize", "detokenize", "inspect", "verify", "devices", "bench", "ask", "perplexity", "diff", "quantize",
         "imatrix", "convert", "render", "serve"]
HAIKU = "builtin:haiku"
BAD_RUN_OPTIONS = [
    ("--temperature", "2.1"), ("--temperature", "-0.1"), ("--temperature", "nan"), ("--temperature", "hot"),
    ("--temperature", ""), ("--top-p", "1.01"), ("--top-p", "-1"), ("--min-p", "2"), ("--top-k", "-1"),
    ("--top-k", "1.5"), ("--repetition-penalty", "0"), ("--repetition-penalty", "2.5"), ("--presence-penalty", "-2.1"),
    ("--frequency-penalty", "3"), ("--seed", "-1"), ("--seed", "x"), ("--seed", "18446744073709551616"),
    ("--max-tokens", "-1"), ("--stop", ""), ("--stop", "x" * 257), ("--threads", "-1"), ("--threads", "many"),
    ("--context", "-1"), ("--activations", "f16"), ("--kv-type", "q4_0"), ("--tokens", ""), ("--tokens", "1,x"), ("--tokens", "-1"),
    ("--tokens", "99999999999"), ("--tokens", "1,,x"), ("--no-such-option", "1"),
]
WHOLE_NUMBERS = {"--max-tokens": 2**31 - 1, "--top-k": 2**31 - 1, "--threads": 1024, "--context": 2**24, "--seed": 2**64 - 1}


class Arguments(unittest.TestCase):
    def refused(self, *args, code=2, says=None):
        done = tool.run(*args)
        message = done.stderr.decode()
        self.assertEqual(done.returncode, code, f"{args}: {message}")
        self.assertEqual(done.stdout, b"", args)
        self.assertTrue(message.startswith("llorch: "), message)
        self.assertEqual(message.count("\n"), 1, message)
        if says is not None:
            self.assertIn(says, message)

    def test_help(self):
        top = tool.output("--help").decode()
        for verb in VERBS:
            self.assertIn(verb, top)
            text = tool.output(verb, "--help").decode()
            self.assertIn("--help", text)

    def test_help_names_defaults_and_units(self):
        text = tool.output("run", "--help").decode()
        for part in ("--temperature", "0.8", "--seed", "--stop", "--device", "cpu:avx512", "--context", "tokens", "q8"):
            self.assertIn(part, text)

    def test_no_verb(self):
        self.refused(says="a verb is missing")
        self.refused("dance", says="'dance' is no verb")
        self.refused("--no-such-option", says="a verb is missing before '--no-such-option'")
        self.refused("\x1b[31m", says=r"'\x1b[31m' is no verb")

    def test_missing_arguments(self):
        self.refused("logits", HAIKU, says="--tokens")
        self.refused("bench")
        self.refused("inspect")
        self.refused("run", HAIKU, "prompt", "surplus", says="surplus")
        self.refused("run", HAIKU, "prompt", "--seed")

    def test_option_values(self):
        for option, value in BAD_RUN_OPTIONS:
            with self.subTest(option=option, value=value[:20]):
                self.refused("run", HAIKU, *([] if option == "--tokens" else ["hello"]), option, value, says=option
                             if option != "--tokens" else "token id")

    def test_whole_numbers_say_what_is_allowed(self):
        for option, most in WHOLE_NUMBERS.items():
            for value in ("-1", str(most + 1), "0x10", "1e3", "2.0", "99999999999999999999999999"):
                with self.subTest(option=option, value=value):
                    self.refused("run", HAIKU, "hello", option, value,
                                 says=f"{option}: must be a whole number from 0 to {most}, not '{value}'")

    def test_version(self):
        self.assertRegex(tool.output("--version").decode(), r"^llorch \d+\.\d+\.\d+\n$")

    def test_options_that_would_be_ignored(self):
        self.refused("tokenize", HAIKU, "text", "--jsonl", says="TEXT excludes --jsonl")
        self.refused("tokenize", HAIKU, "--jsonl", "--parse-special", says="--parse-special excludes --jsonl")
        self.refused("detokenize", HAIKU, "1", "--jsonl", says="IDS excludes --jsonl")
        self.refused("inspect", HAIKU, "--sequences", "2", says="--sequences requires --memory")
        self.refused("inspect", HAIKU, "--device", "cpu", says="--device requires --memory")
        self.refused("run", HAIKU, "hello", "--parse-special", says="--parse-special requires --raw")
        self.refused("run", HAIKU, "--tokens", "1,2", "--raw", "--parse-special", says="--parse-special")
        self.refused("run", HAIKU, "hello", "--raw", "--chat-template", "t.jinja", says="--chat-template")
        for verb, option in (("run", "--chat-template"), ("render", "--chat-template"), ("render", "--name"), ("render", "--tools"),
                             ("render", "--messages"), ("bench", "--trace")):
            self.refused(verb, HAIKU, option, "", says=f"{option}: must not be empty")

    def test_a_dash_is_no_file(self):
        for option, *args in (("--out", "logits", HAIKU, "--tokens", "1", "--out", "-"), ("--trace", "bench", HAIKU, "--trace", "-"),
                              ("OUT", "quantize", "in.gguf", "-", "--type", "Q8_0"), ("OUT", "convert", "in", "-"),
                              ("--imatrix", "quantize", "in.gguf", "out.gguf", "--type", "Q4_0", "--imatrix", "-"),
                              ("--file", "perplexity", HAIKU, "--file", "-"), ("--save", "perplexity", HAIKU, "--file", "t", "--save", "-"),
                              ("--against", "perplexity", HAIKU, "--file", "t", "--against", "-"),
                              ("--file", "imatrix", HAIKU, "--file", "-", "--out", "o"),
                              ("--out", "imatrix", HAIKU, "--file", "t", "--out", "-"), ("--manifest", "verify", HAIKU, "--manifest", "-"),
                              ("--write-manifest", "verify", HAIKU, "--write-manifest", "-"),
                              ("--chat-template", "run", HAIKU, "hi", "--chat-template", "-"),
                              ("--messages", "render", HAIKU, "--messages", "-"), ("--tools", "render", HAIKU, "hi", "--tools", "-"),
                              ("--chat-template", "render", HAIKU, "hi", "--chat-template", "-"),
                              *((option, "ask", "http://127.0.0.1:1", "hi", option, "-")
                                for option in ("--print-curl", "--api-key-file", "--cacert"))):
            with self.subTest(args=args):
                self.refused(*args, says=f"{option}: '-' is no file: ")

    def test_a_file_called_dash(self):
        with tempfile.TemporaryDirectory() as work:
            command = [tool.BIN, "logits", HAIKU, "--tokens", "1", "--out", "./-"]
            done = subprocess.run(command, cwd=work, capture_output=True, timeout=60)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertGreater(pathlib.Path(work, "-").stat().st_size, 0)

    def test_times_of_each_answer(self):
        for args, lines in ((["hello"], b""), ([], b"hello\nagain\n")):
            done = tool.run("run", HAIKU, *args, "--stats", "--max-tokens", 4, stdin=lines)
            self.assertEqual(done.returncode, 0, done.stderr)
            times = [line for line in done.stderr.decode().splitlines() if "4 tokens at" in line]
            self.assertEqual(len(times), max(1, lines.count(b"\n")), done.stderr)

    def test_too_many_stops(self):
        self.refused("run", HAIKU, "hello", *(["--stop", "x"] * 17), says="16")

    def test_values_out_of_range_elsewhere(self):
        self.refused("bench", HAIKU, "-p", "0", says="from 1 to 1048576")
        self.refused("bench", HAIKU, "-n", "x")
        self.refused("bench", HAIKU, "-r", "0")
        self.refused("logits", HAIKU, "--tokens", "1", "--out", "/dev/null", "--chunk", "0", says="--chunk")

    def test_exclusive(self):
        self.refused("run", HAIKU, "hello", "--tokens", "1,2")
        self.refused("run", HAIKU, "--raw", says="--raw")
        self.refused("run", HAIKU, "hello", "--raw", "--system", "be brief", says="--system")

    def test_unknown_device(self):
        done = tool.run("run", HAIKU, "hello", "--device", "tpu")
        self.assertIn(done.returncode, (2, 4), done.stderr)
        self.assertIn(b"tpu", done.stderr)
        self.assertIn(b"ref", done.stderr)

    def test_a_device_that_is_not_here(self):
        self.refused("run", HAIKU, "hello", "--device", "cuda:99", code=4, says="cuda:99")
        self.refused("inspect", HAIKU, "--memory", "--device", "cuda:99", code=4, says="cuda:99")

    def test_a_lone_prompt_is_not_a_model(self):
        self.refused("run", "write a haiku", code=3, says="no such file")


if __name__ == "__main__":
    tool.main()
