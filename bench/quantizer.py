#!/usr/bin/env python3
"""Compares llorch's quantizer with llama.cpp's on one file: the format of every tensor, and the error that is left.

usage: quantizer.py MODEL.gguf --type Q4_K_M --llorch build/release/bin/llorch --lib DIR [--keep DIR]

MODEL holds F32, F16 or BF16. DIR has libllama and libggml-base of the npm package node-llama-cpp
(bench/peer/node_modules/@node-llama-cpp/linux-x64/bins/linux-x64 after `npm ci` there). The error is the sum of squares of (weight - decoded weight) over the sum of squares of
the weights; both files are decoded by libggml, which is llorch's judge here. Needs numpy (Debian: python3-numpy)."""
import argparse
import collections
import ctypes
import glob
import os
import struct
import subprocess
import sys
import tempfile

try:
    import numpy as np
except ImportError:
    sys.exit("quantizer.py: needs numpy (Debian: apt install python3-numpy)")

FILE_TYPES = {"F32": 0, "F16": 1, "Q4_0": 2, "Q8_0": 7, "Q4_K_M": 15, "Q5_K_M": 17, "Q6_K": 18, "IQ4_XS": 30,
              "BF16": 32, "MXFP4": 38}
SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}


class Gguf:
    """Tensors of a file: name -> (type id, dims with the fastest first, bytes)."""

    def __init__(self, path, ggml):
        self.data = np.memmap(path, np.uint8, "r")
        self.at = 8
        n_tensors, n_keys = self.number("Q"), self.number("Q")
        alignment = 32
        for _ in range(n_keys):
            key = self.text()
            value = self.value(self.number("I"))
            alignment = value if key == "general.alignment" else alignment
        infos = []
        for _ in range(n_tensors):
            name = self.text()
            dims = [self.number("Q") for _ in range(self.number("I"))]
            infos.append((name, dims, self.number("I"), self.number("Q")))
        start = -(-self.at // alignment) * alignment
        self.tensors = {}
        for name, dims, kind, offset in infos:
            size = ggml.ggml_row_size(kind, dims[0]) * int(np.prod(dims[1:], dtype=np.int64))
            self.tensors[name] = (kind, dims, self.data[start + offset:start + offset + size])

    def number(self, code):
        size = struct.calcsize(code)
        value, = struct.unpack("<" + code, self.data[self.at:self.at + size].tobytes())
        self.at += size
        return value

    def text(self):
        n = self.number("Q")
        self.at += n
        return self.data[self.at - n:self.at].tobytes().decode("utf-8", "replace")

    def value(self, kind):
        if kind == 8:
            return self.text()
        if kind == 9:
            item = self.number("I")
            return [self.value(item) for _ in range(self.number("Q"))]
        return self.number(SCALARS[kind])


class TypeTraits(ctypes.Structure):
    _fields_ = [("type_name", ctypes.c_char_p), ("blck_size", ctypes.c_int64), ("interleave", ctypes.c_int64),
                ("type_size", ctypes.c_size_t), ("is_quantized", ctypes.c_bool), ("to_float", ctypes.c_void_p)]


class QuantizeParams(ctypes.Structure):
    """The start of llama_model_quantize_params; the rest keeps its defaults."""
    _fields_ = [("nthread", ctypes.c_int32), ("ftype", ctypes.c_int32), ("output_and_embedding", ctypes.c_int32 * 2),
                ("allow_requantize", ctypes.c_bool), ("quantize_output_tensor", ctypes.c_bool), ("only_copy", ctypes.c_bool),
                ("pure", ctypes.c_bool), ("rest", ctypes.c_uint8 * 236)]


LOG = ctypes.CFUNCTYPE(None, ctypes.c_int, ctypes.c_char_p, ctypes.c_void_p)
QUIET = LOG(lambda level, text, _: sys.stderr.write(text.decode()) if level == 4 else None)  # 4: errors


def library_path(folder, name):
    """The newest of a library's files."""
    found = sorted(glob.glob(os.path.join(folder, f"{name}*.so*")))
    if not found:
        sys.exit(f"{os.path.basename(sys.argv[0])}: {folder} lacks {name}")
    return found[-1]


def load_libraries(folder):
    libraries = [ctypes.CDLL(library_path(folder, name), mode=ctypes.RTLD_GLOBAL)
                 for name in ("libggml-base", "libggml.v", "libllama.v")]
    ggml, llama = libraries[0], libraries[-1]
    ggml.ggml_row_size.restype = ctypes.c_size_t
    ggml.ggml_row_size.argtypes = [ctypes.c_int, ctypes.c_int64]
    ggml.ggml_get_type_traits.restype = ctypes.POINTER(TypeTraits)
    llama.llama_model_quantize_default_params.restype = QuantizeParams
    llama.llama_log_set(QUIET, None)
    return ggml, llama


def decoded(ggml, tensor):
    kind, dims, data = tensor
    n = int(np.prod(dims, dtype=np.int64))
    if kind == 0:
        return data.view(np.float32)
    out = np.empty(n, np.float32)
    convert = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64)(
        ggml.ggml_get_type_traits(kind).contents.to_float)
    copy = np.ascontiguousarray(data)
    convert(copy.ctypes.data, out.ctypes.data, n)
    return out


