"""`llorch convert`: a Hugging Face directory becomes the GGUF file that it has for a twin: the same tensors, bit for bit, and the same
keys, but for those listed here; and the file gives the logits and the greedy ids that the twin gives."""
import json
import pathlib
import shutil
import tempfile
import unittest

import families_test
import gguf_file
import hf_directory
import tool

HAIKU = tool.ROOT / "models/haiku"
MXFP4 = ["gpt-oss-mxfp4"]  # kept as stored: F32 would be another file

# Keys that a converted file has and its twin may lack: they say what would be assumed without them.
MORE = ["attention.key_length", "attention.value_length", "attention.head_count_kv", "rope.dimension_count", "rope.freq_base",
        "rope.freq_base_swa", "vocab_size", "expert_feed_forward_length", "expert_group_count", "expert_group_used_count", "expert_gating_func", "expert_weights_norm",
        "tokenizer.ggml.pre", "tokenizer.ggml.add_space_prefix", "general.quantization_version"]
# Keys of the twin alone, about the file and its author.
LESS = ["general.license", "general.description", "general.alignment", "general.quantization_version"]
# Keys whose value may be another: the name is the directory's, and characters that nothing merges into have scores that nothing reads.
OTHER = ["general.name", "general.file_type", "tokenizer.ggml.scores"]


def directories(work):
    """(name, Hugging Face directory, GGUF twin); the directories of twins that have none are made in `work`."""
    found = [("haiku", HAIKU / "hf", HAIKU / "haiku.gguf")]
    for name in families_test.NAMES:
        folder = families_test.FAMILIES / name
        directory = folder / "hf"
        if name in hf_directory.WRITERS:
            directory = pathlib.Path(work) / name
            if not directory.exists():
                hf_directory.WRITERS[name](folder / "model.gguf").write(directory, families_test.FAMILIES / "llama/hf")
        found.append((name, directory, folder / "model.gguf"))
    stories = tool.testdata("stories260K")
    if stories:
        found.append(("stories260K", stories / "hf", stories / "stories260K.gguf"))
    return found


class Convert(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.work = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.work.cleanup)
        cls.converted = {}
        for name, directory, _ in directories(cls.work.name):
            out = pathlib.Path(cls.work.name) / f"{name}.gguf"
            tool.output("convert", directory, out, *([] if name in MXFP4 else ["--type", "F32"]))
            cls.converted[name] = out

    def compare_keys(self, ours, twin):
        architecture = twin.keys["general.architecture"]
        short = lambda key: key.removeprefix(architecture + ".")
        self.assertEqual([key for key in twin.keys if key not in ours.keys and key not in LESS], [])
        self.assertEqual([key for key in ours.keys if key not in twin.keys and short(key) not in MORE], [])
        for key in set(ours.keys) & set(twin.keys) - set(OTHER):
            self.assertEqual(ours.keys[key], twin.keys[key], key)

    def compare_tensors(self, ours, twin):
        self.assertEqual(set(ours.tensors), set(twin.tensors))
        for name in twin.tensors:
            self.assertEqual(ours.shape(name), twin.shape(name), name)
            self.assertEqual(ours.values(name), twin.values(name), name)

    def test_twins(self):
        for name, _, twin in directories(self.work.name):
            with self.subTest(model=name):
                ours, twin = gguf_file.GgufFile(self.converted[name]), gguf_file.GgufFile(twin)
                self.compare_keys(ours, twin)
                self.compare_tensors(ours, twin)

    def test_stored_types(self):
        """Without --type tensors keep their type, but for those that readers want as F32."""
        out = pathlib.Path(self.work.name) / "stored.gguf"
        tool.output("convert", HAIKU / "hf", out)
        file = gguf_file.GgufFile(out)
        self.assertEqual(file.keys["general.file_type"], 1)
        for name, (kind, shape, _) in file.tensors.items():
            self.assertEqual(kind, gguf_file.F32 if len(shape) == 1 else gguf_file.F16, name)

    def test_quantize_reads_directories(self):
        out = pathlib.Path(self.work.name) / "haiku-q8_0.gguf"
        tool.output("quantize", HAIKU / "hf", out, "--type", "Q8_0")
        same = pathlib.Path(self.work.name) / "haiku-q8_0-of-gguf.gguf"
        tool.output("quantize", self.converted["haiku"], same, "--type", "Q8_0")
        self.compare_tensors(gguf_file.GgufFile(out), gguf_file.GgufFile(same))
        converted = pathlib.Path(self.work.name) / "haiku-q8_0-converted.gguf"
        tool.output("convert", HAIKU / "hf", converted, "--type", "Q8_0")
        self.assertEqual(converted.read_bytes(), out.read_bytes())

    def test_no_tokenizer(self):
        out = pathlib.Path(self.work.name) / "no-tokenizer.gguf"
        tool.output("convert", HAIKU / "hf", out, "--no-tokenizer", "--name", "tiny")
        keys = gguf_file.GgufFile(out).keys
        self.assertEqual(keys["general.name"], "tiny")
        self.assertEqual([key for key in keys if key.startswith("tokenizer.")], ["tokenizer.ggml.model"])
        self.assertEqual(keys["tokenizer.ggml.model"], "no_vocab")


