#include "model/plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

#include "base/format.h"

namespace llorch {
namespace {

/// Collects steps and weight declarations; a weight asked for twice (tied embeddings) is declared once.
class PlanBuilder {
 public:
  PlanBuilder(const ModelSpec& spec, const WeightNames& names) : names_(&names) { plan_.spec = spec; }

  WeightId matrix(const std::string& name, std::int64_t rows, std::int64_t cols) {
    return declare({.name = name, .rows = rows, .cols = cols, .is_vector = false});
  }
  WeightId vector(const std::string& name, std::int64_t cols) {
    return declare({.name = name, .rows = 1, .cols = cols, .is_vector = true});
  }
  WeightId optional_vector(const std::string& name, std::int64_t cols) {
    return names_->has(name) ? vector(name, cols) : kNoWeight;
  }
  bool has(std::string_view name) const { return names_->has(name); }

  void add(Op op, int layer, std::string_view role) { plan_.steps.push_back({std::move(op), layer, role}); }
  /// A linear with its optional bias: `base` + ".weight" and ".bias".
  void linear(const std::string& base, Slot in, Slot out, int layer, std::string_view role) {
    add(LinearOp{.weight = matrix(base + ".weight", plan_.width(out), plan_.width(in)),
                 .bias = optional_vector(base + ".bias", plan_.width(out)),
                 .in = in,
                 .out = out},
        layer, role);
  }
  /// The same, added to the residual stream.
  void linear_to_residual(const std::string& base, Slot in, int layer, std::string_view role) {
    linear(base, in, Slot::x, layer, role);
    auto& op = std::get<LinearOp>(plan_.steps.back().op);
    op.accumulate = true;
    op.scale = plan_.spec.residual_scale;
  }
  void norm(const std::string& base, int layer, std::string_view role) {
    add(NormOp{.kind = plan_.spec.norm,
               .weight = vector(base + ".weight", plan_.spec.dim),
               .bias = optional_vector(base + ".bias", plan_.spec.dim),
               .eps = plan_.spec.norm_eps,
               .in = Slot::x,
               .out = Slot::xn},
        layer, role);
  }
  void widen(Slot slot, int width) {
    auto& w = plan_.widths[static_cast<std::size_t>(slot)];
    w = std::max(w, width);
  }
  Plan& plan() { return plan_; }

 private:
  WeightId declare(WeightDecl decl) {
    const auto [entry, is_new] = ids_.try_emplace(decl.name, static_cast<WeightId>(plan_.weights.size()));
    if (is_new) {
      plan_.weights.push_back(std::move(decl));
    }
    return entry->second;
  }

