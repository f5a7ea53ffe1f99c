// norm, gate and add over kinds and widths.
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
  report.check("gate limit", [&] { return check_gate(options, report, {.limit = 1.5F, .alpha = 1.702F}); });
}

}  // namespace llorch::gpucheck