def type_name(ggml, kind):
    return ggml.ggml_get_type_traits(kind).contents.type_name.decode()


def compare(ggml, original, ours, theirs):
    """Prints a line for each format and returns the tensors whose formats differ."""
    sums = collections.defaultdict(lambda: [0, 0.0, 0.0, 0.0])  # (ours, theirs) -> tensors, energy, two errors
    worse = []
    for name, tensor in original.tensors.items():
        want = decoded(ggml, tensor).astype(np.float64)
        a, b = ours.tensors[name], theirs.tensors[name]
        errors = [float(np.sum((decoded(ggml, x) - want) ** 2)) for x in (a, b)]
        row = sums[type_name(ggml, a[0]), type_name(ggml, b[0])]
        row[0] += 1
        row[1] += float(np.sum(want ** 2))
        row[2] += errors[0]
        row[3] += errors[1]
        if errors[0] > errors[1] * 1.0001 + 1e-12:
            worse.append(f"{name}: {errors[0] / max(errors[1], 1e-30):.4f}")
    print(f"{'llorch':8} {'llama.cpp':10} {'tensors':>7} {'error, llorch':>14} {'llama.cpp':>12} {'ratio':>7}")
    for (a, b), (n, energy, mine, peer) in sorted(sums.items()):
        ratio = f"{mine / peer:7.4f}" if peer > 0 else "      -"
        print(f"{a:8} {b:10} {n:7} {mine / energy:14.4e} {peer / energy:12.4e} {ratio}{'' if a == b else '  FORMATS DIFFER'}")
    if worse:
        print(f"larger error than llama.cpp in {len(worse)} tensors: {', '.join(worse[:8])}")
    return [f"{n}: {type_name(ggml, ours.tensors[n][0])}, llama.cpp {type_name(ggml, t[0])}"
            for n, t in theirs.tensors.items() if ours.tensors[n][0] != t[0]]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("--type", choices=FILE_TYPES, required=True)
    parser.add_argument("--llorch", required=True)
    parser.add_argument("--lib", required=True)
    parser.add_argument("--keep", help="folder for the two files")
    args = parser.parse_args()
    ggml, llama = load_libraries(args.lib)
    with tempfile.TemporaryDirectory() as scratch:
        folder = args.keep or scratch
        ours, theirs = (os.path.join(folder, f"{who}-{args.type}.gguf") for who in ("llorch", "llamacpp"))
        subprocess.run([args.llorch, "quantize", args.model, ours, "--type", args.type], check=True)
        params = llama.llama_model_quantize_default_params()
        params.ftype = FILE_TYPES[args.type]
        params.nthread = 2
        if llama.llama_model_quantize(args.model.encode(), theirs.encode(), ctypes.byref(params)) != 0:
            sys.exit("quantizer.py: llama.cpp did not quantise this file")
        different = compare(ggml, Gguf(args.model, ggml), Gguf(ours, ggml), Gguf(theirs, ggml))
        for line in different:
            print(f"formats differ: {line}")
        sys.exit(1 if different else 0)


if __name__ == "__main__":
    main()