  const WeightNames* names_;
  Plan plan_;
  std::map<std::string, WeightId> ids_;
};

/// Slot widths are those of the first layer: make_plan refuses layers that differ.
void set_widths(PlanBuilder& b, const LayerSpec& layer) {
  b.widen(Slot::x, b.plan().spec.dim);
  b.widen(Slot::xn, b.plan().spec.dim);
  b.widen(Slot::q, layer.n_heads * layer.head_dim);
  b.widen(Slot::k, layer.n_kv_heads * layer.head_dim);
  b.widen(Slot::v, layer.n_kv_heads * layer.head_dim);
  b.widen(Slot::att, layer.n_heads * layer.head_dim);
  b.widen(Slot::gate, layer.ff_dim);
  b.widen(Slot::up, layer.ff_dim);
}

void add_attention(PlanBuilder& b, const LayerSpec& l, const std::string& prefix, int layer) {
  b.norm(prefix + "attn_norm", layer, "attn.norm");
  b.linear(prefix + "attn_q", Slot::xn, Slot::q, layer, "attn.q");
  b.linear(prefix + "attn_k", Slot::xn, Slot::k, layer, "attn.k");
  b.linear(prefix + "attn_v", Slot::xn, Slot::v, layer, "attn.v");
  b.add(RopeStoreOp{.n_heads = l.n_heads,
                    .n_kv_heads = l.n_kv_heads,
                    .head_dim = l.head_dim,
                    .kv_group = l.kv_group,
                    .rope = l.rope},
        layer, "attn.rope");
  b.add(AttendOp{.n_heads = l.n_heads,
                 .n_kv_heads = l.n_kv_heads,
                 .head_dim = l.head_dim,
                 .kv_group = l.kv_group,
                 .window = l.window,
                 .scale = l.attn_scale,
                 .softcap = l.attn_softcap},
        layer, "attn.attend");
  b.linear_to_residual(prefix + "attn_output", Slot::att, layer, "attn.out");
}

void add_feed_forward(PlanBuilder& b, const LayerSpec& l, const std::string& prefix, int layer) {
  b.norm(prefix + "ffn_norm", layer, "ffn.norm");
  if (l.gated) {
    b.linear(prefix + "ffn_gate", Slot::xn, Slot::gate, layer, "ffn.gate");
    b.linear(prefix + "ffn_up", Slot::xn, Slot::up, layer, "ffn.up");
  } else {
    b.linear(prefix + "ffn_up", Slot::xn, Slot::gate, layer, "ffn.up");
  }
  b.add(GateOp{.act = l.act, .gated = l.gated}, layer, "ffn.act");
  b.linear_to_residual(prefix + "ffn_down", Slot::gate, layer, "ffn.down");
}

bool same_shape(const LayerSpec& a, const LayerSpec& b) {
  return a.n_heads == b.n_heads && a.n_kv_heads == b.n_kv_heads && a.head_dim == b.head_dim && a.ff_dim == b.ff_dim;
}

std::string describe_op(const Op& op, const Plan& plan) {
  const auto weight = [&plan](WeightId id) {
    return id == kNoWeight ? std::string("-") : plan.weights[static_cast<std::size_t>(id)].name;
  };
  struct Visitor {
    const decltype(weight)& name;
    std::string operator()(const EmbedOp& o) { return fmt::format("{} scale={}", name(o.table), o.scale); }
    std::string operator()(const NormOp& o) {
      return fmt::format("{} -> {} {} groups={} eps={}", to_string(o.in), to_string(o.out), name(o.weight), o.groups,
                         o.eps);
    }
    std::string operator()(const LinearOp& o) {
      return fmt::format("{} -> {}{} {} bias={} scale={}", to_string(o.in), to_string(o.out), o.accumulate ? " +=" : "",
                         name(o.weight), name(o.bias), o.scale);
    }
    std::string operator()(const RopeStoreOp& o) {
      return fmt::format("heads={}/{} head_dim={} rope_dims={} theta={} kv_group={}", o.n_heads, o.n_kv_heads,
                         o.head_dim, o.rope.dims, o.rope.theta, o.kv_group);
    }
    std::string operator()(const AttendOp& o) {
      return fmt::format("heads={}/{} head_dim={} window={} scale={} softcap={}", o.n_heads, o.n_kv_heads, o.head_dim,
                         o.window, o.scale, o.softcap);
    }
    std::string operator()(const GateOp& o) {
      return fmt::format("{}{}", o.act == Act::silu ? "silu" : "gelu_tanh", o.gated ? " gated" : "");
    }
    std::string operator()(const AddOp& o) {
      return fmt::format("{} += {} * {}", to_string(o.out), o.scale, to_string(o.in));
    }
    std::string operator()(const LogitsOp& o) {
      return fmt::format("{} bias={} scale={} softcap={}", name(o.weight), name(o.bias), o.scale, o.softcap);
    }
  };
  return std::visit(Visitor{weight}, op);
}

/// First fault of one layer's numbers, or empty.
std::string layer_fault(const LayerSpec& l) {
  if (l.n_heads < 1 || l.n_kv_heads < 1 || l.n_heads % l.n_kv_heads != 0) {
    return fmt::format("{} heads are not a multiple of {} KV heads", l.n_heads, l.n_kv_heads);
  }
  if (l.head_dim < 1 || static_cast<std::int64_t>(l.head_dim) * l.n_heads > (1 << 24)) {
    return fmt::format("head size {} with {} heads is out of range", l.head_dim, l.n_heads);
  }
  if (l.rope.kind != RopeKind::none && (l.rope.dims < 2 || l.rope.dims > l.head_dim || l.rope.dims % 2 != 0)) {
    return fmt::format("{} rope dimensions of a head size of {} must be even and between 2 and it", l.rope.dims,
                       l.head_dim);
  }
  if (!l.rope.factors.empty() && l.rope.factors.size() != static_cast<std::size_t>(l.rope.dims / 2)) {
    return fmt::format("{} rope factors, {} are needed", l.rope.factors.size(), l.rope.dims / 2);
  }
  if (l.window < 0 || l.ff_dim < 1 || l.kv_group < 0) {
    return fmt::format("window {} or ff_dim {} is out of range", l.window, l.ff_dim);
  }
  if (!(l.attn_scale > 0) || !std::isfinite(l.attn_scale) || !(l.attn_softcap >= 0)) {
    return fmt::format("attention scale {} or soft cap {} is out of range", l.attn_scale, l.attn_softcap);
  }
  return {};
}

}  // namespace

std::string_view to_string(Slot slot) {
  static constexpr std::string_view kNames[] = {"x", "xn", "q", "k", "v", "att", "gate", "up", "none"};
  return kNames[static_cast<std::size_t>(slot)];
}

std::string_view op_name(const Op& op) {
  static constexpr std::string_view kNames[] = {"embed",  "norm", "linear", "rope_store",
                                                "attend", "gate", "add",    "logits"};
  static_assert(std::size(kNames) == std::variant_size_v<Op>);
  return kNames[op.index()];
}

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
  for (std::size_t i = 0; i < spec.layers.size(); ++i) {
    if (const std::string fault = layer_fault(spec.layers[i]); !fault.empty()) {
      return refuse(fmt::format("layer {}: {}", i, fault));
    }
  }
  return {};
}

