#!/usr/bin/env python3
"""Writes a Llama of random weights as GGUF, for measuring speed: shaped like Llama-3.2-1B unless told otherwise.

The weights are random blocks with sane scales, so every number is finite and activations stay in range; the text that
such a model writes means nothing. Needs numpy (Debian: python3-numpy)."""
import argparse
import struct
import sys

try:
    import numpy as np
except ImportError:
    sys.exit("make_model.py: needs numpy (Debian: apt install python3-numpy)")

ALIGNMENT = 32
U32, I32, F32, STRING, ARRAY = 4, 5, 6, 8, 9
# name: (GGUF type id, general.file_type, weights a block, bytes a block)
FORMATS = {
    "F32": (0, 0, 1, 4),
    "F16": (1, 1, 1, 2),
    "Q4_0": (2, 2, 32, 18),
    "Q8_0": (8, 7, 32, 34),
    "Q4_K": (12, 15, 256, 144),
    "Q6_K": (14, 18, 256, 210),
}
# Offset of each half-precision scale in a block, and its value for weights of a deviation of about 0.02.
SCALES = {
    "Q4_0": ((0, 0.02 / 4.6),),
    "Q8_0": ((0, 0.02 / 74.0),),
    "Q4_K": ((0, 0.02 / 150.0), (2, 0.02 / 20.0)),
    "Q6_K": ((208, 0.02 / 1300.0),),
}


def string(text):
    data = text.encode("utf-8") if isinstance(text, str) else text
    return struct.pack("<Q", len(data)) + data


def entry(key, kind, value):
    packed = {U32: "<I", I32: "<i", F32: "<f"}
    body = string(value) if kind == STRING else struct.pack(packed[kind], value)
    return string(key) + struct.pack("<I", kind) + body


def array(key, kind, values):
    body = b"".join(string(v) for v in values) if kind == STRING else struct.pack(f"<{len(values)}i", *values)
    return string(key) + struct.pack("<IIQ", ARRAY, kind, len(values)) + body


