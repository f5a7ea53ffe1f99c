// validate: ranges and consistency of a spec's numbers, before anything is sized by them.
#include <fmt/format.h>

#include <cmath>

#include "base/format.h"
#include "model/plan.h"

namespace llorch {
namespace {

constexpr std::int64_t kMaxWidth = 1 << 24;

std::string heads_fault(const LayerSpec& l) {
  if (l.n_heads < 1 || l.n_kv_heads < 1 || l.n_heads % l.n_kv_heads != 0) {
    return fmt::format("{} heads are not a multiple of {} KV heads", l.n_heads, l.n_kv_heads);
  }
  if (l.head_dim < 1 || static_cast<std::int64_t>(l.head_dim) * l.n_heads > kMaxWidth) {
    return fmt::format("head size {} with {} heads is out of range", l.head_dim, l.n_heads);
  }
  if (l.window < 0 || l.kv_group < 0) {
    return fmt::format("window {} is out of range", l.window);
  }
  if (!(l.attn_scale > 0) || !std::isfinite(l.attn_scale) || !(l.attn_softcap >= 0)) {
    return fmt::format("attention scale {} or soft cap {} is out of range", l.attn_scale, l.attn_softcap);
  }
  const Mla& m = l.mla;
  if (m.kv_rank != 0 && (m.kv_rank < 1 || m.q_rank < 0 || m.nope_dim < 1 || m.v_dim < 1 || l.n_kv_heads != 1 ||
                         l.head_dim != m.kv_rank + l.rope.dims || l.rope.offset != m.kv_rank ||
                         std::int64_t{l.n_heads} * (m.nope_dim + l.rope.dims) > kMaxWidth ||
                         std::int64_t{l.n_heads} * m.v_dim > kMaxWidth)) {
    return fmt::format("latent attention of rank {} with {} + {} channels and values of {} does not fit together",
                       m.kv_rank, m.nope_dim, l.rope.dims, m.v_dim);
  }
  return {};
}

std::string rope_fault(const LayerSpec& l) {
  const Rope& r = l.rope;
  if (r.kind != RopeKind::none && (r.dims < 2 || r.dims % 2 != 0 || r.offset < 0 || r.offset > l.head_dim - r.dims)) {
    return fmt::format("{} rope dimensions of a head size of {} must be even and between 2 and it", r.dims, l.head_dim);
  }
  if (!r.factors.empty() && r.factors.size() != static_cast<std::size_t>(r.dims / 2)) {
    return fmt::format("{} rope factors, {} are needed", r.factors.size(), r.dims / 2);
  }
  if (!std::isfinite(r.magnitude) || !(r.magnitude > 0)) {
    return fmt::format("a rope magnitude of {} is out of range", r.magnitude);
  }
  return {};
}

std::string moe_fault(const Moe& m) {
  if (m.n_experts < 1 || m.n_used < 1 || m.n_used > m.n_experts || m.ff_dim < 1 || m.shared_dim < 0 ||
      std::int64_t{m.n_used} * m.ff_dim > kMaxWidth) {
    return fmt::format("{} of {} experts with a width of {} (shared {}) is out of range", m.n_used, m.n_experts,
                       m.ff_dim, m.shared_dim);
  }
  if (m.n_groups < 1 || m.n_experts % m.n_groups != 0 || m.groups_used < 1 || m.groups_used > m.n_groups ||
      m.n_experts / m.n_groups * m.groups_used < m.n_used) {
    return fmt::format("{} of {} groups of {} experts cannot give {} of them", m.groups_used, m.n_groups, m.n_experts,
                       m.n_used);
  }
  if (!std::isfinite(m.scale) || m.scale == 0) {
    return fmt::format("a scale of {} of the experts' weights must be finite and not 0", m.scale);
  }
  return {};
}

/// First fault of one layer's numbers, or empty.
std::string layer_fault(const LayerSpec& l, int dim) {
  for (const std::string& fault : {heads_fault(l), rope_fault(l), l.moe.n_experts == 0 ? "" : moe_fault(l.moe)}) {
    if (!fault.empty()) {
      return fault;
    }
  }
  if (l.moe.n_experts == 0 && l.ff_dim < 1) {
    return fmt::format("a feed-forward width of {} is out of range", l.ff_dim);
  }
  if (std::int64_t{l.moe.n_used} * dim > kMaxWidth) {
    return fmt::format("{} experts of {} channels are out of range", l.moe.n_used, dim);
  }
  if (!(l.act_limit >= 0) || !std::isfinite(l.act_limit) || !std::isfinite(l.act_alpha)) {
    return fmt::format("an activation limit of {} is out of range", l.act_limit);
  }
  return {};
}

}  // namespace

Status validate(const ModelSpec& spec, const std::string& source) {
  const auto refuse = [&source](const std::string& what) {
    return Status(errorf(ErrorCode::model_file, "{}: {}", source, what));
  };
  if (spec.dim < 1 || spec.vocab < 1 || spec.max_context < 1 || spec.layers.empty()) {
    return refuse(fmt::format("dim {}, vocab {}, context {} and {} layers must all be at least 1", spec.dim, spec.vocab,
                              spec.max_context, spec.layers.size()));
  }
  if (!(spec.norm_eps > 0) || !std::isfinite(spec.norm_eps)) {
    return refuse(fmt::format("norm epsilon {} must be above 0 and finite", spec.norm_eps));
  }
  for (const float scale : {spec.embed_scale, spec.residual_scale, spec.logit_scale}) {
    if (!std::isfinite(scale) || scale == 0) {
      return refuse(fmt::format("a scale of {} must be finite and not 0", scale));
    }
  }
  if (!(spec.final_softcap >= 0) || !std::isfinite(spec.final_softcap)) {
    return refuse(fmt::format("a soft cap of {} of the logits is out of range", spec.final_softcap));
  }
  for (std::size_t i = 0; i < spec.layers.size(); ++i) {
    if (const std::string fault = layer_fault(spec.layers[i], spec.dim); !fault.empty()) {
      return refuse(fmt::format("layer {}: {}", i, fault));
    }
  }
  return {};
}

}  // namespace llorch
