// DeepSeek V2 and V3: latent attention, dense layers first, then experts in groups with shared ones.
#include <algorithm>
#include <cmath>

#include "model/families/common.h"
#include "model/families/list.h"
#include "model/rope.h"

namespace llorch {
namespace {

constexpr NamePair kGgufTensors[] = {  // older files hold k_b and v_b in one
    {"attn_k_b", "attn_k_b"},
    {"attn_k_b", "attn_kv_b"},
    {"attn_v_b", "attn_v_b"},
    {"attn_v_b", "attn_kv_b"}};
constexpr NamePair kHfKeys[] = {
    {"attention.q_lora_rank", "q_lora_rank"},
    {"attention.kv_lora_rank", "kv_lora_rank"},
    {"rope.dimension_count", "qk_rope_head_dim"},
    {"attention.nope_dim", "qk_nope_head_dim"},
    {"attention.value_length_mla", "v_head_dim"},
    {"expert_count", "n_routed_experts"},
    {"expert_feed_forward_length", "moe_intermediate_size"},
    {"expert_shared_count", "n_shared_experts"},
    {"expert_weights_scale", "routed_scaling_factor"},
    {"expert_weights_norm", "norm_topk_prob"},
    {"expert_group_count", "n_group"},
    {"expert_group_used_count", "topk_group"},
    {"leading_dense_block_count", "first_k_dense_replace"},
};
constexpr NamePair kHfTensors[] = {
    {"attn_q_a", "self_attn.q_a_proj"},
    {"attn_q_a_norm", "self_attn.q_a_layernorm"},
    {"attn_q_b", "self_attn.q_b_proj"},
    {"attn_kv_a_mqa", "self_attn.kv_a_proj_with_mqa"},
    {"attn_kv_a_norm", "self_attn.kv_a_layernorm"},
    {"attn_k_b", "self_attn.kv_b_proj"},
    {"attn_v_b", "self_attn.kv_b_proj"},
    {"exp_probs_b.bias", "mlp.gate.e_score_correction_bias"},
    {"ffn_gate_shexp", "mlp.shared_experts.gate_proj"},
    {"ffn_up_shexp", "mlp.shared_experts.up_proj"},
    {"ffn_down_shexp", "mlp.shared_experts.down_proj"},
};
constexpr std::string_view kHfClasses[] = {"DeepseekV2ForCausalLM", "DeepseekV3ForCausalLM"};
constexpr int kMax = 1 << 16;

Status read_latent_attention(const ModelSource& source, LayerSpec& l) {
  LL_ASSIGN(l.n_heads, source.integer("attention.head_count", 1, kMax));
  l.n_kv_heads = 1;
  LL_ASSIGN(l.mla.kv_rank, source.integer("attention.kv_lora_rank", 1, kMax));
  LL_ASSIGN(l.mla.q_rank, source.integer_or("attention.q_lora_rank", 0, 0, kMax));
  LL_ASSIGN(const int rope_dims, source.integer("rope.dimension_count", 1, kMax));
  const bool is_new = source.has_key("attention.key_length_mla");
  if (source.is_hf()) {
    LL_ASSIGN(l.mla.nope_dim, source.integer("attention.nope_dim", 1, kMax));
  } else {
    const char* key = is_new ? "attention.key_length_mla" : "attention.key_length";
    LL_ASSIGN(const int head, source.integer(key, 1, kMax));
    if (head <= rope_dims) {
      return source.refuse(key, "must be above the channels that rotate");
    }
    l.mla.nope_dim = head - rope_dims;
  }
  LL_ASSIGN(
      l.mla.v_dim,
      source.integer(source.is_hf() || is_new ? "attention.value_length_mla" : "attention.value_length", 1, kMax));
  LL_ASSIGN(const bool adjacent, source.metadata().boolean_or("rope_interleave", true));  // no GGUF has it
  LL_ASSIGN(l.rope, read_rope(source, adjacent ? RopeKind::adjacent : RopeKind::half, rope_dims));
  l.rope.offset = l.mla.kv_rank;
  l.head_dim = l.mla.kv_rank + rope_dims;
  if (is_new) {  // these then tell what the cache holds
    LL_TRY(source.integer_or("attention.head_count_kv", 1, 1, 1));
    LL_TRY(source.integer_or("attention.key_length", l.head_dim, l.head_dim, l.head_dim));
    LL_TRY(source.integer_or("attention.value_length", l.mla.kv_rank, l.mla.kv_rank, l.mla.kv_rank));
  }
  return {};
}

/// YaRN's magnitude moves from the angles into the scale of attention, all or in part.
Status read_attention_scale(const ModelSource& source, LayerSpec& l) {
  LL_ASSIGN(const double factor, source.number_or("rope.scaling.factor", 1, 0, 1e6));
  double all = 0;  // mscale_all_dim
  if (source.is_hf()) {
    LL_ASSIGN(all, source.number_or("rope.scaling.mscale_all_dim", 0, 0, 1e3));
  } else {
    LL_ASSIGN(const double multiplier, source.number_or("rope.scaling.yarn_log_multiplier", 0, 0, 1e3));
    all = 10 * multiplier;
    l.rope.magnitude = all > 0 ? 1.0F : l.rope.magnitude;
  }
  const double m = factor > 1 ? 0.1 * all * std::log(factor) + 1 : 1;
  l.attn_scale = static_cast<float>(m * m / std::sqrt(static_cast<double>(l.mla.nope_dim + l.rope.dims)));
  return {};
}

/// A Hugging Face directory of version 3, whose class has other defaults; its files often leave them out.
Result<bool> is_hf_v3(const ModelSource& source) {
  if (!source.is_hf()) {
    return false;
  }
  LL_ASSIGN(const auto classes, source.metadata().strings("architectures"));
  return !classes.empty() && classes.front() == kHfClasses[1];
}

Status read_gating(const ModelSource& source, bool is_v3, Moe& moe) {
  LL_ASSIGN(const int code, source.is_hf() ? Result<int>(1) : source.integer_or("expert_gating_func", 1, 1, 2));
  const std::string usual = is_v3 || code == 2 ? "sigmoid" : "softmax";
  LL_ASSIGN(const std::string name,
            source.is_hf() ? source.metadata().string_or("scoring_func", usual) : Result<std::string>(usual));
  if (name != "softmax" && name != "sigmoid") {
    return source.refuse("scoring_func", "known are softmax and sigmoid");
  }
  moe.gating = name == "sigmoid" ? Gating::sigmoid : Gating::softmax;
  if (source.is_hf()) {
    LL_ASSIGN(const std::string method, source.metadata().string_or("topk_method", is_v3 ? "noaux_tc" : "greedy"));
    if (method == "greedy") {
      moe.n_groups = moe.groups_used = 1;
    } else if (method != "group_limited_greedy" && method != "noaux_tc") {
      return source.refuse("topk_method", "known are greedy, group_limited_greedy and noaux_tc");
    }
    moe.group_best = method == "group_limited_greedy" ? 1 : 2;
  }
  return {};
}

Status read_experts(const ModelSource& source, ModelSpec& spec) {
  LL_TRY(read_moe(source, spec));
  Moe moe = spec.layers.front().moe;
  LL_ASSIGN(const int n_shared, source.integer_or("expert_shared_count", 0, 0, 1024));
  moe.shared_dim = n_shared * moe.ff_dim;
  LL_ASSIGN(const bool is_v3, is_hf_v3(source));
  LL_ASSIGN(moe.norm_chosen, source.boolean_or("expert_weights_norm", is_v3));
  LL_ASSIGN(moe.scale, read_scale(source, "expert_weights_scale", is_v3 ? 2.5 : 1));
  LL_ASSIGN(moe.n_groups, source.integer_or("expert_group_count", 1, 1, kMax));
  LL_ASSIGN(moe.groups_used, source.integer_or("expert_group_used_count", moe.n_groups, 1, kMax));
  LL_TRY(read_gating(source, is_v3, moe));
  LL_ASSIGN(const int n_dense, source.integer_or("leading_dense_block_count", 0, 0, kMax));
  for (std::size_t i = 0; i < spec.layers.size(); ++i) {
    spec.layers[i].moe = i < static_cast<std::size_t>(n_dense) || moe.n_experts == 0 ? Moe{} : moe;
  }
  return {};
}

Result<ModelSpec> deepseek2_spec(const ModelSource& source) {
  LL_ASSIGN(ModelSpec spec, read_sizes(source, NormKind::rms));
  LayerSpec layer = spec.layers.front();
  LL_TRY(read_latent_attention(source, layer));
  LL_TRY(read_attention_scale(source, layer));
  spec.layers.assign(spec.layers.size(), layer);
  LL_TRY(read_experts(source, spec));
  return spec;
}

/// k_b and v_b from one matrix whose rows are, for each head, those of k (to be transposed), then those of v.
Built build_deepseek2(const FoundTensor& found) {
  const bool is_k = found.name == "attn_k_b.weight";
  if ((!is_k && found.name != "attn_v_b.weight") || found.tensor.shape.size() != 2) {
    return std::optional<Tensor>();
  }
  const LayerSpec& l = found.spec.layers.front();
  const std::int64_t rank = l.mla.kv_rank;
  const std::int64_t nope = l.mla.nope_dim;
  const std::int64_t v = l.mla.v_dim;
  LL_TRY(expect_shape(found.tensor, {l.n_heads * (nope + v), rank}));
  return some(gathered(found.arena, found.tensor, found.decl.shape, [=](std::int64_t i) {
    if (is_k) {  // [heads, rank, nope]
      return (i / (rank * nope) * (nope + v) + i % nope) * rank + i / nope % rank;
    }
    return (i / (v * rank) * (nope + v) + nope + i / rank % v) * rank + i % rank;  // [heads, v, rank]
  }));
}

/// The cache of a file holds one row for k and v: their lengths are those of the latent, the heads' own are "_mla".
Status add_deepseek2_keys(const ModelSource& source, const ModelSpec& spec, GgufHeader& header) {
  const LayerSpec& l = spec.layers.back();  // dense layers come first
  const auto integer = [&](std::string_view key, int value) {
    header.u32(std::string("deepseek2.").append(key), static_cast<std::uint32_t>(value));
  };
  if (l.mla.q_rank > 0) {
    integer("attention.q_lora_rank", l.mla.q_rank);
  }
  integer("attention.kv_lora_rank", l.mla.kv_rank);
  integer("attention.key_length", l.head_dim);
  integer("attention.value_length", l.mla.kv_rank);
  integer("attention.key_length_mla", l.mla.nope_dim + l.rope.dims);
  integer("attention.value_length_mla", l.mla.v_dim);
  const auto is_dense = [](const LayerSpec& layer) { return layer.moe.n_experts == 0; };
  integer("leading_dense_block_count",
          static_cast<int>(std::count_if(spec.layers.begin(), spec.layers.end(), is_dense)));
  if (l.moe.n_experts > 0) {
    integer("expert_shared_count", l.moe.shared_dim / l.moe.ff_dim);
    integer("expert_group_count", l.moe.n_groups);
    integer("expert_group_used_count", l.moe.groups_used);
    integer("expert_gating_func", l.moe.gating == Gating::sigmoid ? 2 : 1);
    header.f32("deepseek2.expert_weights_scale", l.moe.scale);
    header.boolean("deepseek2.expert_weights_norm", l.moe.norm_chosen);
  }
  LL_ASSIGN(const double all, source.number_or("rope.scaling.mscale_all_dim", 0, 0, 1e3));
  if (all > 0) {
    header.f32("deepseek2.rope.scaling.yarn_log_multiplier", static_cast<float>(all / 10));
  }
  return {};
}

}  // namespace

const Family kDeepseek2{
    .names = {.architecture = "deepseek2", .gguf_tensors = kGgufTensors, .hf_keys = kHfKeys, .hf_tensors = kHfTensors},
    .hf_classes = kHfClasses,
    .spec = deepseek2_spec,
    .build = build_deepseek2,
    .gguf = {.add_keys = add_deepseek2_keys}};

}  // namespace llorch
