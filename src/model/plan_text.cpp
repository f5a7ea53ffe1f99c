// A plan as text, one step a line: for `llorch inspect` and for diffs.
#include <fmt/format.h>

#include "model/plan.h"

namespace llorch {
namespace {

struct Describe {
  const Plan& plan;

  std::string name(WeightId id) const {
    if (id == kNoWeight) {
      return "-";
    }
    const WeightDecl& w = plan.weights[static_cast<std::size_t>(id)];
    const std::int64_t n = w.is_vector ? w.cols : w.rows;
    const bool part = !w.shape.empty() && w.shape.size() < 3 && w.shape[0] != n && !(w.is_vector && w.shape.size() > 1);
    return part ? fmt::format("{}[{}:{}]", w.name, w.first_row, w.first_row + n) : w.name;
  }
  static std::string place(const HeadPlace& p) { return fmt::format("{}[{}+{}h]", to_string(p.slot), p.begin, p.step); }
  std::string act(const GateOp& o) const {
    return fmt::format("{}{}{}", to_string(o.act), o.gated ? " gated" : "",
                       o.limit > 0 ? fmt::format(" limit={} alpha={}", o.limit, o.alpha) : "");
  }

  std::string operator()(const EmbedOp& o) const {
    const std::string positions = o.position_table == kNoWeight ? "" : " + " + name(o.position_table);
    return fmt::format("{}{} scale={}", name(o.table), positions, o.scale);
  }
  std::string operator()(const NormOp& o) const {
    return fmt::format("{} -> {} {} {} bias={} groups={}{} eps={}", to_string(o.in), to_string(o.out),
                       o.kind == NormKind::rms ? "rms" : "layer", name(o.weight), name(o.bias), o.groups,
                       o.own_weights ? " own" : "", o.eps);
  }
  std::string operator()(const LinearOp& o) const {
    return fmt::format("{} -> {}{} {} bias={} scale={}", to_string(o.in), to_string(o.out), o.accumulate ? " +=" : "",
                       name(o.weight), name(o.bias), o.scale);
  }
  std::string operator()(const HeadsLinearOp& o) const {
    return fmt::format("{} -> {} {} heads={} rows={} from {}+{}h", place(o.in), place(o.out), name(o.weight), o.n_heads,
                       o.rows, o.w_begin, o.w_step);
  }
  std::string operator()(const RopeStoreOp& o) const {
    std::string rope = o.rope.kind == RopeKind::none
                           ? "none"
                           : fmt::format("{} dims={} theta={}", to_string(o.rope.kind), o.rope.dims, o.rope.theta);
    rope += o.rope.offset == 0 ? "" : fmt::format(" offset={}", o.rope.offset);
    return fmt::format("heads={}/{} head_dim={} rope: {} kv_group={}{}", o.n_heads, o.n_kv_heads, o.head_dim, rope,
                       o.kv_group, o.v == Slot::k ? " v=k" : "");
  }
  std::string operator()(const AttendOp& o) const {
    return fmt::format("heads={}/{} head_dim={} window={} scale={} softcap={}{}", o.n_heads, o.n_kv_heads, o.head_dim,
                       o.window, o.scale, o.softcap, o.sinks == kNoWeight ? "" : " sinks=" + name(o.sinks));
  }
  std::string operator()(const GateOp& o) const { return act(o); }
  std::string operator()(const RouteOp& o) const {
    const Moe& m = o.moe;
    return fmt::format("{} of {} {}{} scale={} groups={}/{} bias={}", m.n_used, m.n_experts, to_string(m.gating),
                       m.norm_chosen ? " normed" : "", m.scale, m.groups_used, m.n_groups, name(o.select_bias));
  }
  std::string operator()(const ExpertsOp& o) const {
    return fmt::format("{} -> {} += {}*{} {} {}[{}+{}e] {}[{}+{}e] {} bias={},{},{}", to_string(o.in), to_string(o.out),
                       o.n_experts, o.gate.rows, act(o.act), name(o.gate.weight), o.gate.begin, o.gate.step,
                       name(o.up.weight), o.up.begin, o.up.step, name(o.down.weight), name(o.gate.bias),
                       name(o.up.bias), name(o.down.bias));
  }
  std::string operator()(const AddOp& o) const {
    return fmt::format("{} += {} * {}", to_string(o.out), o.scale, to_string(o.in));
  }
  std::string operator()(const LogitsOp& o) const {
    return fmt::format("{} bias={} scale={} softcap={}", name(o.weight), name(o.bias), o.scale, o.softcap);
  }
};

}  // namespace

std::string_view to_string(Slot slot) {
  static constexpr std::string_view kNames[] = {"x",    "xn", "q",    "k",     "v",     "q_a",   "heads", "att",
                                                "gate", "up", "down", "route", "picks", "order", "none"};
  static_assert(std::size(kNames) == kSlots + 1);
  return kNames[static_cast<std::size_t>(slot)];
}

std::string_view op_name(const Op& op) {
  static constexpr std::string_view kNames[] = {"embed", "norm",  "linear",  "heads_linear", "rope_store", "attend",
                                                "gate",  "route", "experts", "add",          "logits"};
  static_assert(std::size(kNames) == std::variant_size_v<Op>);
  return kNames[op.index()];
}

std::string to_string(const Plan& plan) {
  std::string text;
  for (std::size_t i = 0; i < plan.steps.size(); ++i) {
    const Step& step = plan.steps[i];
    text += fmt::format("{:4} {:>3} {:<12} {:<12} {}\n", i, step.layer < 0 ? "" : std::to_string(step.layer), step.role,
                        op_name(step.op), std::visit(Describe{plan}, step.op));
  }
  return text;
}

}  // namespace llorch
