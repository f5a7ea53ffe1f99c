// ModelSpec as text, and its KV groups.
#include "model/spec.h"

#include <fmt/format.h>

#include <algorithm>

namespace llorch {
namespace {

std::string describe(const Rope& rope) {
  if (rope.kind == RopeKind::none) {
    return "none";
  }
  std::string text = fmt::format("{} dims={} theta={}", to_string(rope.kind), rope.dims, rope.theta);
  text += rope.offset == 0 ? "" : fmt::format(" offset={}", rope.offset);
  if (!rope.factors.empty()) {
    text += fmt::format(" factors=[{}..{}]", rope.factors.front(), rope.factors.back());
  }
  return rope.magnitude == 1.0F ? text : text + fmt::format(" magnitude={}", rope.magnitude);
}

std::string describe(const Moe& moe) {
  std::string text = fmt::format("{} of {} experts ff_dim={} {}{}", moe.n_used, moe.n_experts, moe.ff_dim,
                                 to_string(moe.gating), moe.norm_chosen ? " normed" : "");
  text += moe.scale == 1.0F ? "" : fmt::format(" scale={}", moe.scale);
  text += moe.n_groups == 1 ? "" : fmt::format(" groups={}/{}", moe.groups_used, moe.n_groups);
  return moe.shared_dim == 0 ? text : text + fmt::format(" shared={}", moe.shared_dim);
}

std::string attention_traits(const LayerSpec& l) {
  static constexpr std::string_view kQkNorms[] = {"", " qk_norm=head", " qk_norm=own_head", " qk_norm=row"};
  std::string text;
  text += l.window > 0 ? fmt::format(" window={}", l.window) : "";
  text += l.kv_group > 0 ? fmt::format(" kv_group={}", l.kv_group) : "";
  text += l.attn_softcap > 0 ? fmt::format(" softcap={}", l.attn_softcap) : "";
  text += kQkNorms[static_cast<std::size_t>(l.qk_norm)];
  text += l.sinks ? " sinks" : "";
  if (l.mla.kv_rank > 0) {
    text += fmt::format(" mla: q_rank={} kv_rank={} nope={} v={}", l.mla.q_rank, l.mla.kv_rank, l.mla.nope_dim,
                        l.mla.v_dim);
  }
  return text;
}

std::string describe(const LayerSpec& l) {
  static constexpr std::string_view kResiduals[] = {"", " parallel", " parallel(2 norms)"};
  std::string text =
      fmt::format("heads={} kv_heads={} head_dim={} attn_scale={}", l.n_heads, l.n_kv_heads, l.head_dim, l.attn_scale);
  text += attention_traits(l) + " rope: " + describe(l.rope) + "; ffn: ";
  text += l.moe.n_experts > 0 ? describe(l.moe) : fmt::format("ff_dim={}", l.ff_dim);
  text += fmt::format(" {}{}", l.gated ? "gated " : "", to_string(l.act));
  text += l.act_limit > 0 ? fmt::format(" limit={} alpha={}", l.act_limit, l.act_alpha) : "";
  text += l.pre_norms ? "" : " no pre-norms";
  text += l.post_norms ? " post-norms" : "";
  return text + std::string(kResiduals[static_cast<std::size_t>(l.residual)]);
}

}  // namespace

std::string_view to_string(RopeKind kind) {
  static constexpr std::string_view kNames[] = {"none", "adjacent", "half"};
  return kNames[static_cast<std::size_t>(kind)];
}

std::string_view to_string(Act act) {
  static constexpr std::string_view kNames[] = {"silu", "gelu_tanh", "gelu_erf"};
  return kNames[static_cast<std::size_t>(act)];
}

std::string_view to_string(Gating gating) {
  static constexpr std::string_view kNames[] = {"softmax", "sigmoid", "softmax_of_chosen"};
  return kNames[static_cast<std::size_t>(gating)];
}

void assign_kv_groups(ModelSpec& spec) {
  std::vector<int> windows;
  const auto sees_all = [](const LayerSpec& layer) { return layer.window == 0; };
  if (std::any_of(spec.layers.begin(), spec.layers.end(), sees_all)) {
    windows.push_back(0);
  }
  for (LayerSpec& layer : spec.layers) {
    auto found = std::find(windows.begin(), windows.end(), layer.window);
    if (found == windows.end()) {
      found = windows.insert(windows.end(), layer.window);
    }
    layer.kv_group = static_cast<int>(found - windows.begin());
  }
}

std::string to_string(const ModelSpec& spec) {
  std::string text =
      fmt::format("{}: dim={} vocab={} layers={} max_context={} norm={} eps={}{}\n", spec.architecture, spec.dim,
                  spec.vocab, spec.layers.size(), spec.max_context, spec.norm == NormKind::rms ? "rms" : "layer",
                  spec.norm_eps, spec.learned_positions ? " learned positions" : "");
  text += fmt::format("scales: embed={} residual={} logit={} final_softcap={}\n", spec.embed_scale, spec.residual_scale,
                      spec.logit_scale, spec.final_softcap);
  for (std::size_t first = 0; first < spec.layers.size();) {
    std::size_t end = first + 1;
    while (end < spec.layers.size() && spec.layers[end] == spec.layers[first]) {
      ++end;
    }
    text += fmt::format("layers {}..{}: {}\n", first, end - 1, describe(spec.layers[first]));
    first = end;
  }
  return text;
}

}  // namespace llorch
