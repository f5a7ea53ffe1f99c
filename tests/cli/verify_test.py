"""llorch verify from outside: what it shows, manifests that are written, held and broken, exit codes."""
import json
import os
import pathlib
import pty
import shutil
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "golden"))
import tool

HAIKU = "builtin:haiku"
FAMILY = tool.ROOT / "tests/data/families/llama"


class Verify(unittest.TestCase):
    def setUp(self):
        self.work = tempfile.TemporaryDirectory()
        self.folder = pathlib.Path(self.work.name)
        self.manifest = self.folder / "manifest.json"

    def tearDown(self):
        self.work.cleanup()

    def fault(self, code, *args):
        """The sentence that a run ends with."""
        done = tool.run("verify", *args)
        message = done.stderr.decode()
        self.assertEqual((done.returncode, done.stdout), (code, b""), message)
        self.assertEqual(message.count("\n"), 1, message)
        return message

    def copy(self):
        path = self.folder / "hf"
        shutil.copytree(FAMILY / "hf", path)
        return path

    def test_shows_the_model_and_ok(self):
        text = tool.output("verify", HAIKU).decode()
        facts = json.loads(tool.output("verify", HAIKU, "--json"))
        self.assertTrue(text.endswith("\nok\n"), text)
        self.assertEqual((facts["ok"], facts["fault"]), (True, None))
        self.assertRegex(facts["model_digest"], "^[0-9a-f]{32}$")
        self.assertIn(facts["model_digest"], text)

    def test_fault_as_json(self):
        path = self.folder / "bad.gguf"
        path.write_bytes((FAMILY / "model.gguf").read_bytes()[:-1])
        done = tool.run("verify", path, "--json")
        self.assertEqual((done.returncode, done.stderr), (3, b""))
        facts = json.loads(done.stdout)
        self.assertFalse(facts["ok"])
        self.assertEqual("llorch: " + facts["fault"] + "\n", self.fault(3, path))

    def test_manifest_holds(self):
        for model in (HAIKU, FAMILY / "model.gguf", FAMILY / "hf"):
            facts = json.loads(tool.output("verify", model, "--write-manifest", self.manifest, "--json"))
            written = json.loads(self.manifest.read_bytes())
            self.assertEqual((written["format"], written["version"]), ("llorch-manifest", 1))
            self.assertEqual(written["model_digest"], facts["model_digest"])
            self.assertEqual(len(written["tensors"]), facts["tensors"])
            self.assertEqual(sum(tensor["bytes"] for tensor in written["tensors"].values()), facts["bytes"])
            tool.output("verify", model, "--manifest", self.manifest)
            self.assertEqual([path.name for path in self.folder.iterdir()], ["manifest.json"])

    @unittest.skipUnless(shutil.which("xxh128sum"), "xxh128sum is not installed")
    def test_digests_are_those_of_xxh128sum(self):
        tool.output("verify", FAMILY / "hf", "--write-manifest", self.manifest)
        data = (FAMILY / "hf/model.safetensors").read_bytes()
        length = int.from_bytes(data[:8], "little")
        header = json.loads(data[8:8 + length])
        for name, tensor in json.loads(self.manifest.read_bytes())["tensors"].items():
            begin, end = header[name]["data_offsets"]
            part = data[8 + length + begin:8 + length + end]
            digest = subprocess.run(["xxh128sum"], input=part, capture_output=True, check=True).stdout.decode().split()[0]
            self.assertEqual(tensor["xxh3_128"], digest, name)

    def test_one_bit_and_one_letter(self):
        model = self.copy()
        tool.output("verify", model, "--write-manifest", self.manifest)
        weights = model / "model.safetensors"
        good = weights.read_bytes()
        weights.write_bytes(good[:-4] + bytes([good[-4] ^ 1]) + good[-3:])
        tool.output("verify", model)  # as good as before, without the manifest
        message = self.fault(3, model, "--manifest", self.manifest)
        self.assertRegex(message, "model.safetensors: tensor '[a-z0-9._]+' at offset [0-9]+ has the digest [0-9a-f]{32}, but ")
        weights.write_bytes(good)
        for name in ("tokenizer.json", "tokenizer_config.json", "config.json", "generation_config.json"):
            text = (model / name).read_bytes()
            (model / name).write_bytes(text + b"\n")
            message = self.fault(3, model, "--manifest", self.manifest)
            self.assertIn("its metadata, tokenizer or template is not", message)
            (model / name).write_bytes(text)
        tool.output("verify", model, "--manifest", self.manifest)
        self.assertIn("is not in the manifest", self.fault(3, FAMILY / "model.gguf", "--manifest", self.manifest))

    def test_nothing_is_written_of_a_bad_model(self):
        model = self.copy()
        (model / "config.json").write_text("{}")
        self.fault(3, model, "--write-manifest", self.manifest)
        self.assertFalse(self.manifest.exists())

    def test_files_of_the_manifest(self):
        for path in (self.folder / "none.json", self.folder):
            self.assertIn(str(path), self.fault(5, HAIKU, "--manifest", path))
        for path in (self.folder / "none/m.json", self.folder, "/dev/full"):
            self.assertIn(str(path), self.fault(5, HAIKU, "--write-manifest", path))
        for text in ("", "{", "[]", '{"format":"llorch-manifest","version":2}'):
            self.manifest.write_text(text)
            self.assertIn(str(self.manifest), self.fault(2, HAIKU, "--manifest", self.manifest))
        self.fault(2, HAIKU, "--manifest", self.manifest, "--write-manifest", self.manifest)

    def test_a_manifest_never_replaces_the_model(self):
        model = self.copy()
        (model / "additional_chat_templates").mkdir()
        (model / "additional_chat_templates/rag.jinja").write_text("{{ messages }}")
        gguf = self.folder / "model.gguf"
        shutil.copyfile(FAMILY / "model.gguf", gguf)
        link = self.folder / "link.json"
        link.symlink_to(gguf)
        before = {path: path.read_bytes() for path in self.folder.rglob("*") if path.is_file()}
        self.assertIn(model / "tokenizer.json", before)
        for path in before:
            source = model if model in path.parents else gguf
            message = self.fault(2, source, "--write-manifest", path.parent / "." / path.name)
            self.assertIn(f"{path} is a file of the model {source}", message)
        self.assertEqual({path: path.read_bytes() for path in self.folder.rglob("*") if path.is_file()}, before)
        tool.output("verify", model, "--write-manifest", model / "manifest.json")

    def test_a_manifest_never_replaces_a_shard(self):
        model = self.folder / "shards"
        shutil.copytree(FAMILY.parent / "mixtral/hf", model)
        shards = [*model.glob("*.safetensors"), model / "model.safetensors.index.json"]
        self.assertEqual(len(shards), 3)
        for path in shards:
            self.assertIn("is a file of the model", self.fault(2, model, "--write-manifest", path))
        tool.output("verify", model)

    def test_a_bar_on_a_terminal(self):
        terminal, other_end = pty.openpty()
        with subprocess.Popen([tool.BIN, "verify", HAIKU], stdout=subprocess.DEVNULL, stderr=other_end) as process:
            os.close(other_end)
            self.assertEqual(process.wait(60), 0)
        self.assertIn(b"verifying [####", os.read(terminal, 1 << 16))
        os.close(terminal)


if __name__ == "__main__":
    tool.main()
