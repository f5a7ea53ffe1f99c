#!/usr/bin/env python3
"""Models converted and quantised by llorch, loaded by llama.cpp: the same tokens?

  (cd bench/peer && npm ci)   once; 700 MB, with llama.cpp built for this machine
  bench/peer/quantize.py [TYPE...]

F32 and F16 files must give the same 64 greedy tokens as llorch, up to a tie: llama.cpp rounds what goes into an F16 matrix
to F16. Both programs compute quantised products with 8-bit activations of their own, so those files are read along llorch's greedy tokens, and wherever llorch's best logit is more
than 0.5 above the next, llama.cpp must like the same token best. LLORCH_BIN as for the tests."""
import json
import pathlib
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "tests/golden"))
import convert_test  # noqa: E402
import tool  # noqa: E402

MODELS = ["haiku", "llama", "qwen3", "gemma3", "mixtral", "phi3", "gpt2", "deepseek2"]
TYPES = ["F32", "F16", "Q8_0", "Q6_K", "Q4_K_M", "Q4_0"]
EXACT = ["F32", "F16"]
COUNT = 64
CONTEXT = 256
MARGIN = 0.5
TIE = 0.001


def prompt_of(name, twin):
    if name == "haiku":
        text = json.dumps({"text": "<|user|>GPU computing<|end|><|assistant|>"}).encode()
        return json.loads(tool.output("tokenize", twin, "--jsonl", stdin=text))["ids"]
    return tool.read_json(twin.parent / "golden.json")["tokens"][:16]


def greedy(model, tokens):
    out = tool.output("run", model, "--tokens", tool.comma(tokens), "--print-ids", "--temperature", 0, "--max-tokens", COUNT,
                      "--ignore-eos", "--context", CONTEXT, "--activations", "f32")
    return [int(x) for x in out.split()]


def margins(model, ids, work):
    """(likeliest id, how far its logit is above the next) after each of `ids`."""
    out = pathlib.Path(work) / "logits"
    tool.output("logits", model, "--tokens", tool.comma(ids), "--out", out, "--context", CONTEXT)
    values = tool.floats(out.read_bytes())
    vocab = len(values) // len(ids)
    for i in range(len(ids)):
        row = values[i * vocab:(i + 1) * vocab]
        best = max(range(vocab), key=row.__getitem__)
        yield best, row[best] - max(row[:best] + row[best + 1:])


def ask(jobs):
    lines = "".join(json.dumps(job) + "\n" for job in jobs)
    done = subprocess.run(["node", HERE / "greedy.mjs"], input=lines, stdout=subprocess.PIPE, text=True, timeout=1800, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def main():
    types = sys.argv[1:] or TYPES
    if not (HERE / "node_modules/node-llama-cpp").exists():
        sys.exit(f"quantize.py: run `npm ci` in {HERE} first")
    jobs, wanted = [], []
    with tempfile.TemporaryDirectory() as work:
        for name, directory, twin in convert_test.directories(work):
            if name not in MODELS:
                continue
            tokens = prompt_of(name, twin)
            whole = pathlib.Path(work) / f"{name}.gguf"
            tool.output("convert", directory, whole, "--type", "F32")
            for kind in types:
                model = pathlib.Path(work) / f"{name}-{kind}.gguf"
                tool.output("quantize", whole, model, "--type", kind)
                ids = greedy(model, tokens)
                job = {"model": str(model), "tokens": tokens, "count": COUNT, "context": CONTEXT}
                jobs.append(job if kind in EXACT else {**job, "forced": ids})
                wanted.append((name, kind, ids, list(margins(model, tokens + ids, work))[len(tokens) - 1:-1]))
        answers = ask(jobs)
    n_bad = 0
    for (name, kind, ids, likely), answer in zip(wanted, answers, strict=True):
        if "ids" not in answer:
            n_bad += 1
            print(f"{name:10} {kind:7} {answer.get('error')}")
        elif kind in EXACT:
            first = next((i for i, (a, b) in enumerate(zip(ids, answer["ids"], strict=True)) if a != b), None)
            n_bad += first is not None and likely[first][1] > TIE
            what = "the same" if first is None else f"differ from {first} on, where llorch's margin is {likely[first][1]:.5f}"
            print(f"{name:10} {kind:7} {len(ids)} greedy tokens {what}")
        else:
            sure = [(best, theirs) for (best, margin), theirs in zip(likely, answer["ids"], strict=True) if margin > MARGIN]
            same = sum(best == theirs for best, theirs in sure)
            all_same = sum(best == theirs for (best, _), theirs in zip(likely, answer["ids"], strict=True))
            n_bad += same != len(sure)
            print(f"{name:10} {kind:7} the same best token at {same} of {len(sure)} positions with a margin above {MARGIN}"
                  f"{'' if same == len(sure) else ' DIFFERENT'}; at {all_same} of all {len(likely)}")
    sys.exit(1 if n_bad else 0)


if __name__ == "__main__":
    main()
