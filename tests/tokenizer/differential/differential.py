#!/usr/bin/env python3
"""Our tokenizer against Hugging Face tokenizers 0.23.2, on random texts and ids. Every difference is a failure.

  differential.py [--strings 100000] [--synthetic 64] [--seed 1] [--only NAME] [--real DIR] [--max-bytes N]

Real tokenizers are the folders of DIR (default: $LLORCH_TESTDATA/tokenizers) with a tokenizer.json; the synthetic ones
are made here (synthetic.py). Needs node, npm and its registry (once: they are installed in a scratch folder); without
them it says so and ends with 77. LLORCH names the tool (default build/release/bin/llorch)."""
import argparse
import base64
import json
import os
import pathlib
import random
import shutil
import subprocess
import sys

import synthetic
import texts

HERE = pathlib.Path(__file__).resolve().parent
TOOL = os.environ.get("LLORCH", str(HERE.parents[2] / "build/release/bin/llorch"))
SCRATCH = pathlib.Path(os.environ.get("LLORCH_SCRATCH", HERE.parents[2] / "build")) / "tokenizer-differential"
CHUNK = 10000


def skip(reason):
    print(f"SKIPPED: the comparison with Hugging Face tokenizers: {reason}")
    sys.exit(77)


def install():
    if shutil.which("node") is None or shutil.which("npm") is None:
        skip("node or npm is missing")
    SCRATCH.mkdir(parents=True, exist_ok=True)
    for name in ("package.json", "package-lock.json"):
        shutil.copy(HERE / name, SCRATCH)
    if not (SCRATCH / "node_modules/tokenizers").exists():
        result = subprocess.run(["npm", "ci", "--no-audit", "--no-fund"], cwd=SCRATCH, capture_output=True, text=True)
        if result.returncode != 0:
            skip("npm ci: " + (result.stderr.strip().splitlines() or ["failed"])[0])


def answers(command, lines):
    data = "\n".join(json.dumps(line) for line in lines) + "\n"
    result = subprocess.run(command, cwd=SCRATCH, input=data.encode(), capture_output=True)
    out = [json.loads(line) for line in result.stdout.decode().split("\n") if line]
    if len(out) != len(lines) and command[0] == "node":  # it aborts on some texts: those have no answer
        if len(lines) == 1:
            return [{"error": "aborted"}]
        half = len(lines) // 2
        return answers(command, lines[:half]) + answers(command, lines[half:])
    if len(out) != len(lines):
        raise RuntimeError(f"{command}: {len(out)} answers to {len(lines)} lines: {result.stderr.decode()[-600:]}")
    return out


