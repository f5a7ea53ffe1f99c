// route and experts: kinds of gating, formats, numbers of tokens; a token's bits are its own.
#include <cstring>

#include "base/format.h"
#include "gpu/gpucheck.h"

namespace llorch::gpucheck {
namespace {

constexpr int kVocab = 301;

struct Shape {
  int n_experts, n_used, dim, ff;
  Gating gating = Gating::softmax;
  bool norm_chosen = false;
  int n_groups = 1;
  int groups_used = 1;
  bool select_bias = false;
};

MemoryModel experts(const Shape& s, DType type) {
  MemoryModel model;
  model.embed(kVocab, s.dim, Slot::xn);
  model.step(EmbedOp{.table = model.matrix(DType::f32, kVocab, s.dim, 1.0F), .out = Slot::x});
  model.width(Slot::x, s.dim);
  model.linear(DType::f32, s.n_experts, s.dim, Slot::xn, Slot::route);
  const Moe moe{.n_experts = s.n_experts,
                .n_used = s.n_used,
                .ff_dim = s.ff,
                .n_groups = s.n_groups,
                .groups_used = s.groups_used,
                .gating = s.gating,
                .norm_chosen = s.norm_chosen,
                .scale = 1.3F};
  model.width(Slot::picks, 2 * s.n_used);
  model.width(Slot::order, 3 * s.n_used);
  model.width(Slot::gate, s.n_used * s.ff);
  model.width(Slot::up, s.n_used * s.ff);
  model.width(Slot::down, s.n_used * s.dim);
  model.step(RouteOp{.moe = moe, .select_bias = s.select_bias ? model.vector(s.n_experts) : kNoWeight});
  const auto part = [&](int rows, int cols, int begin, int step) {
    return ExpertsOp::Part{.weight = model.matrix(type, s.n_experts * step, cols),
                           .bias = model.vector(s.n_experts * rows),
                           .rows = rows,
                           .begin = begin,
                           .step = step};
  };
  ExpertsOp op{.n_experts = s.n_experts, .n_used = s.n_used, .scale = 0.5F};
  op.gate = part(s.ff, s.dim, 0, s.ff);
  op.up = part(s.ff, s.dim, 3, s.ff + 5);
  op.down = part(s.dim, s.ff, 0, s.dim);
  model.step(op);
  model.step(AddOp{.in = Slot::xn, .out = Slot::x, .scale = 0.1F});  // what is looked at last: each token's row
  return model;
}

Status check_shape(const Options& options, Report& report, const Shape& s, DType type, Activations activations) {
  const MemoryModel model = experts(s, type);
  Sequences sequences(1, {300}, kVocab);
  LL_ASSIGN(Pair pair, load_pair(options, model.plan, model, sequences.kv_shape(), {.activations = activations}));
  const bool exact = activations == Activations::f32 || type == DType::f32;
  const double limit = exact ? 1e-9 : type == DType::bf16 || type == DType::f16 ? 3e-5 : 2e-3;
  LL_ASSIGN(const std::vector<float> all, last_values(*pair.device, sequences, {{0, 300}}));

  for (const int n : {1, 2, 9, 300}) {
    LL_ASSIGN(const double worst, compare_steps(pair, sequences.batch({{0, n}}, false), limit));
    report.worst(exact ? "experts exact" : "experts fast", worst);
    LL_ASSIGN(const std::vector<float> some, last_values(*pair.device, sequences, {{0, n}}));
    if (std::memcmp(some.data(), all.data(), some.size() * sizeof(float)) != 0) {
      return errorf(ErrorCode::internal, "{} tokens give other bits than 300", n);
    }
  }

  return {};
}

}  // namespace

void check_experts(const Options& options, Report& report) {
  const Shape shapes[] = {
      {.n_experts = 8, .n_used = 2, .dim = 256, .ff = 256, .norm_chosen = true},
      {.n_experts = 1, .n_used = 1, .dim = 256, .ff = 512},
      {.n_experts = 128, .n_used = 8, .dim = 256, .ff = 256, .gating = Gating::softmax_of_chosen},
      {.n_experts = 64,
       .n_used = 6,
       .dim = 256,
       .ff = 256,
       .gating = Gating::sigmoid,
       .norm_chosen = true,
       .n_groups = 8,
       .groups_used = 3,
       .select_bias = true},
  };
  for (const Shape& s : shapes) {
    for (const DType type : {DType::f32, DType::bf16, DType::q8_0, DType::q4_k, DType::q6_k, DType::mxfp4}) {
      for (const Activations activations : {Activations::f32, Activations::q8}) {
        report.check(fmt::format("experts {} of {} {}", s.n_used, s.n_experts, format_of(type).name),
                     [&] { return check_shape(options, report, s, type, activations); });
      }
    }
  }
}

}  // namespace llorch::gpucheck
