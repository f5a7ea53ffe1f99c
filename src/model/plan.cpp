// make_plan: the layers of a spec as steps. Which tensors a checkpoint has (fused or not, biases) is asked by name.
#include "model/plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "model/plan_builder.h"

namespace llorch {
namespace {

/// One layer on its way into the plan.
struct LayerPlan {
  PlanBuilder& b;
  const LayerSpec& l;
  int layer;
  std::string prefix;  // "blk.0."

  int dim() const { return b.spec().dim; }
  int q_width() const { return l.n_heads * l.head_dim; }
  int kv_width() const { return l.n_kv_heads * l.head_dim; }
  /// What attention and feed-forward read.
  Slot input() const { return l.pre_norms ? Slot::xn : Slot::x; }
  void add(Op op, std::string_view role) const { b.add(std::move(op), layer, role); }

  /// The rows [first, first + rows) of a fused tensor where the checkpoint has it fused, else the tensor `own`.
  Module part(const std::string& own, const std::string& fused, int first, int all_rows) const {
    const bool is_fused = !b.has(prefix + own + ".weight") && b.has(prefix + fused + ".weight");
    return is_fused ? Module{prefix + fused, first, all_rows} : Module{prefix + own};
  }

  void qk_norm(const char* name, Slot slot, int heads, std::string_view role) const;
  void queries_keys_values() const;
  void latent_queries_keys() const;
  void attend() const;
  void attention() const;
  void gate_and_up() const;
  void experts() const;
  void add_output(const std::string& base, Slot in, int cols, const std::string& post_norm,
                  std::string_view role) const;
  void build() const;
};

void LayerPlan::qk_norm(const char* name, Slot slot, int heads, std::string_view role) const {
  const bool row = l.qk_norm == QkNorm::row;
  const bool own = l.qk_norm == QkNorm::own_head;
  const int width = heads * l.head_dim;
  const std::string weight = prefix + name + ".weight";
  const WeightId id = own ? b.shaped(weight, {heads, l.head_dim}, true) : b.vector(weight, row ? width : l.head_dim);
  add(NormOp{.kind = b.spec().norm,
             .weight = id,
             .eps = b.spec().norm_eps,
             .groups = row ? 1 : heads,
             .own_weights = own,
             .width = width,
             .row = width,
             .in = slot,
             .out = slot},
      role);
}

void LayerPlan::queries_keys_values() const {
  const int q = q_width();
  const int kv = kv_width();
  const int all = q + 2 * kv;
  b.linear(part("attn_q", "attn_qkv", 0, all), input(), dim(), Slot::q, q, layer, "attn.q");
  b.linear(part("attn_k", "attn_qkv", q, all), input(), dim(), Slot::k, kv, layer, "attn.k");
  b.linear(part("attn_v", "attn_qkv", q + kv, all), input(), dim(), Slot::v, kv, layer, "attn.v");
  if (l.qk_norm != QkNorm::none) {
    qk_norm("attn_q_norm", Slot::q, l.n_heads, "attn.q_norm");
    qk_norm("attn_k_norm", Slot::k, l.n_kv_heads, "attn.k_norm");
  }
}

/// Latent attention in its absorbed form: k is [normed latent; rotated part], shared by all heads, and its latent is
/// the value too. A head's q is taken into the latent space by its k_b: q' = [k_b q_nope; q_rope].
void LayerPlan::latent_queries_keys() const {
  const int rope = l.rope.dims;
  const int nope = l.mla.nope_dim;
  const int rank = l.mla.kv_rank;
  const int head = nope + rope;
  const auto eps = b.spec().norm_eps;
  Slot from = input();
  int cols = dim();
  WeightId q_b = kNoWeight;
  if (l.mla.q_rank > 0) {
    cols = l.mla.q_rank;
    from = Slot::q_a;
    b.linear({prefix + "attn_q_a"}, input(), dim(), Slot::q_a, cols, layer, "attn.q_a");
    const WeightId norm = b.vector(prefix + "attn_q_a_norm.weight", cols);
    add(NormOp{.weight = norm, .eps = eps, .width = cols, .row = cols, .in = Slot::q_a, .out = Slot::q_a},
        "attn.q_a_norm");
    q_b = b.matrix({prefix + "attn_q_b"}, l.n_heads * head, cols);
  } else {
    q_b = b.matrix({prefix + "attn_q"}, l.n_heads * head, cols);
  }
  const HeadPlace q_from{.slot = from, .row = cols};
  const HeadPlace q_nope{.slot = Slot::heads, .row = l.n_heads * nope, .step = nope};
  const HeadPlace q_latent{.slot = Slot::q, .row = q_width(), .step = l.head_dim};
  const HeadPlace q_rope{.slot = Slot::q, .row = q_width(), .begin = rank, .step = l.head_dim};
  b.widen(Slot::heads, l.n_heads * std::max(nope, l.mla.v_dim));
  b.widen(Slot::q, q_width());
  add(HeadsLinearOp{.weight = q_b, .n_heads = l.n_heads, .rows = nope, .w_step = head, .in = q_from, .out = q_nope},
      "attn.q_nope");
  add(HeadsLinearOp{.weight = q_b,
                    .n_heads = l.n_heads,
                    .rows = rope,
                    .w_begin = nope,
                    .w_step = head,
                    .in = q_from,
                    .out = q_rope},
      "attn.q_rope");
  add(HeadsLinearOp{.weight = b.shaped(prefix + "attn_k_b.weight", {l.n_heads, rank, nope}),
                    .n_heads = l.n_heads,
                    .rows = rank,
                    .w_step = rank,
                    .in = q_nope,
                    .out = q_latent},
      "attn.k_b");
  b.linear({prefix + "attn_kv_a_mqa"}, input(), dim(), Slot::k, kv_width(), layer, "attn.kv_a");
  const WeightId norm = b.vector(prefix + "attn_kv_a_norm.weight", rank);
  add(NormOp{.weight = norm, .eps = eps, .width = rank, .row = kv_width(), .in = Slot::k, .out = Slot::k},
      "attn.kv_a_norm");
}

void LayerPlan::attend() const {
  b.widen(Slot::att, q_width());
  add(RopeStoreOp{.n_heads = l.n_heads,
                  .n_kv_heads = l.n_kv_heads,
                  .head_dim = l.head_dim,
                  .kv_group = l.kv_group,
                  .v = l.mla.kv_rank > 0 ? Slot::k : Slot::v,
                  .rope = l.rope},
      "attn.rope");
  add(AttendOp{.n_heads = l.n_heads,
               .n_kv_heads = l.n_kv_heads,
               .head_dim = l.head_dim,
               .kv_group = l.kv_group,
               .window = l.window,
               .scale = l.attn_scale,
               .softcap = l.attn_softcap,
               .sinks = l.sinks ? b.vector(prefix + "attn_sinks.weight", l.n_heads) : kNoWeight,
               .v_is_k = l.mla.kv_rank > 0},
      "attn.attend");
}

/// Up to the heads' outputs; nothing is added to x yet.
void LayerPlan::attention() const {
  if (l.mla.kv_rank == 0) {
    queries_keys_values();
    attend();
    return;
  }
  latent_queries_keys();
  attend();
  const HeadPlace from{.slot = Slot::att, .row = q_width(), .step = l.head_dim};
  const HeadPlace to{.slot = Slot::heads, .row = l.n_heads * l.mla.v_dim, .step = l.mla.v_dim};
  add(HeadsLinearOp{.weight = b.shaped(prefix + "attn_v_b.weight", {l.n_heads, l.mla.v_dim, l.mla.kv_rank}),
                    .n_heads = l.n_heads,
                    .rows = l.mla.v_dim,
                    .w_step = l.mla.v_dim,
                    .in = from,
                    .out = to},
      "attn.v_b");
}

void LayerPlan::gate_and_up() const {
  const int ff = l.ff_dim;
  if (l.gated) {
    const bool fused = !b.has(prefix + "ffn_gate.weight");  // phi3: ffn_up has the gate's rows, then its own
    const Module gate = fused ? Module{prefix + "ffn_up", 0, 2 * ff} : Module{prefix + "ffn_gate"};
    const Module up = fused ? Module{prefix + "ffn_up", ff, 2 * ff} : Module{prefix + "ffn_up"};
    b.linear(gate, input(), dim(), Slot::gate, ff, layer, "ffn.gate");
    b.linear(up, input(), dim(), Slot::up, ff, layer, "ffn.up");
  } else {
    b.linear({prefix + "ffn_up"}, input(), dim(), Slot::gate, ff, layer, "ffn.up");
  }
  add(GateOp{.act = l.act, .gated = l.gated, .limit = l.act_limit, .alpha = l.act_alpha, .width = ff}, "ffn.act");
}

/// Reads xn and adds to x.
void LayerPlan::experts() const {
  const Moe& moe = l.moe;
  const int n = moe.n_experts;
  const int ff = moe.ff_dim;
  b.linear({prefix + "ffn_gate_inp"}, input(), dim(), Slot::route, n, layer, "ffn.router");
  const std::string select = prefix + "exp_probs_b.bias";
  add(RouteOp{.moe = moe, .select_bias = b.has(select) ? b.vector(select, n) : kNoWeight}, "ffn.route");
  const auto bias = [&](const std::string& name, int rows) {
    return b.has(name) ? b.shaped(name, {n, rows}, true) : kNoWeight;
  };
  const auto part = [&](const std::string& name, int rows, int cols) {
    return ExpertsOp::Part{.weight = b.shaped(prefix + name + ".weight", {n, rows, cols}),
                           .bias = bias(prefix + name + ".bias", rows),
                           .rows = rows,
                           .step = rows};
  };
  ExpertsOp op{.n_experts = n, .n_used = moe.n_used, .down = part("ffn_down_exps", dim(), ff)};
  if (b.has(prefix + "ffn_gate_up_exps.weight")) {
    const WeightId both = b.shaped(prefix + "ffn_gate_up_exps.weight", {n, 2 * ff, dim()});
    op.gate = {.weight = both, .rows = ff, .begin = 0, .step = 2 * ff};
    op.up = {.weight = both, .rows = ff, .begin = ff, .step = 2 * ff};
  } else {
    op.gate = part("ffn_gate_exps", ff, dim());
    op.up = part("ffn_up_exps", ff, dim());
  }
  op.act = {.act = l.act, .gated = true, .limit = l.act_limit, .alpha = l.act_alpha, .width = ff};
  op.scale = b.spec().residual_scale;
  op.in = input();
  b.widen(Slot::picks, 2 * moe.n_used);
  b.widen(Slot::order, 3 * moe.n_used);
  b.widen(Slot::gate, moe.n_used * ff);
  b.widen(Slot::up, moe.n_used * ff);
  b.widen(Slot::down, moe.n_used * dim());
  add(std::move(op), "ffn.experts");
  if (moe.shared_dim > 0) {
    b.linear({prefix + "ffn_gate_shexp"}, input(), dim(), Slot::gate, moe.shared_dim, layer, "ffn.shared_gate");
    b.linear({prefix + "ffn_up_shexp"}, input(), dim(), Slot::up, moe.shared_dim, layer, "ffn.shared_up");
    add(GateOp{.act = l.act, .gated = true, .width = moe.shared_dim}, "ffn.shared_act");
    b.linear_to_residual({prefix + "ffn_down_shexp"}, Slot::gate, moe.shared_dim, layer, "ffn.shared_down");
  }
}

/// x += product, or x += norm(product) with post-norms.
void LayerPlan::add_output(const std::string& base, Slot in, int cols, const std::string& post_norm,
                           std::string_view role) const {
  if (!l.post_norms) {
    b.linear_to_residual({prefix + base}, in, cols, layer, role);
    return;
  }
  b.linear({prefix + base}, in, cols, Slot::xn, dim(), layer, role);
  b.norm(prefix + post_norm, Slot::xn, Slot::xn, layer, "post_norm");
  add(AddOp{.in = Slot::xn, .out = Slot::x, .scale = b.spec().residual_scale}, "residual");
}

void LayerPlan::build() const {
  const auto norm = [&](const char* name, std::string_view role) {
    if (l.pre_norms) {
      b.norm(prefix + name, Slot::x, Slot::xn, layer, role);
    }
  };
  const auto [att, att_width] =
      l.mla.kv_rank > 0 ? std::pair(Slot::heads, l.n_heads * l.mla.v_dim) : std::pair(Slot::att, q_width());
  norm("attn_norm", "attn.norm");
  attention();
  if (l.residual == Residual::sequential) {
    add_output("attn_output", att, att_width, "post_attention_norm", "attn.out");
    norm("ffn_norm", "ffn.norm");
  } else if (l.residual == Residual::parallel_two_norms) {
    norm("ffn_norm", "ffn.norm");
  }
  if (l.moe.n_experts > 0) {
    experts();
  } else {
    gate_and_up();
  }
  if (l.residual != Residual::sequential) {
    add_output("attn_output", att, att_width, "post_attention_norm", "attn.out");
  }
  if (l.moe.n_experts == 0) {
    add_output("ffn_down", Slot::gate, l.ff_dim, "post_ffw_norm", "ffn.down");
  }
}

}  // namespace

Result<Plan> make_plan(const ModelSpec& spec, const WeightNames& names) {
  PlanBuilder b(spec, names);
  b.widen(Slot::x, spec.dim);
  b.widen(Slot::xn, spec.dim);
  b.add(EmbedOp{.table = b.matrix({"token_embd"}, spec.vocab, spec.dim),
                .position_table =
                    spec.learned_positions ? b.matrix({"position_embd"}, spec.max_context, spec.dim) : kNoWeight,
                .scale = spec.embed_scale},
        -1, "embed");
  for (std::size_t i = 0; i < spec.layers.size(); ++i) {
    const LayerPlan layer{b, spec.layers[i], static_cast<int>(i), fmt::format("blk.{}.", i)};
    layer.build();
    b.plan().n_kv_groups = std::max(b.plan().n_kv_groups, spec.layers[i].kv_group + 1);
  }
  b.norm("output_norm", Slot::x, Slot::xn, -1, "output.norm");
  const std::string output = b.has("output.weight") ? "output" : "token_embd";  // tied
  b.add(LogitsOp{.weight = b.matrix({output}, spec.vocab, spec.dim),
                 .bias = b.optional_bias({"output"}, spec.vocab),
                 .scale = spec.logit_scale,
                 .softcap = spec.final_softcap},
        -1, "output");
  return std::move(b.plan());
}

}  // namespace llorch