def byte_letters():
    """GPT-2's letters that stand for the 256 bytes."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = (b for b in range(256) if b not in printable)
    letters = {b: chr(b) for b in printable}
    letters.update({b: chr(256 + i) for i, b in enumerate(others)})
    return [letters[b] for b in range(256)]


def vocabulary(n):
    """Two control tokens, the 256 bytes, one merge, then names that no text ever reaches."""
    letters = byte_letters()
    tokens = ["<|begin|>", "<|end|>", *letters, "th"]
    tokens += [f"t{i}" for i in range(n - len(tokens))]
    types = [3, 3] + [1] * (n - 2)  # 3: control, 1: normal
    return tokens[:n], types[:n], ["t h"]


def metadata(args):
    tokens, types, merges = vocabulary(args.vocab)
    head_dim = args.dim // args.heads
    return [
        entry("general.architecture", STRING, "llama"),
        entry("general.name", STRING, f"random-llama-{args.type}"),
        entry("general.alignment", U32, ALIGNMENT),
        entry("general.file_type", U32, FORMATS[args.type][1]),
        entry("llama.block_count", U32, args.layers),
        entry("llama.context_length", U32, args.context),
        entry("llama.embedding_length", U32, args.dim),
        entry("llama.feed_forward_length", U32, args.ff),
        entry("llama.attention.head_count", U32, args.heads),
        entry("llama.attention.head_count_kv", U32, args.kv_heads),
        entry("llama.attention.key_length", U32, head_dim),
        entry("llama.attention.value_length", U32, head_dim),
        entry("llama.attention.layer_norm_rms_epsilon", F32, 1e-5),
        entry("llama.rope.dimension_count", U32, head_dim),
        entry("llama.rope.freq_base", F32, 500000.0),
        entry("llama.vocab_size", U32, args.vocab),
        entry("tokenizer.ggml.model", STRING, "gpt2"),
        entry("tokenizer.ggml.pre", STRING, "gpt-2"),
        array("tokenizer.ggml.tokens", STRING, tokens),
        array("tokenizer.ggml.token_type", I32, types),
        array("tokenizer.ggml.merges", STRING, merges),
        entry("tokenizer.ggml.bos_token_id", U32, 0),
        entry("tokenizer.ggml.eos_token_id", U32, 1),
    ]


def tensors(args):
    """(name, [rows, cols] or [cols], format)"""
    matrix = args.type
    embedding = "Q6_K" if matrix == "Q4_K" else matrix  # as the usual Q4_K mixes have it
    kv_dim = args.dim // args.heads * args.kv_heads
    yield "token_embd.weight", (args.vocab, args.dim), embedding
    yield "output_norm.weight", (args.dim,), "F32"
    for i in range(args.layers):
        yield f"blk.{i}.attn_norm.weight", (args.dim,), "F32"
        yield f"blk.{i}.attn_q.weight", (args.dim, args.dim), matrix
        yield f"blk.{i}.attn_k.weight", (kv_dim, args.dim), matrix
        yield f"blk.{i}.attn_v.weight", (kv_dim, args.dim), matrix
        yield f"blk.{i}.attn_output.weight", (args.dim, args.dim), matrix
        yield f"blk.{i}.ffn_norm.weight", (args.dim,), "F32"
        yield f"blk.{i}.ffn_gate.weight", (args.ff, args.dim), matrix
        yield f"blk.{i}.ffn_up.weight", (args.ff, args.dim), matrix
        yield f"blk.{i}.ffn_down.weight", (args.dim, args.ff), matrix


def tensor_bytes(shape, kind):
    _, _, block_len, block_bytes = FORMATS[kind]
    return int(np.prod(shape)) // block_len * block_bytes


def write_blocks(out, shape, kind, random):
    """Random bytes in pieces of a few MB, with the blocks' scales set."""
    if len(shape) == 1:
        out.write(np.ones(shape, np.float32).tobytes())
        return
    _, _, block_len, block_bytes = FORMATS[kind]
    n_blocks = int(np.prod(shape)) // block_len
    piece = max(1, (1 << 23) // block_bytes)
    for begin in range(0, n_blocks, piece):
        n = min(piece, n_blocks - begin)
        if kind in ("F32", "F16"):
            values = (random.random(n, np.float32) - np.float32(0.5)) * np.float32(0.07)
            out.write(values.astype(np.float16 if kind == "F16" else np.float32).tobytes())
            continue
        blocks = np.frombuffer(random.bytes(n * block_bytes), np.uint8).reshape(n, block_bytes).copy()
        for offset, value in SCALES[kind]:
            # Both signs of the scale, so that formats of unsigned weights have no common direction.
            scale = (random.integers(0, 2, n, np.int8) * 2 - 1).astype(np.float16) * np.float16(value)
            blocks[:, offset : offset + 2] = scale.view(np.uint8).reshape(n, 2)
        out.write(blocks.tobytes())


def write_model(args):
    listed = list(tensors(args))
    entries = metadata(args)
    header = [b"GGUF", struct.pack("<IQQ", 3, len(listed), len(entries)), *entries]
    offset = 0
    offsets = []
    for name, shape, kind in listed:
        dims = tuple(reversed(shape))  # GGUF names the fastest dimension first
        header.append(string(name) + struct.pack(f"<I{len(dims)}QIQ", len(dims), *dims, FORMATS[kind][0], offset))
        offsets.append(offset)
        offset += -(-tensor_bytes(shape, kind) // ALIGNMENT) * ALIGNMENT
    head = b"".join(header)
    data_begin = -(-len(head) // ALIGNMENT) * ALIGNMENT
    random = np.random.Generator(np.random.SFC64(args.seed))
    with open(args.out, "wb") as out:
        out.write(head)
        for (_, shape, kind), at in zip(listed, offsets):
            out.write(b"\0" * (data_begin + at - out.tell()))
            write_blocks(out, shape, kind, random)
        out.write(b"\0" * (data_begin + offset - out.tell()))
    print(f"{args.out}: {data_begin + offset} bytes, {args.type}, {args.layers} layers")


def parse_args():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--out", required=True, help="file to write")
    parser.add_argument("--type", choices=sorted(FORMATS), default="Q4_K",
                        help="format of the matrices; Q4_K has its embedding in Q6_K")
    parser.add_argument("--dim", type=int, default=2048)
    parser.add_argument("--layers", type=int, default=16)
    parser.add_argument("--heads", type=int, default=32)
    parser.add_argument("--kv-heads", type=int, default=8)
    parser.add_argument("--ff", type=int, default=8192, help="width of the feed-forward layer")
    parser.add_argument("--vocab", type=int, default=128256, help="tokens; the output matrix is the embedding (tied)")
    parser.add_argument("--context", type=int, default=8192, help="tokens the model is made for")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    block_len = max(FORMATS[args.type][2], 256 if args.type == "Q4_K" else 1)
    for name, value in (("--dim", args.dim), ("--ff", args.ff)):
        if value % block_len != 0:
            parser.error(f"{name} {value} is not a multiple of {block_len}, the block of {args.type}")
    if args.dim % args.heads != 0 or args.heads % args.kv_heads != 0:
        parser.error("--dim must be a multiple of --heads, and --heads of --kv-heads")
    if args.vocab < 260:
        parser.error("--vocab must be at least 260: two control tokens, the bytes, a merge, and one more")
    return args


if __name__ == "__main__":
    write_model(parse_args())
