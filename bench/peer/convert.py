#!/usr/bin/env python3
"""Files written by `llorch convert`, loaded by llama.cpp: the same greedy tokens as llorch for the same prompt?

  (cd bench/peer && npm ci)   once; 700 MB, with llama.cpp built for this machine
  bench/peer/convert.py

Takes every model of tests/golden/convert_test.py, all in F32 with an F32 KV cache (MXFP4 as it is
stored). LLORCH_BIN and LLORCH_TESTDATA as for the tests."""
import json
import pathlib
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "tests/golden"))
import convert_test  # noqa: E402
import tool  # noqa: E402

CONTEXT = 512


def llorch_ids(model, tokens, count):
    out = tool.output("run", model, "--tokens", tool.comma(tokens), "--print-ids", "--temperature", 0, "--max-tokens", count,
                      "--ignore-eos", "--context", CONTEXT, "--activations", "f32", "--device", "ref")
    return [int(x) for x in out.split()]


def jobs(work):
    for name, directory, twin in convert_test.directories(work):
        out = pathlib.Path(work) / f"{name}.gguf"
        tool.output("convert", directory, out, *([] if name in convert_test.MXFP4 else ["--type", "F32"]))
        if twin.parent.parent == convert_test.families_test.FAMILIES:
            golden = tool.read_json(twin.parent / "golden.json")
            tokens, count = golden["tokens"], len(golden["greedy"])
        else:
            tokens, count = [1], 64
        yield name, {"model": str(out), "tokens": tokens, "count": count, "context": CONTEXT}, llorch_ids(out, tokens, count)


def main():
    if not (HERE / "node_modules/node-llama-cpp").exists():
        sys.exit(f"convert.py: run `npm ci` in {HERE} first")
    n_bad = 0
    with tempfile.TemporaryDirectory() as work:
        asked = list(jobs(work))
        lines = "".join(json.dumps(job) + "\n" for _, job, _ in asked)
        done = subprocess.run(["node", HERE / "greedy.mjs"], input=lines, stdout=subprocess.PIPE, text=True, timeout=900, check=True)
        for (name, _, wanted), line in zip(asked, done.stdout.splitlines(), strict=True):
            answer = json.loads(line)
            same = answer.get("ids") == wanted
            n_bad += not same
            print(f"{name:20} {len(wanted)} tokens {'the same' if same else answer.get('error') or 'DIFFERENT'}")
    sys.exit(1 if n_bad else 0)


if __name__ == "__main__":
    main()
