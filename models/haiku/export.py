"""Writes the trained model as haiku.gguf (GGUF v3) and hf/ (Hugging Face layout), and reads both back.

Every weight is rounded to F16 once; both files hold those values (the norms as F32 in GGUF), so they are the same function. Each file
is written beside its place and renamed, so that a reader never sees half of it.
"""
import json
import os
import pathlib
import struct

import numpy as np

from model import Config, Haiku, parameter_shapes, torch
from tokenizer import END, SPECIALS, TEMPLATE, Tokenizer

HERE = pathlib.Path(__file__).resolve().parent
ALIGNMENT = 32
U32, I32, F32, BOOL, STRING, ARRAY = 4, 5, 6, 7, 8, 9     # GGUF value types
GGML_F32, GGML_F16 = 0, 1
GGUF_NAMES = {"input_layernorm": "attn_norm", "post_attention_layernorm": "ffn_norm", "self_attn.q_proj": "attn_q",
              "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v", "self_attn.o_proj": "attn_output",
              "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down"}


def gguf_name(name):
    if name.startswith("model.layers."):
        layer, part = name[len("model.layers."):-len(".weight")].split(".", 1)
        return f"blk.{layer}.{GGUF_NAMES[part]}.weight"
    return {"model.embed_tokens.weight": "token_embd.weight", "model.norm.weight": "output_norm.weight"}[name]


def reorder(array, heads, to_gguf):
    """Rows of q or k: HF row (s, i) of a head, s in {0, 1}, i < hd/2, is GGUF row (i, s)."""
    rows, cols = array.shape
    split = (heads, 2, -1, cols) if to_gguf else (heads, -1, 2, cols)
    return np.ascontiguousarray(array.reshape(split).swapaxes(1, 2).reshape(rows, cols))


def reordered(name, array, config, to_gguf):
    if "q_proj" in name:
        return reorder(array, config.n_heads, to_gguf)
    return reorder(array, config.n_kv_heads, to_gguf) if "k_proj" in name else array


def pack(kind, value):
    if kind == STRING:
        data = value.encode("utf-8")
        return struct.pack("<Q", len(data)) + data
    if kind == ARRAY:
        inner, items = value
        return struct.pack("<IQ", inner, len(items)) + b"".join(pack(inner, v) for v in items)
    return struct.pack({U32: "<I", I32: "<i", F32: "<f", BOOL: "<?"}[kind], value)


def gguf_metadata(c, tokenizer):
    return [
        ("general.architecture", STRING, "llama"), ("general.name", STRING, "haiku"), ("general.license", STRING, "apache-2.0"),
        ("general.description", STRING, "A tiny model that writes haiku in 5-7-5 about the topic it is given."),
        ("general.file_type", U32, 1), ("general.quantization_version", U32, 2), ("general.alignment", U32, ALIGNMENT),
        ("llama.context_length", U32, c.context), ("llama.embedding_length", U32, c.dim), ("llama.block_count", U32, c.n_layers),
        ("llama.feed_forward_length", U32, c.ff_dim), ("llama.attention.head_count", U32, c.n_heads),
        ("llama.attention.head_count_kv", U32, c.n_kv_heads), ("llama.attention.layer_norm_rms_epsilon", F32, c.eps),
        ("llama.rope.dimension_count", U32, c.head_dim), ("llama.rope.freq_base", F32, c.rope_theta), ("llama.vocab_size", U32, c.vocab),
        ("tokenizer.ggml.model", STRING, "gpt2"), ("tokenizer.ggml.pre", STRING, "gpt-2"),
        ("tokenizer.ggml.tokens", ARRAY, (STRING, tokenizer.tokens)),
        ("tokenizer.ggml.token_type", ARRAY, (I32, [3 if t in SPECIALS else 1 for t in tokenizer.tokens])),
        ("tokenizer.ggml.merges", ARRAY, (STRING, [" ".join(m) for m in tokenizer.merges])),
        ("tokenizer.ggml.bos_token_id", U32, END), ("tokenizer.ggml.eos_token_id", U32, END),
        ("tokenizer.ggml.add_bos_token", BOOL, False), ("tokenizer.ggml.add_eos_token", BOOL, False),
        ("tokenizer.chat_template", STRING, TEMPLATE)]


def write_atomically(path, data):
    temporary = path.with_name(path.name + ".new")
    temporary.write_bytes(data)
    os.replace(temporary, path)


def write_gguf(path, config, arrays, tokenizer):
    """arrays: {HF name: float16 array}."""
    metadata = gguf_metadata(config, tokenizer)
    head = struct.pack("<4sIQQ", b"GGUF", 3, len(arrays), len(metadata))
    head += b"".join(pack(STRING, key) + struct.pack("<I", kind) + pack(kind, value) for key, kind, value in metadata)
    body = b""
    for name, array in arrays.items():
        array = reordered(name, array, config, True) if array.ndim == 2 else array.astype(np.float32)
        head += pack(STRING, gguf_name(name)) + struct.pack("<I", array.ndim) + struct.pack(f"<{array.ndim}Q", *array.shape[::-1])
        head += struct.pack("<IQ", GGML_F16 if array.ndim == 2 else GGML_F32, len(body))
        body += array.tobytes()
        body += bytes(-len(body) % ALIGNMENT)
    write_atomically(path, head + bytes(-len(head) % ALIGNMENT) + body)


def write_safetensors(path, arrays):
    header, offset = {"__metadata__": {"format": "pt"}}, 0
    for name, a in arrays.items():
        header[name] = {"dtype": "F16", "shape": list(a.shape), "data_offsets": [offset, offset + a.nbytes]}
        offset += a.nbytes
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    write_atomically(path, struct.pack("<Q", len(text)) + text + b"".join(a.tobytes() for a in arrays.values()))


