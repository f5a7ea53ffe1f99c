"""The spec and plan of every family as text, as committed in tests/data/plans: what changes a plan shows as a diff. And no
source outside a family's own file tests its name.

LLORCH_UPDATE_PLANS=1 writes the texts anew."""
import json
import os
import re
import unittest

import tool

FAMILIES = tool.ROOT / "tests/data/families"
PLANS = tool.ROOT / "tests/data/plans"
SOURCES = ["model", "backend", "engine", "server", "worker", "cli", "sampling"]


class Plans(unittest.TestCase):
    maxDiff = None

    def test_texts(self):
        for folder in sorted(FAMILIES.iterdir()):
            for model in ("model.gguf", "hf"):
                if not (folder / model).exists():
                    continue
                with self.subTest(family=folder.name, model=model):
                    facts = json.loads(tool.output("inspect", folder / model, "--json"))
                    text = f"{facts['spec']}\n{facts['plan']}"
                    path = PLANS / f"{folder.name}.{'gguf' if model == 'model.gguf' else model}.txt"
                    if os.environ.get("LLORCH_UPDATE_PLANS"):
                        path.write_text(text, encoding="utf-8")
                    self.assertEqual(path.read_text(encoding="utf-8"), text)

    def test_names_stay_in_their_files(self):
        files = sorted((tool.ROOT / "src/model/families").glob("*.cpp"))
        owners = {}
        for path in files:
            for name in re.findall(r'\.architecture = "([^"]+)"', path.read_text(encoding="utf-8")):
                owners[name] = path
        self.assertEqual(len(owners), 21)
        for module in SOURCES:
            for path in sorted((tool.ROOT / "src" / module).rglob("*")):
                if path.suffix not in (".h", ".cpp", ".cu", ".inc") or path.stem.endswith("_test"):
                    continue
                text = path.read_text(encoding="utf-8")
                for name, owner in owners.items():
                    if path != owner:
                        self.assertNotIn(f'"{name}"', text, f"{path} names a family")


if __name__ == "__main__":
    tool.main()