Result<Plan> make_plan(const ModelSpec& spec, const WeightNames& names) {
  PlanBuilder b(spec, names);
  set_widths(b, spec.layers.front());
  b.add(EmbedOp{.table = b.matrix("token_embd.weight", spec.vocab, spec.dim), .scale = spec.embed_scale}, -1, "embed");
  for (std::size_t i = 0; i < spec.layers.size(); ++i) {
    const LayerSpec& layer = spec.layers[i];
    if (!same_shape(layer, spec.layers.front())) {
      return errorf(ErrorCode::model_file, "layer {} has other head or feed-forward sizes than layer 0", i);
    }
    const std::string prefix = fmt::format("blk.{}.", i);
    add_attention(b, layer, prefix, static_cast<int>(i));
    add_feed_forward(b, layer, prefix, static_cast<int>(i));
    b.plan().n_kv_groups = std::max(b.plan().n_kv_groups, layer.kv_group + 1);
  }
  b.norm("output_norm", -1, "output.norm");
  const bool tied = !b.has("output.weight");
  b.add(LogitsOp{.weight = b.matrix(tied ? "token_embd.weight" : "output.weight", spec.vocab, spec.dim),
                 .bias = b.optional_vector("output.bias", spec.vocab),
                 .scale = spec.logit_scale,
                 .softcap = spec.final_softcap},
        -1, "output");
  return std::move(b.plan());
}

std::string to_string(const Plan& plan) {
  std::string text;
  for (std::size_t i = 0; i < plan.steps.size(); ++i) {
    const Step& step = plan.steps[i];
    text += fmt::format("{:4} {:>3} {:<12} {:<10} {}\n", i, step.layer < 0 ? "" : std::to_string(step.layer), step.role,
                        op_name(step.op), describe_op(step.op, plan));
  }
  return text;
}

}  // namespace llorch
