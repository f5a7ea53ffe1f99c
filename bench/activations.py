#!/usr/bin/env python3
"""What 8-bit activations cost, by format: llorch's and llama.cpp's, both against llorch's F32 activations of the same file.

usage: activations.py --llorch build/release/bin/llorch --lib DIR [--model FILE.gguf] [--types Q8_0,Q4_K] [--json]

For each type llama.cpp's quantizer writes MODEL (default: models/haiku/haiku.gguf) with all matrices in that type, so
that a line is about one format. Texts: haiku's held-out text (models/haiku/held_out.py), and random token ids of a
fixed seed. Both are cut as `llorch perplexity` cuts a text: windows of 512 tokens, each from an empty KV
cache, of which the second half is scored. The KV cache is F32 in both programs, and llama.cpp's flash
attention is off. DIR has libllama and libggml of the npm package node-llama-cpp, as for quantizer.py. Needs numpy
(Debian: python3-numpy)."""
import argparse
import ctypes
import json
import math
import os
import pathlib
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
import quantizer  # noqa: E402  says so where numpy is missing
import numpy as np  # noqa: E402

HAIKU = HERE.parent / "models/haiku"
# type -> llama_ftype whose default type it is, and the id of the type in files
TYPES = {"Q8_0": (7, 8), "Q4_0": (2, 2), "Q4_1": (3, 3), "Q5_0": (8, 6), "Q5_1": (9, 7), "Q4_K": (15, 12), "Q5_K": (17, 13),
         "Q6_K": (18, 14), "IQ4_NL": (25, 20), "IQ4_XS": (30, 23), "MXFP4": (38, 39), "F16": (1, 1)}
F32, F16 = 0, 1  # ggml_type
FLASH_AUTO, FLASH_OFF = -1, 0
WINDOW = 512  # tokens, the default of `llorch perplexity`
SEED = 1
THREADS = 2


class ModelParams(ctypes.Structure):
    """llama_model_params, as it comes and goes."""
    _fields_ = [("all", ctypes.c_uint8 * 256)]


class ContextParams(ctypes.Structure):
    """The start of llama_context_params of llama.cpp 0.5.0; the rest keeps its defaults."""
    _fields_ = [("n_ctx", ctypes.c_uint32), ("n_batch", ctypes.c_uint32), ("n_ubatch", ctypes.c_uint32),
                ("n_seq_max", ctypes.c_uint32), ("n_rs_seq", ctypes.c_uint32), ("n_outputs_max", ctypes.c_uint32 * 2),
                ("n_threads", ctypes.c_int32), ("n_threads_batch", ctypes.c_int32), ("kinds", ctypes.c_int32 * 4),
                ("flash_attn_type", ctypes.c_int32), ("rope", ctypes.c_float * 8), ("callback", ctypes.c_void_p * 2),
                ("type_k", ctypes.c_int32), ("type_v", ctypes.c_int32), ("rest", ctypes.c_uint8 * 256)]


class Batch(ctypes.Structure):
    """llama_batch."""
    _fields_ = [("n_tokens", ctypes.c_int32), ("token", ctypes.POINTER(ctypes.c_int32)), ("embd", ctypes.c_void_p),
                ("pos", ctypes.c_void_p), ("n_seq_id", ctypes.c_void_p), ("seq_id", ctypes.c_void_p),
                ("logits", ctypes.POINTER(ctypes.c_int8))]


class LlamaCpp:
    """libllama on the CPU."""

    def __init__(self, folder):
        self.ggml, self.lib = quantizer.load_libraries(folder)
        lib = self.lib
        load = ctypes.CDLL(quantizer.library_path(folder, "libggml.v")).ggml_backend_load_all_from_path
        load.argtypes = [ctypes.c_char_p]
        load(os.fsencode(folder))
        lib.llama_model_default_params.restype = ModelParams
        lib.llama_context_default_params.restype = ContextParams
        lib.llama_model_load_from_file.restype = ctypes.c_void_p
        lib.llama_model_load_from_file.argtypes = [ctypes.c_char_p, ModelParams]
        lib.llama_init_from_model.restype = ctypes.c_void_p
        lib.llama_init_from_model.argtypes = [ctypes.c_void_p, ContextParams]
        lib.llama_decode.argtypes = [ctypes.c_void_p, Batch]
        lib.llama_get_logits.restype = ctypes.POINTER(ctypes.c_float)
        lib.llama_get_logits.argtypes = [ctypes.c_void_p]
        lib.llama_free.argtypes = lib.llama_model_free.argtypes = [ctypes.c_void_p]
        defaults = lib.llama_context_default_params()
        if (defaults.type_k, defaults.type_v, defaults.flash_attn_type) != (F16, F16, FLASH_AUTO):
            sys.exit("activations.py: this libllama has another llama_context_params than llama.cpp 0.5.0")

    def quantize(self, source, out, kind):
        """Writes `out` with every matrix in `kind`."""
        params = self.lib.llama_model_quantize_default_params()
        params.ftype, type_id = TYPES[kind]
        params.nthread = THREADS
        params.pure = True
        if self.lib.llama_model_quantize(os.fsencode(source), os.fsencode(out), ctypes.byref(params)) != 0:
            sys.exit(f"activations.py: llama.cpp did not write {kind}")
        for name, (found, dims, _) in quantizer.Gguf(out, self.ggml).tensors.items():
            if len(dims) > 1 and found != type_id:
                sys.exit(f"activations.py: {name} is in {quantizer.type_name(self.ggml, found)}, not {kind}")

    def logits(self, path, windows, vocab):
        """Float logits [windows, tokens, vocab]."""
        model = self.lib.llama_model_load_from_file(os.fsencode(path), self.lib.llama_model_default_params())
        if not model:
            sys.exit(f"activations.py: llama.cpp did not load {path}")
        rows = [self.run(model, window, vocab) for window in windows]
        self.lib.llama_model_free(model)
        return np.stack(rows)

    def run(self, model, window, vocab):
        """One window from an empty cache."""
        n = len(window)
        params = self.lib.llama_context_default_params()
        params.n_ctx = params.n_batch = params.n_ubatch = n
        params.n_threads = params.n_threads_batch = THREADS
        params.flash_attn_type = FLASH_OFF
        params.type_k = params.type_v = F32
        context = self.lib.llama_init_from_model(model, params)
        if not context:
            sys.exit("activations.py: llama.cpp made no context")
        batch = Batch(n_tokens=n, token=(ctypes.c_int32 * n)(*window), logits=(ctypes.c_int8 * n)(*[1] * n))
        if self.lib.llama_decode(context, batch) != 0:
            sys.exit("activations.py: llama.cpp did not decode")
        out = np.ctypeslib.as_array(self.lib.llama_get_logits(context), (n, vocab)).copy()
        self.lib.llama_free(context)
        return out