class Refused(unittest.TestCase):
    """One sentence that names the file, and nothing written."""
    def setUp(self):
        work = tempfile.TemporaryDirectory()
        self.addCleanup(work.cleanup)
        self.directory = pathlib.Path(work.name) / "model"
        shutil.copytree(HAIKU / "hf", self.directory)
        self.out = pathlib.Path(work.name) / "out.gguf"

    def refused(self, code, text, *options, out=None):
        done = tool.run("convert", self.directory, out or self.out, *options)
        message = done.stderr.decode()
        self.assertEqual(done.returncode, code, message)
        self.assertIn(text, message)
        self.assertEqual(message.count("\n"), 1, message)
        self.assertEqual([path.name for path in self.out.parent.iterdir() if ".gguf" in path.name and path != out], [])

    def set_config(self, **changes):
        path = self.directory / "config.json"
        path.write_text(json.dumps(tool.read_json(path) | changes))

    def test_directories(self):
        self.refused(2, "not 'Q3'", "--type", "Q3")
        (self.directory / "tokenizer.json").unlink()
        self.refused(3, "there is no tokenizer.json")
        self.set_config(architectures=["NoSuchForCausalLM"])
        self.refused(3, "unknown architecture 'NoSuchForCausalLM'")
        (self.directory / "config.json").unlink()
        self.refused(3, "no config.json")

    def test_outputs(self):
        self.refused(5, "model", out=self.directory)
        self.refused(5, "no-such", out=self.out.parent / "no-such/out.gguf")
        self.refused(5, "/dev/full", out=pathlib.Path("/dev/full"))
        self.refused(2, "is a file of the model", out=self.directory / "model.safetensors")

    def test_a_gguf(self):
        self.directory = HAIKU / "haiku.gguf"
        self.refused(2, "is a GGUF already")

    def test_numbers_that_are_none(self):
        path = self.directory / "model.safetensors"
        data = bytearray(path.read_bytes())
        data[-2:] = b"\x00\x7e"  # NaN as F16
        path.write_bytes(data)
        self.refused(3, "NaN")

    def test_what_a_gguf_cannot_say(self):
        """Written all the same, and told."""
        self.directory = self.out.parent / "qwen3moe"
        shutil.copytree(families_test.FAMILIES / "qwen3moe/hf", self.directory)
        self.set_config(norm_topk_prob=False)
        done = tool.run("convert", self.directory, self.out)
        self.assertEqual(done.returncode, 0)
        self.assertIn("cannot say", done.stderr.decode())
        self.assertIn("normed", done.stderr.decode())


class ConvertedFamilies(families_test.Families):
    """The logits and greedy ids of the families' own test, of the converted files."""
    @classmethod
    def setUpClass(cls):
        cls.work = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.work.cleanup)

    def each(self):
        for name, directory, twin in directories(self.work.name):
            if not (twin.parent / "golden.json").is_file() or name in ("haiku", "stories260K"):
                continue
            golden = tool.read_json(twin.parent / "golden.json")
            out = pathlib.Path(self.work.name) / f"{name}.gguf"
            tool.output("convert", directory, out)
            for device in tool.devices()[:1]:  # that all devices agree is the families' test
                yield {"family": name, "device": device}, device, out, golden


if __name__ == "__main__":
    tool.main()
