"""Models that cannot be used: exit code 3, one sentence that names the file, and never a hang. Output that cannot be
written: exit code 5."""
import json
import os
import pathlib
import struct
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "golden"))
import tool

HAIKU = "builtin:haiku"


def gguf_text(text):
    return struct.pack("<Q", len(text)) + text.encode()


def gguf(architecture, tensor_type):
    """A small GGUF, well-formed: one key, and one tensor of 32 x 32."""
    key = gguf_text("general.architecture") + struct.pack("<I", 8) + gguf_text(architecture)
    tensor = gguf_text("token_embd.weight") + struct.pack("<IQQIQ", 2, 32, 32, tensor_type, 0)
    head = b"GGUF" + struct.pack("<IQQ", 3, 1, 1) + key + tensor
    return head + bytes(-len(head) % 32) + bytes(32 * 32 * 4)


class Files(unittest.TestCase):
    def setUp(self):
        self.work = tempfile.TemporaryDirectory()
        self.folder = pathlib.Path(self.work.name)

    def tearDown(self):
        self.work.cleanup()

    def refused(self, path):
        out = self.folder / "out"
        for verb in (["run", path, "hello"], ["run", path], ["logits", path, "--tokens", "1", "--out", out], ["inspect", path],
                     ["verify", path],
                     ["tokenize", path, "hello"], ["detokenize", path, "1"], ["bench", path]):
            with self.subTest(verb=verb[0], path=path.name):
                done = tool.run(*verb, timeout=20)
                message = done.stderr.decode()
                self.assertEqual(done.returncode, 3, message)
                self.assertEqual(done.stdout, b"")
                self.assertTrue(message.startswith("llorch: "), message)
                self.assertEqual(message.count("\n"), 1, message)
                self.assertIn(path.name, message)

    def test_missing(self):
        self.refused(self.folder / "missing.gguf")

    def test_directory_without_a_model(self):
        empty = self.folder / "empty"
        empty.mkdir()
        self.refused(empty)

    def test_empty_and_not_a_model(self):
        for name, data in (("empty.gguf", b""), ("text.gguf", b"this is no model" * 100), ("magic.gguf", b"GGUF")):
            path = self.folder / name
            path.write_bytes(data)
            self.refused(path)

    def test_truncated(self):
        whole = tool.ROOT / "tests/data/families/llama/model.gguf"
        if not whole.is_file():
            self.skipTest(f"{whole} does not exist")
        data = whole.read_bytes()
        for n in (16, 400, len(data) // 2, len(data) - 1):
            path = self.folder / f"cut-{n}.gguf"
            path.write_bytes(data[:n])
            self.refused(path)

    def test_unknown_type(self):
        path = self.folder / "type.gguf"
        path.write_bytes(gguf("llama", 99))
        self.refused(path)

    def test_unknown_architecture(self):
        path = self.folder / "architecture.gguf"
        path.write_bytes(gguf("quantum", 0))
        for verb in (["run", path, "hello"], ["logits", path, "--tokens", "1", "--out", "/dev/null"], ["bench", path]):
            done = tool.run(*verb)
            self.assertEqual(done.returncode, 3, done.stderr)
            self.assertIn(b"'quantum'", done.stderr)

    def test_fifo(self):
        path = self.folder / "fifo.gguf"
        os.mkfifo(path)
        self.refused(path)

    def test_unreadable_tokenizer(self):
        path = self.folder / "tokenizer.json"
        path.write_text('{"model": {"type": "Quantum"}}')
        done = tool.run("tokenize", path, "hello")
        self.assertEqual(done.returncode, 3, done.stderr)

    def test_warnings_are_told_and_change_nothing(self):
        plain = tool.ROOT / "models/haiku/hf/tokenizer.json"
        odd = self.folder / "tokenizer.json"
        odd.write_text(json.dumps({**json.loads(plain.read_text()), "truncation": {"max_length": 8}}))
        for verb in (["tokenize", odd, "an old pond"], ["detokenize", odd, "1,2"]):
            done = tool.run(*verb)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertEqual(done.stderr.decode().count("\n"), 1, done.stderr)
            self.assertRegex(done.stderr.decode(), "^llorch: warning: .*truncation is not applied")
        quiet = tool.run("tokenize", plain, "an old pond")
        self.assertEqual(quiet.stderr, b"")
        self.assertEqual(quiet.stdout, tool.run("tokenize", odd, "an old pond").stdout)

    def test_warnings_of_a_model(self):
        folder = self.folder / "model"
        folder.mkdir()
        for source in (tool.ROOT / "models/haiku/hf").iterdir():
            (folder / source.name).write_bytes(source.read_bytes())
        tokenizer = json.loads((folder / "tokenizer.json").read_text())
        (folder / "tokenizer.json").write_text(json.dumps({**tokenizer, "padding": {}}))
        for verb in (["run", folder, "hello", "--max-tokens", 1], ["inspect", folder]):
            done = tool.run(*verb)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertRegex(done.stderr.decode(), "^llorch: warning: .*padding is not applied.*\n$")

    def test_output_that_cannot_be_written(self):
        done = tool.run("logits", HAIKU, "--tokens", "1", "--out", self.folder / "no/such/folder", "--context", 64)
        self.assertEqual(done.returncode, 5, done.stderr)
        self.assertIn(b"no/such/folder", done.stderr)

    def test_closed_streams_are_no_files(self):
        def closed(how, *args):
            return subprocess.run(["sh", "-c", f'exec "$0" "$@" {how}', tool.BIN, *map(str, args)], capture_output=True, timeout=60)

        for verb in (["inspect", HAIKU], ["run", HAIKU, "hello"]):
            done = closed(">&-", *verb)
            self.assertEqual((done.returncode, done.stderr.count(b"\n")), (5, 1), done.stderr)
            self.assertIn(b"Bad file descriptor", done.stderr)
        done = closed("<&-", "run", HAIKU, "-")
        self.assertEqual((done.returncode, done.stderr), (5, b"llorch: cannot read standard input: Bad file descriptor\n"))
        done = closed("<&-", "run", HAIKU)
        self.assertEqual((done.returncode, done.stdout), (0, b""), "nobody speaks")
        out = self.folder / "out.gguf"
        done = closed("2>&- <&-", "quantize", tool.ROOT / "models/haiku/haiku.gguf", out, "--type", "Q8_0")
        self.assertEqual(done.returncode, 0)
        self.assertEqual(tool.run("verify", out).returncode, 0)

    @unittest.skipUnless(pathlib.Path("/dev/full").exists(), "no /dev/full here")
    def test_full_disk(self):
        done = os.system(f"'{tool.BIN}' inspect {HAIKU} >/dev/full 2>/dev/null")
        self.assertEqual(os.waitstatus_to_exitcode(done), 5)


if __name__ == "__main__":
    tool.main()