def write_json(path, value):
    write_atomically(path, (json.dumps(value, ensure_ascii=False, indent=1) + "\n").encode("utf-8"))


def write_hf(folder, c, arrays, tokenizer):
    folder.mkdir(exist_ok=True)
    write_safetensors(folder / "model.safetensors", arrays)
    write_json(folder / "config.json", {
        "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": c.dim, "intermediate_size": c.ff_dim,
        "num_hidden_layers": c.n_layers, "num_attention_heads": c.n_heads, "num_key_value_heads": c.n_kv_heads, "head_dim": c.head_dim,
        "vocab_size": c.vocab, "max_position_embeddings": c.context, "rms_norm_eps": c.eps, "rope_theta": c.rope_theta,
        "rope_scaling": None, "hidden_act": "silu", "attention_bias": False, "mlp_bias": False, "tie_word_embeddings": True,
        "torch_dtype": "float16", "bos_token_id": END, "eos_token_id": END})
    write_json(folder / "generation_config.json", {"bos_token_id": END, "eos_token_id": END, "do_sample": False, "max_new_tokens": 64})
    flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    write_json(folder / "tokenizer.json", {
        "version": "1.0", "truncation": None, "padding": None,
        "added_tokens": [{"id": i, "content": t} | flags for i, t in enumerate(SPECIALS)],
        "normalizer": None, "pre_tokenizer": byte_level, "post_processor": None, "decoder": byte_level,
        "model": {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None, "end_of_word_suffix": None,
                  "fuse_unk": False, "byte_fallback": False, "vocab": tokenizer.id_of, "merges": [" ".join(m) for m in tokenizer.merges]}})
    write_json(folder / "tokenizer_config.json", {
        "tokenizer_class": "PreTrainedTokenizerFast", "add_bos_token": False, "add_eos_token": False, "bos_token": SPECIALS[END],
        "eos_token": SPECIALS[END], "model_max_length": c.context, "clean_up_tokenization_spaces": False, "chat_template": TEMPLATE,
        "added_tokens_decoder": {str(i): {"content": t} | flags for i, t in enumerate(SPECIALS)}})


def read_gguf(path):
    """(Config, parameters under their HF names, Tokenizer) of a file that write_gguf wrote."""
    data, at = path.read_bytes(), 0

    def take(form):
        nonlocal at
        values = struct.unpack_from("<" + form, data, at)
        at += struct.calcsize("<" + form)
        return values[0] if len(values) == 1 else values

    def value(kind):
        nonlocal at
        if kind == STRING:
            n = take("Q")
            at += n
            return data[at - n:at].decode("utf-8")
        if kind == ARRAY:
            inner, n = take("IQ")
            return [value(inner) for _ in range(n)]
        return take({U32: "I", I32: "i", F32: "f", BOOL: "?"}[kind])

    _, _, n_tensors, n_keys = take("4sIQQ")
    meta = {value(STRING): value(take("I")) for _ in range(n_keys)}
    tensors = []
    for _ in range(n_tensors):
        name, n = value(STRING), take("I")
        tensors.append((name, [take("Q") for _ in range(n)][::-1], *take("IQ")))
    at += -at % ALIGNMENT
    config = Config(vocab=meta["llama.vocab_size"], dim=meta["llama.embedding_length"], n_layers=meta["llama.block_count"],
                    n_heads=meta["llama.attention.head_count"], n_kv_heads=meta["llama.attention.head_count_kv"],
                    head_dim=meta["llama.rope.dimension_count"], ff_dim=meta["llama.feed_forward_length"],
                    context=meta["llama.context_length"], rope_theta=meta["llama.rope.freq_base"],
                    eps=meta["llama.attention.layer_norm_rms_epsilon"])
    hf_name = {gguf_name(n): n for n in parameter_shapes(config)}
    params = {}
    for name, shape, kind, offset in tensors:
        dtype = np.float16 if kind == GGML_F16 else np.float32
        array = np.frombuffer(data, dtype, int(np.prod(shape)), at + offset).reshape(shape).astype(np.float32)
        params[hf_name[name]] = torch.from_numpy(reordered(hf_name[name], array, config, False))
    return config, params, Tokenizer([m.split(" ") for m in meta["tokenizer.ggml.merges"]])


def read_safetensors(path):
    data = path.read_bytes()
    n = struct.unpack_from("<Q", data)[0]
    header = json.loads(data[8:8 + n])
    return {name: np.frombuffer(data, np.float16, int(np.prod(t["shape"])), 8 + n + t["data_offsets"][0]).reshape(t["shape"])
            for name, t in header.items() if name != "__metadata__"}


def load(path=HERE / "haiku.gguf"):
    config, params, tokenizer = read_gguf(pathlib.Path(path))
    return Haiku(config, params), tokenizer


def export_all(config, params, tokenizer):
    """Writes haiku.gguf and hf/, then checks that both read back as the same numbers."""
    arrays = {name: params[name].numpy().astype(np.float16) for name in parameter_shapes(config)}
    write_gguf(HERE / "haiku.gguf", config, arrays, tokenizer)
    write_hf(HERE / "hf", config, arrays, tokenizer)
    again = read_gguf(HERE / "haiku.gguf")[1]
    for name, array in read_safetensors(HERE / "hf" / "model.safetensors").items():
        assert np.array_equal(array.astype(np.float32), again[name].numpy()), name
    for path in (HERE / "haiku.gguf", HERE / "hf" / "model.safetensors"):
        print(f"{path.name}: {path.stat().st_size} bytes")


if __name__ == "__main__":
    build = HERE / "build"
    export_all(Config(), torch.load(build / "checkpoint.pt"), Tokenizer.load(build / "merges.json"))