def tool(llorch, *args, **options):
    return subprocess.run([llorch, *map(str, args)], check=True, stdout=subprocess.PIPE, **options).stdout


def llorch_logits(llorch, path, windows, vocab, activations):
    """Float logits [windows, tokens, vocab]."""
    rows = []
    with tempfile.NamedTemporaryFile() as out:
        for window in windows:
            tool(llorch, "logits", path, "--tokens", ",".join(map(str, window)), "--out", out.name, "--activations",
                 activations, "--kv-type", "f32", "--threads", THREADS, "--context", len(window))
            rows.append(np.fromfile(out.name, np.float32).reshape(len(window), vocab))
    return np.stack(rows)


def held_out_ids(llorch, model, scratch):
    text = pathlib.Path(scratch, "held.txt")
    subprocess.run([sys.executable, HAIKU / "held_out.py", "--out", text], check=True)
    line = json.dumps({"text": text.read_text()}).encode()
    return json.loads(tool(llorch, "tokenize", model, "--jsonl", input=line))["ids"]


def windows_of(ids, size):
    """As many whole windows as the ids fill."""
    return [ids[at:at + size] for at in range(0, len(ids) - size + 1, size)]


def log_softmax(logits):
    x = logits.astype(np.float64)
    x -= x.max(axis=-1, keepdims=True)
    return x - np.log(np.exp(x).sum(axis=-1, keepdims=True))


def divergence(base, other):
    """(KL(base || other) in nats [positions], same best token [positions]) of the windows' second halves, without the
    last token of each, which foretells nothing."""
    scored = slice(base.shape[1] // 2, base.shape[1] - 1)
    p, q = log_softmax(base[:, scored]), log_softmax(other[:, scored])
    return (np.exp(p) * (p - q)).sum(axis=-1).ravel(), (p.argmax(axis=-1) == q.argmax(axis=-1)).ravel()


def compare(args, llama, path, texts, vocab):
    """One dict a text."""
    for name, windows in texts.items():
        base = llorch_logits(args.llorch, path, windows, vocab, "f32")
        ours, same = divergence(base, llorch_logits(args.llorch, path, windows, vocab, "q8"))
        theirs, their_same = divergence(base, llama.logits(path, windows, vocab))
        difference = ours - theirs
        yield {"text": name, "positions": len(ours), "llorch_kl": ours.mean(), "llorch_same_best": same.mean(),
               "llamacpp_kl": theirs.mean(), "llamacpp_same_best": their_same.mean(),
               "difference": difference.mean(), "difference_error": difference.std(ddof=1) / math.sqrt(len(ours))}


def verdict(row):
    """Which mean is lower by more than two standard errors of the difference, position by position."""
    if abs(row["difference"]) <= 2 * row["difference_error"]:
        return "no difference"
    return "llorch closer" if row["difference"] < 0 else "llama.cpp closer"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--llorch", required=True)
    parser.add_argument("--lib", required=True)
    parser.add_argument("--model", default=str(HAIKU / "haiku.gguf"), help="a F16 file of haiku's vocabulary")
    parser.add_argument("--types", default=",".join(TYPES))
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    args = parser.parse_args()
    types = args.types.split(",")
    if unknown := [kind for kind in types if kind not in TYPES]:
        parser.error(f"--types: unknown '{unknown[0]}'; known are {', '.join(TYPES)}")
    llama = LlamaCpp(args.lib)
    vocab = quantizer.Gguf(args.model, llama.ggml).tensors["token_embd.weight"][1][1]
    if not args.json:
        print(f"{'type':7} {'text':9} {'llorch: mean KL':>15} {'best':>7} {'llama.cpp: KL':>14} {'best':>7} {'ratio':>6}")
    with tempfile.TemporaryDirectory() as scratch:
        random = np.random.default_rng(SEED)
        texts = {"held-out": windows_of(held_out_ids(args.llorch, args.model, scratch), WINDOW)}
        texts["random"] = random.integers(vocab, size=(len(texts["held-out"]), WINDOW)).tolist()
        for kind in types:
            path = os.path.join(scratch, f"{kind}.gguf")
            llama.quantize(args.model, path, kind)
            for row in compare(args, llama, path, texts, vocab):
                if args.json:
                    print(json.dumps({"type": kind, **row, "verdict": verdict(row)}), flush=True)
                    continue
                print(f"{kind:7} {row['text']:9} {row['llorch_kl']:15.2e} {row['llorch_same_best']:7.2%} {row['llamacpp_kl']:14.2e} "
                      f"{row['llamacpp_same_best']:7.2%} {row['llorch_kl'] / row['llamacpp_kl']:6.2f}  {verdict(row)}", flush=True)


if __name__ == "__main__":
    main()
