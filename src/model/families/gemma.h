// What Gemma 1 to 3 share.
#pragma once

#include "model/families/common.h"
#include "model/family.h"

namespace llorch {

/// Embeddings times sqrt(dim), GELU by its tanh form (which Gemma 1's config.json calls "gelu").
Result<ModelSpec> read_gemma(const ModelSource& source);

/// Norms around attention and feed-forward, soft caps, and the scale 1/sqrt(query_pre_attn_scalar), which a GGUF does
/// not hold: there it is 1/sqrt(head_dim), and 1/sqrt(dim / heads) for the size that has `odd_layers` layers.
Status read_gemma2_layers(const ModelSource& source, ModelSpec& spec, std::size_t odd_layers);

/// config.json's norms are stored less one.
Built build_gemma(const FoundTensor& found);

/// Names of Gemma 2 and 3 in a Hugging Face directory.
inline constexpr NamePair kGemma2HfTensors[] = {
    {"post_attention_norm", "post_attention_layernorm"},
    {"ffn_norm", "pre_feedforward_layernorm"},
    {"post_ffw_norm", "post_feedforward_layernorm"},
};
inline constexpr NamePair kGemma2HfKeys[] = {
    {"attention.sliding_window_pattern", "sliding_window_pattern"},
};

}  // namespace llorch
