"""The haiku model in PyTorch: a llama-architecture decoder with GQA, RoPE, RMSNorm, SwiGLU and tied embeddings.

Parameter names are those of Hugging Face's LlamaForCausalLM, and rotary pairs are (i, i + head_dim/2) as there; export.py reorders
the rows of q and k for GGUF. B = rows of the batch, T = tokens, d = dim, h / g = query / KV heads, hd = head_dim, f = ff_dim, V = vocab.
"""
import os
import sys
from dataclasses import dataclass


def use_fast_blas():
    """Debian's OpenBLAS may pick a slow kernel on a new CPU: name an AVX-512 one, before torch is loaded.

    One thread each for BLAS and OpenMP, whose pools would fight over the cores: train.py runs a Python thread per core instead.
    """
    if "HAIKU_BLAS" not in os.environ:
        if "avx512f" in open("/proc/cpuinfo").read():
            os.environ.setdefault("OPENBLAS_CORETYPE", "SkylakeX")
        os.environ |= {"HAIKU_BLAS": "1", "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
        os.execv(sys.executable, [sys.executable, *sys.argv])


use_fast_blas()
import torch  # noqa: E402
import torch.nn.functional as F  # noqa: E402


@dataclass
class Config:
    vocab: int = 1920
    dim: int = 256
    n_layers: int = 4
    n_heads: int = 8
    n_kv_heads: int = 2
    head_dim: int = 32
    ff_dim: int = 256
    context: int = 512
    rope_theta: float = 10000.0
    eps: float = 1e-5


def parameter_shapes(c):
    """{name: shape}, all of them; matrices are [out, in]."""
    shapes = {"model.embed_tokens.weight": (c.vocab, c.dim), "model.norm.weight": (c.dim,)}
    for i in range(c.n_layers):
        p = f"model.layers.{i}."
        shapes |= {p + "input_layernorm.weight": (c.dim,), p + "post_attention_layernorm.weight": (c.dim,),
                   p + "self_attn.q_proj.weight": (c.n_heads * c.head_dim, c.dim),
                   p + "self_attn.k_proj.weight": (c.n_kv_heads * c.head_dim, c.dim),
                   p + "self_attn.v_proj.weight": (c.n_kv_heads * c.head_dim, c.dim),
                   p + "self_attn.o_proj.weight": (c.dim, c.n_heads * c.head_dim),
                   p + "mlp.gate_proj.weight": (c.ff_dim, c.dim), p + "mlp.up_proj.weight": (c.ff_dim, c.dim),
                   p + "mlp.down_proj.weight": (c.dim, c.ff_dim)}
    return shapes


def init_parameters(c, seed):
    torch.manual_seed(seed)
    params = {}
    for name, shape in parameter_shapes(c).items():
        std = 0.02 if "embed" in name else shape[-1] ** -0.5
        if "o_proj" in name or "down_proj" in name:
            std /= (2 * c.n_layers) ** 0.5
        params[name] = torch.ones(shape) if len(shape) == 1 else torch.randn(shape) * std
    return params


class Haiku:
    def __init__(self, config, params):
        self.c, self.p = config, params
        inv = config.rope_theta ** (-torch.arange(0, config.head_dim, 2) / config.head_dim)
        angle = torch.arange(config.context)[:, None] * inv[None]        # [context, hd/2]
        self.cos, self.sin = angle.cos(), angle.sin()
        self.mask = torch.full((config.context, config.context), float("-inf")).triu(1)

    def norm(self, x, name):
        return x * torch.rsqrt(x.square().mean(-1, keepdim=True) + self.c.eps) * self.p[name]

    def rotate(self, x):
        """x [B, heads, T, hd] -> the same, rotated by position."""
        a, b = x.chunk(2, -1)
        cos, sin = self.cos[:x.shape[2]], self.sin[:x.shape[2]]
        return torch.cat((a * cos - b * sin, b * cos + a * sin), -1)

    def attention(self, x, p):
        c, (B, T, _) = self.c, x.shape
        q = F.linear(x, self.p[p + "q_proj.weight"]).view(B, T, c.n_heads, c.head_dim).transpose(1, 2)
        k = F.linear(x, self.p[p + "k_proj.weight"]).view(B, T, c.n_kv_heads, c.head_dim).transpose(1, 2)
        v = F.linear(x, self.p[p + "v_proj.weight"]).view(B, T, c.n_kv_heads, c.head_dim).transpose(1, 2)
        group = c.n_heads // c.n_kv_heads
        # The query heads of one KV head are stacked along T: [B, g, group*T, hd].
        q = self.rotate(q).reshape(B, c.n_kv_heads, group * T, c.head_dim)
        scores = (q @ self.rotate(k).transpose(2, 3)).view(B, c.n_kv_heads, group, T, T) * c.head_dim ** -0.5
        weights = (scores + self.mask[:T, :T]).softmax(-1).view(B, c.n_kv_heads, group * T, T)
        out = (weights @ v).view(B, c.n_heads, T, c.head_dim).transpose(1, 2).reshape(B, T, -1)
        return F.linear(out, self.p[p + "o_proj.weight"])

    def hidden(self, ids):
        """ids [B, T] -> normed hidden states [B, T, d]."""
        x = F.embedding(ids, self.p["model.embed_tokens.weight"])
        for i in range(self.c.n_layers):
            p = f"model.layers.{i}."
            x = x + self.attention(self.norm(x, p + "input_layernorm.weight"), p + "self_attn.")
            y = self.norm(x, p + "post_attention_layernorm.weight")
            y = F.silu(F.linear(y, self.p[p + "mlp.gate_proj.weight"])) * F.linear(y, self.p[p + "mlp.up_proj.weight"])
            x = x + F.linear(y, self.p[p + "mlp.down_proj.weight"])
        return self.norm(x, "model.norm.weight")

    def logits(self, hidden):
        return F.linear(hidden, self.p["model.embed_tokens.weight"])     # [..., V]


@torch.no_grad()
def generate(model, prompts, n_max=64, end=0, temperature=0.0, margins=None):
    """Continues every prompt (list of ids) until `end`, greedily or by sampling; margins collects top-1 minus top-2 per step."""
    outputs, live = [[] for _ in prompts], list(range(len(prompts)))
    for _ in range(n_max):
        rows = [prompts[i] + outputs[i] for i in live]
        T = max(map(len, rows))
        hidden = model.hidden(torch.tensor([r + [0] * (T - len(r)) for r in rows]))
        logits = model.logits(hidden[torch.arange(len(rows)), torch.tensor([len(r) - 1 for r in rows])])
        if margins is not None:
            top = logits.topk(2).values
            margins += (top[:, 0] - top[:, 1]).tolist()
        ids = logits.argmax(-1) if temperature == 0 else torch.multinomial((logits / temperature).softmax(-1), 1)[:, 0]
        for i, token in zip(live, ids.tolist()):
            outputs[i].append(token)
        live = [i for i in live if outputs[i][-1] != end]
        if not live:
            break
    return [o[:-1] if o and o[-1] == end else o for o in outputs]
