"""Hugging Face directories of families that have a GGUF twin alone: the twin's tensors under the names and in the layouts that the
published models have, with a config.json that says what its keys say. F32, with the tokenizer of another tiny model."""
import array
import json
import shutil
import struct

import gguf_file

QKV = {"attn_q": "self_attn.q_proj", "attn_k": "self_attn.k_proj", "attn_v": "self_attn.v_proj"}
LLAMA = {"token_embd": "model.embed_tokens", "output_norm": "model.norm", "output": "lm_head", "attn_norm": "input_layernorm", **QKV,
         "attn_output": "self_attn.o_proj", "ffn_norm": "post_attention_layernorm", "ffn_gate": "mlp.gate_proj", "ffn_up": "mlp.up_proj",
         "ffn_down": "mlp.down_proj"}
MLP_4H = {"ffn_up": "mlp.dense_h_to_4h", "ffn_down": "mlp.dense_4h_to_h"}
SIZES = {"max_position_embeddings": "context_length", "hidden_size": "embedding_length", "num_hidden_layers": "block_count",
         "intermediate_size": "feed_forward_length", "num_attention_heads": "attention.head_count",
         "num_key_value_heads": "attention.head_count_kv"}


def gathered(values, n, source):
    return array.array("f", (values[source(i)] for i in range(n)))


