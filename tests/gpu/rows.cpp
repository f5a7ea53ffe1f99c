// norm, gate and add over kinds and widths.
#include <algorithm>
#include <utility>

#include "base/format.h"
#include "gpu/gpucheck.h"

namespace llorch::gpucheck {
namespace {

constexpr int kVocab = 97;
constexpr double kLimit = 1e-11;

Status compare_plan(const Options& options, Report& report, const MemoryModel& model, const char* heading) {
  Sequences sequences(1, {33}, kVocab);
  LL_ASSIGN(Pair pair, load_pair(options, model.plan, model, sequences.kv_shape(), {}));
  for (const int n : {1, 33}) {
    LL_ASSIGN(const double worst, compare_steps(pair, sequences.batch({{0, n}}, false), kLimit));
    report.worst(heading, worst);
  }
  return {};
}

Status check_norm(const Options& options, Report& report, NormKind kind, int groups, int width, bool own) {
  MemoryModel model;
  const int row = groups * width;
  model.embed(kVocab, row);
  model.width(Slot::xn, row);
  const bool biased = kind == NormKind::layer;
  model.step(NormOp{.kind = kind,
                    .weight = model.vector(own ? row : width),
                    .bias = biased ? model.vector(width) : kNoWeight,
                    .eps = 1e-5F,
                    .groups = groups,
                    .own_weights = own});
  model.step(NormOp{.kind = kind, .eps = 1e-6F, .groups = groups, .in = Slot::x, .out = Slot::x});
  model.step(AddOp{.in = Slot::xn, .out = Slot::x, .scale = 0.3F});
  return compare_plan(options, report, model, "norm, add");
}

Status check_gate(const Options& options, Report& report, const GateOp& op) {
  MemoryModel model;
  model.embed(kVocab, 77, Slot::gate);
  model.step(EmbedOp{.table = model.matrix(DType::f32, kVocab, 77, 2.0F), .out = Slot::up});
  model.width(Slot::up, 77);
  model.step(op);
  return compare_plan(options, report, model, "gate");
}

class NoObserver : public StepObserver {
 public:
  void after(const StepOutput& /*output*/) override {}
};

struct PackedShape {
  int dim;    // of x
  int width;  // between the products
};

/// Unwatched, norm and gate pack what they compute for the products that follow; watched they do not. Both give the
/// same logits, which are also those of other numbers of tokens and near the reference's.
Status check_packed(const Options& options, Report& report, DType type, NormKind kind, PackedShape shape) {
  constexpr int kTokens = 33;
  constexpr std::size_t kLogits = 64;
  MemoryModel model;
  const int dim = shape.dim;
  const int width = shape.width;
  model.embed(kVocab, dim);
  model.width(Slot::xn, dim);
  model.step(NormOp{.kind = kind, .weight = model.vector(dim), .eps = 1e-5F});
  model.linear(type, width, dim, Slot::xn, Slot::gate);
  model.linear(type, width, dim, Slot::xn, Slot::up);
  model.step(GateOp{});
  model.linear(type, dim, width, Slot::gate, Slot::xn);
  model.step(LogitsOp{.weight = model.matrix(DType::f32, static_cast<int>(kLogits), dim)});
  Sequences sequences(1, {kTokens}, kVocab);
  LL_ASSIGN(Pair pair, load_pair(options, model.plan, model, sequences.kv_shape(), {}));
  std::vector<float> alone(kLogits);
  std::vector<float> all(kLogits * kTokens);
  std::vector<float> watched(all.size());
  LL_TRY(pair.device->run(sequences.batch({{0, 1}}, true), {}, {.logits = alone}));
  const Batch batch = sequences.batch({{0, kTokens}}, true);
  LL_TRY(pair.device->run(batch, {}, {.logits = all}));
  NoObserver observer;
  LL_TRY(pair.device->run(batch, {}, {.logits = watched}, &observer));
  if (all != watched || !std::equal(alone.begin(), alone.end(), all.begin())) {
    return errorf(ErrorCode::internal, "other bits {}", all != watched ? "than step by step" : "of one token");
  }
  // An 8-bit value of x that is rounded the other way moves by 1/127 of the largest of its block, two or three times
  // what such values are usually; a float's by 2^-8 of itself.
  LL_ASSIGN(const double worst, compare_steps(pair, batch, type == DType::q8_0 ? 3e-3 : 1e-4));
  report.worst("norm and gate before products", worst);
  return {};
}

}  // namespace

void check_rows(const Options& options, Report& report) {
  for (const NormKind kind : {NormKind::rms, NormKind::layer}) {
    for (const int width : {1, 7, 64, 256, 257, 2048, 5000}) {
      for (const int groups : {1, 3}) {
        report.check(fmt::format("norm {} x {}", groups, width),
                     [&] { return check_norm(options, report, kind, groups, width, groups > 1 && width % 2 == 0); });
      }
    }
  }
  for (const Act act : {Act::silu, Act::gelu_tanh, Act::gelu_erf}) {
    for (const bool gated : {true, false}) {
      report.check("gate", [&] { return check_gate(options, report, {.act = act, .gated = gated}); });
    }
  }
  for (const DType type : {DType::q8_0, DType::bf16, DType::f16}) {
    for (const NormKind kind : {NormKind::rms, NormKind::layer}) {
      for (const PackedShape shape : {PackedShape{256, 1088}, PackedShape{96, 160}, PackedShape{4096, 32}}) {
        if (options.quick && shape.dim > 256) {
          continue;
        }
        report.check(fmt::format("packed {} {}", format_of(type).name, shape.dim),
                     [&] { return check_packed(options, report, type, kind, shape); });
      }
    }
  }
  report.check("gate limit", [&] { return check_gate(options, report, {.limit = 1.5F, .alpha = 1.702F}); });
}

}  // namespace llorch::gpucheck