def shrink(path, verb, line, key):
    """A shorter text with the same kind of difference."""
    if verb != "tokenize" or "text" not in line:
        return line
    text = line["text"]

    def differs(candidate):
        mine, theirs = both(path, verb, [{"text": candidate}], [{"text": candidate}])
        return "error" not in theirs[0] and mine[0][key] != theirs[0][key]

    step = max(1, len(text) // 2)
    for _ in range(200):
        for at in range(0, len(text), step):
            candidate = text[:at] + text[at + step:]
            if differs(candidate):
                text = candidate
                break
        else:
            if step == 1:
                break
            step //= 2
    return {"text": text}


def both(path, verb, mine, theirs):
    return (answers([TOOL, verb, str(path), "--jsonl"], mine), answers(["node", str(HERE / "hf.mjs"), str(path)], theirs))


def compare(path, verb, mine, theirs, keys, known):
    """Faults found; at most a few are shown."""
    n_faults, n_errors = 0, 0
    for begin in range(0, len(mine), CHUNK):
        lines = mine[begin:begin + CHUNK]
        ours, hf = both(path, verb, lines, theirs[begin:begin + CHUNK])
        for line, a, b in zip(lines, ours, hf):
            if "error" in b:
                n_errors += 1
                continue
            for key in keys:
                expected = b[key.replace("streamed", "decoded")]
                if a[key] == expected or known(key, line, a, b):
                    continue
                n_faults += 1
                if n_faults <= 3:
                    short = shrink(path, verb, line, key)
                    if short != line:
                        a, b = (x[0] for x in both(path, verb, [short], [short]))
                    print(f"  {verb} {key} of {json.dumps(short)}\n    ours   {json.dumps(a[key])}\n    theirs {json.dumps(b[key.replace('streamed', 'decoded')])}")
    return n_faults, n_errors


def is_hidden(document):
    """Whether a special token that is not parsed could hide another token: then hf.mjs cannot answer for ids_plain."""
    added = [t for t in document.get("added_tokens", [])]
    return any(s["special"] and not t["special"] and (t["content"] in s["content"] or s["content"][-1] == t["content"][0] or s["content"][0] == t["content"][-1] or s["normalized"] or s["lstrip"] or s["rstrip"])
               for s in added for t in added)


def check(name, path, n_strings, seed):
    document = json.loads(path.read_text())
    rng = random.Random(f"{seed} {name}")
    specials = [token["content"] for token in document.get("added_tokens", [])]
    vocab = document["model"]["vocab"]
    known = [entry[0] for entry in vocab] if isinstance(vocab, list) else list(vocab)
    alphabet = [t for t in rng.sample(known, min(2000, len(known)))]
    mine, theirs = [], []
    for _ in range(n_strings):
        text = texts.text(rng, specials, alphabet)
        if rng.random() < 0.05:
            data = texts.damaged(rng, text)
            mine.append({"bytes_b64": base64.b64encode(data).decode()})
            theirs.append({"text": data.decode("utf-8", "replace")})
        else:
            mine.append({"text": text})
            theirs.append({"text": text})
    hidden = is_hidden(document)
    keys = ("ids", "ids_plain", "ids_special", "decoded", "decoded_skip")
    faults, errors = compare(path, "tokenize", mine, theirs, keys, lambda key, *_: hidden and key == "ids_plain")
    n_ids = max([len(known)] + [token["id"] + 1 for token in document.get("added_tokens", [])])
    lists = []
    for _ in range(n_strings // 4):
        lists.append({"ids": [rng.randrange(n_ids) for _ in range(rng.choice([1, 2, 4, 8, 16]))]})
        if specials and rng.random() < 0.3:
            lists[-1]["ids"].insert(0, rng.choice([t["id"] for t in document["added_tokens"]]))
        if rng.random() < 0.3:
            lists[-1]["ids"] += lists[-1]["ids"][-2:]
    more, more_errors = compare(path, "detokenize", lists, lists, ("decoded", "decoded_skip", "streamed", "streamed_skip"), lambda *_: False)
    print(f"{name}: {len(mine)} texts, {len(lists)} lists of ids, {errors + more_errors} without an answer, {faults + more} differences", flush=True)
    return faults + more


def real_paths(folder, max_bytes):
    if not folder:
        print("LLORCH_TESTDATA is not set: real tokenizers are left out")
        return []
    return [(path.parent.name, path) for path in sorted(pathlib.Path(folder).glob("*/tokenizer.json")) if path.stat().st_size <= max_bytes]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--strings", type=int, default=100000)
    parser.add_argument("--synthetic", type=int, default=64)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only")
    parser.add_argument("--max-bytes", type=int, default=1 << 40, help="of the files of real tokenizers")
    parser.add_argument("--real", default=os.environ.get("LLORCH_TESTDATA", "") and os.environ["LLORCH_TESTDATA"] + "/tokenizers")
    options = parser.parse_args()
    install()
    paths = real_paths(options.real, options.max_bytes) + [(path.stem, path) for path in synthetic.write(SCRATCH, options.synthetic, options.seed)]
    n_faults = 0
    for name, path in paths:
        if options.only in (None, name):
            try:
                n_faults += check(name, path, options.strings, options.seed)
            except RuntimeError as error:
                print(f"{name}: {error}", flush=True)
                n_faults += 1
    print(f"{len(paths)} tokenizers, {n_faults} differences")
    sys.exit(1 if n_faults else 0)


if __name__ == "__main__":
    main()