def interleaved_heads(values, heads):
    """Rows [3, head, channel] as [head, 3, channel]."""
    cols = 32 if len(values) > 96 else 1
    width = len(values) // cols // 3 // heads
    return gathered(values, len(values), lambda i: ((i // cols // width % 3 * heads + i // cols // width // 3) * width
                                                     + i // cols % width) * cols + i % cols)


class Writer:
    """One model: GGUF tensors in, names and values of a directory out."""
    layers = "model.layers."
    names = LLAMA
    hf_class = ""

    def __init__(self, twin):
        self.file = gguf_file.GgufFile(twin)
        self.architecture = self.file.keys["general.architecture"]
        self.tensors = {}

    def key(self, name, fallback=None):
        return self.file.keys.get(f"{self.architecture}.{name}", fallback)

    def config(self):
        sizes = {hf: self.key(key) for hf, key in SIZES.items() if self.key(key) is not None}
        return {"architectures": [self.hf_class], "vocab_size": 288, "bos_token_id": 1, "eos_token_id": 2,
                "tie_word_embeddings": "output.weight" not in self.file.tensors, **sizes, **self.more_config()}

    def more_config(self):
        return {}

    def add(self, prefix, base, suffix, shape, values):
        name = self.names[base]
        self.tensors[prefix + name + suffix] = (shape, values)

    def build(self):
        for name, (_, shape, _) in self.file.tensors.items():
            prefix, rest = "", name
            if name.startswith("blk."):
                layer, rest = name.removeprefix("blk.").split(".", 1)
                prefix = f"{self.layers}{layer}."
            base, suffix = rest.rsplit(".", 1)
            self.add(prefix, base, "." + suffix, shape, self.file.values(name))

    def write(self, directory, tokenizer_of):
        self.build()
        directory.mkdir()
        (directory / "config.json").write_text(json.dumps(self.config()))
        for name in ("tokenizer.json", "tokenizer_config.json"):
            shutil.copy(tokenizer_of / name, directory / name)
        header, data = {}, b""
        for name, (shape, values) in self.tensors.items():
            raw = values.tobytes()
            header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [len(data), len(data) + len(raw)]}
            data += raw
        text = json.dumps(header).encode()
        (directory / "model.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + data)


class Falcon(Writer):
    layers = "transformer.h."
    names = {"token_embd": "transformer.word_embeddings", "output_norm": "transformer.ln_f", "attn_norm": "input_layernorm",
             "attn_qkv": "self_attention.query_key_value", "attn_output": "self_attention.dense", **MLP_4H}
    hf_class = "FalconForCausalLM"

    def more_config(self):
        return {"layer_norm_epsilon": self.key("attention.layer_norm_epsilon"), "multi_query": True, "parallel_attn": True,
                "new_decoder_architecture": False, "alibi": False, "activation": "gelu_pytorch_tanh",
                "ffn_hidden_size": self.key("feed_forward_length")}


class GptNeoX(Writer):
    layers = "gpt_neox.layers."
    names = {**LLAMA, "token_embd": "gpt_neox.embed_in", "output_norm": "gpt_neox.final_layer_norm", "output": "embed_out",
             "attn_qkv": "attention.query_key_value", "attn_output": "attention.dense", **MLP_4H}
    hf_class = "GPTNeoXForCausalLM"

    def more_config(self):
        head_dim = self.key("embedding_length") // self.key("attention.head_count")
        return {"layer_norm_eps": self.key("attention.layer_norm_epsilon"), "hidden_act": "gelu_new",
                "rotary_pct": self.key("rope.dimension_count") / head_dim, "rotary_emb_base": 10000,
                "use_parallel_residual": self.key("use_parallel_residual")}

    def add(self, prefix, base, suffix, shape, values):
        if base == "attn_qkv":
            values = interleaved_heads(values, self.key("attention.head_count"))
        super().add(prefix, base, suffix, shape, values)


class StableLm(Writer):
    hf_class = "StableLmForCausalLM"

    def more_config(self):
        head_dim = self.key("embedding_length") // self.key("attention.head_count")
        return {"layer_norm_eps": self.key("attention.layer_norm_epsilon"), "hidden_act": "silu",
                "rope_theta": self.key("rope.freq_base"), "partial_rotary_factor": self.key("rope.dimension_count") / head_dim,
                "use_parallel_residual": self.key("use_parallel_residual")}


class Starcoder2(Writer):
    names = {**LLAMA, "ffn_up": "mlp.c_fc", "ffn_down": "mlp.c_proj"}
    hf_class = "Starcoder2ForCausalLM"

    def more_config(self):
        return {"norm_epsilon": self.key("attention.layer_norm_epsilon"), "hidden_act": "gelu_pytorch_tanh",
                "rope_theta": self.key("rope.freq_base")}


class Phi2(Writer):
    names = {**LLAMA, "attn_output": "self_attn.dense", "ffn_up": "mlp.fc1", "ffn_down": "mlp.fc2",
             "output_norm": "model.final_layernorm"}
    hf_class = "PhiForCausalLM"

    def more_config(self):
        head_dim = self.key("embedding_length") // self.key("attention.head_count")
        return {"layer_norm_eps": self.key("attention.layer_norm_epsilon"), "hidden_act": "gelu_new",
                "partial_rotary_factor": self.key("rope.dimension_count") / head_dim}


class Cohere(Writer):
    hf_class = "CohereForCausalLM"

    def more_config(self):
        return {"layer_norm_eps": self.key("attention.layer_norm_epsilon"), "hidden_act": "silu",
                "rope_theta": self.key("rope.freq_base"), "logit_scale": self.key("logit_scale")}


class Cohere2(Cohere):
    hf_class = "Cohere2ForCausalLM"

    def more_config(self):
        return {**super().more_config(), "sliding_window": self.key("attention.sliding_window"), "sliding_window_pattern": 4}


class DeepSeek(Writer):
    names = {**LLAMA, "attn_q": "self_attn.q_proj", "attn_q_a": "self_attn.q_a_proj", "attn_q_a_norm": "self_attn.q_a_layernorm",
             "attn_q_b": "self_attn.q_b_proj", "attn_kv_a_mqa": "self_attn.kv_a_proj_with_mqa",
             "attn_kv_a_norm": "self_attn.kv_a_layernorm", "ffn_gate_inp": "mlp.gate", "ffn_gate_shexp": "mlp.shared_experts.gate_proj",
             "ffn_up_shexp": "mlp.shared_experts.up_proj", "ffn_down_shexp": "mlp.shared_experts.down_proj"}
    experts = {"ffn_gate_exps": "gate_proj", "ffn_up_exps": "up_proj", "ffn_down_exps": "down_proj"}

    def __init__(self, twin):
        super().__init__(twin)
        self.is_v3 = self.key("expert_gating_func", 1) == 2
        self.hf_class = "DeepseekV3ForCausalLM" if self.is_v3 else "DeepseekV2ForCausalLM"

    def more_config(self):
        rope = self.key("rope.dimension_count")
        config = {"rms_norm_eps": self.key("attention.layer_norm_rms_epsilon"), "hidden_act": "silu",
                  "rope_theta": self.key("rope.freq_base"), "q_lora_rank": self.key("attention.q_lora_rank"),
                  "kv_lora_rank": self.key("attention.kv_lora_rank"), "qk_rope_head_dim": rope,
                  "qk_nope_head_dim": self.key("attention.key_length_mla") - rope, "v_head_dim": self.key("attention.value_length_mla"),
                  "num_key_value_heads": self.key("attention.head_count"), "n_routed_experts": self.key("expert_count"),
                  "num_experts_per_tok": self.key("expert_used_count"), "moe_intermediate_size": self.key("expert_feed_forward_length"),
                  "n_shared_experts": self.key("expert_shared_count"), "first_k_dense_replace": self.key("leading_dense_block_count"),
                  "routed_scaling_factor": self.key("expert_weights_scale"), "norm_topk_prob": self.key("expert_weights_norm", False),
                  "scoring_func": "sigmoid" if self.is_v3 else "softmax", "topk_method": "noaux_tc" if self.is_v3 else "greedy"}
        if self.is_v3:
            config |= {"n_group": self.key("expert_group_count"), "topk_group": self.key("expert_group_used_count")}
        if self.key("rope.scaling.type") == "yarn":
            scale = 10 * self.key("rope.scaling.yarn_log_multiplier")
            config["rope_scaling"] = {"type": "yarn", "factor": self.key("rope.scaling.factor"), "mscale": scale, "mscale_all_dim": scale,
                                      "original_max_position_embeddings": self.key("rope.scaling.original_context_length"),
                                      "beta_fast": 32, "beta_slow": 1}
        return config

    def add(self, prefix, base, suffix, shape, values):
        if base in self.experts:
            n = shape[1] * shape[2]
            for e in range(shape[0]):
                self.tensors[f"{prefix}mlp.experts.{e}.{self.experts[base]}.weight"] = (shape[1:], values[e * n:(e + 1) * n])
        elif base == "exp_probs_b":
            self.tensors[prefix + "mlp.gate.e_score_correction_bias"] = (shape, values)
        elif base == "attn_k_b":
            self.k_b = (shape, values)
        elif base == "attn_v_b":
            self.tensors[prefix + "self_attn.kv_b_proj.weight"] = self.joined(shape, values)
        else:
            super().add(prefix, base, suffix, shape, values)

    def joined(self, v_shape, v_b):
        """Rows of each head: those of k, transposed, then those of v."""
        (heads, rank, nope), k_b = self.k_b
        rows = array.array("f")
        for head in range(heads):
            for channel in range(nope):
                rows.extend(k_b[(head * rank + r) * nope + channel] for r in range(rank))
            n = v_shape[1] * rank
            rows.extend(v_b[head * n:(head + 1) * n])
        return [heads * (nope + v_shape[1]), rank], rows


WRITERS = {"falcon": Falcon, "gptneox": GptNeoX, "gptneox-seq": GptNeoX, "stablelm": StableLm, "starcoder2": Starcoder2, "phi2": Phi2,
           "command-r": Cohere, "cohere2": Cohere2, "deepseek2": DeepSeek, "deepseek2-v2": DeepSeek}
