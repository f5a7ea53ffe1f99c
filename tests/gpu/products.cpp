// linear and logits over formats, shapes and numbers of tokens.
#include <cstring>

#include "base/format.h"
#include "gpu/gpucheck.h"

namespace llorch::gpucheck {
namespace {

constexpr int kVocab = 211;

constexpr DType kTypes[] = {DType::f32,  DType::f16,    DType::bf16,   DType::q8_0, DType::q4_0,
                            DType::q4_1, DType::q5_0,   DType::q5_1,   DType::q4_k, DType::q5_k,
                            DType::q6_k, DType::iq4_nl, DType::iq4_xs, DType::mxfp4};

/// What rounding of x alone may cost: x in 8 bits where the reference has floats, in bf16, in f16.
double limit_of(DType type, Activations activations) {
  if (activations == Activations::f32 || type == DType::f32) {
    return 1e-11;
  }
  return type == DType::bf16 ? 1e-4 : type == DType::f16 ? 1e-6 : 3e-3;  // of single values too
}

/// Rows that fill tiles and that do not; each output with another of the op's options.
MemoryModel products(DType type, int cols) {
  MemoryModel model;
  model.embed(kVocab, cols);
  model.linear(type, 300, cols, Slot::x, Slot::q);
  model.linear(type, 1, cols, Slot::x, Slot::k, true);
  model.linear(type, 17, cols, Slot::x, Slot::v, true);
  model.linear(type, 300, cols, Slot::x, Slot::q, true, true);
  model.linear(type, 136, cols, Slot::x, Slot::up);
  return model;
}

Status check_product(const Options& options, Report& report, DType type, int cols, Activations activations) {
  const MemoryModel model = products(type, cols);
  const std::vector<int> counts =
      options.quick ? std::vector<int>{1, 9, 70} : std::vector<int>{1, 3, 8, 9, 20, 33, 64, 65, 130, 200};
  Sequences sequences(1, {200}, kVocab);
  const BackendOptions backend{.activations = activations};
  LL_ASSIGN(Pair pair, load_pair(options, model.plan, model, sequences.kv_shape(), backend));
  LL_ASSIGN(const std::vector<float> all, last_values(*pair.device, sequences, {{0, 200}}));
  for (const int n : counts) {
    LL_ASSIGN(const double worst, compare_steps(pair, sequences.batch({{0, n}}, false), limit_of(type, activations)));
    report.worst(fmt::format("linear {} {}", format_of(type).name, activations == Activations::f32 ? "exact" : "fast"),
                 worst);
    LL_ASSIGN(const std::vector<float> some, last_values(*pair.device, sequences, {{0, n}}));
    if (std::memcmp(some.data(), all.data(), some.size() * sizeof(float)) != 0) {
      return errorf(ErrorCode::internal, "{} tokens give other bits than 200", n);
    }
  }
  return {};
}

/// One product a head, from rows and channels that begin anywhere.
Status check_heads(const Options& options, Report& report, DType type, Activations activations) {
  MemoryModel model;
  constexpr int kHeads = 3;
  const int cols = format_of(type).block_len > 32 ? 256 : 64;
  model.embed(kVocab, kHeads * (cols + 8), Slot::q);
  const WeightId weight = model.matrix(type, kHeads * 44 + 5, cols);
  model.width(Slot::heads, kHeads * 40 + 7);
  model.step(HeadsLinearOp{.weight = weight,
                           .n_heads = kHeads,
                           .rows = 40,
                           .w_begin = 5,
                           .w_step = 44,
                           .in = {.slot = Slot::q, .row = kHeads * (cols + 8), .begin = 8, .step = cols},
                           .out = {.slot = Slot::heads, .row = kHeads * 40, .begin = 0, .step = 40}});
  Sequences sequences(1, {70}, kVocab);
  LL_ASSIGN(Pair pair, load_pair(options, model.plan, model, sequences.kv_shape(), {.activations = activations}));
  for (const int n : {1, 9, 70}) {
    LL_ASSIGN(const double worst, compare_steps(pair, sequences.batch({{0, n}}, false), limit_of(type, activations)));
    report.worst("heads_linear", worst);
  }
  return {};
}

/// The embedding and logits of chosen rows, scaled and capped.
Status check_ends(const Options& options, Report& report, DType type) {
  MemoryModel model;
  model.width(Slot::x, 256);
  model.width(Slot::xn, 256);
  model.step(EmbedOp{.table = model.matrix(type, kVocab, 256),
                     .position_table = model.matrix(type, 80, 256),
                     .scale = 1.5F,
                     .out = Slot::xn});
  model.step(
      LogitsOp{.weight = model.matrix(type, 333, 256), .bias = model.vector(333), .scale = 0.7F, .softcap = 3.0F});
  Sequences sequences(1, {70}, kVocab);
  LL_ASSIGN(Pair pair, load_pair(options, model.plan, model, sequences.kv_shape(), {}));
  for (const int n : {1, 70}) {
    LL_ASSIGN(const double worst,
              compare_steps(pair, sequences.batch({{0, n}}, true), limit_of(type, Activations::q8)));
    report.worst("embed, logits", worst);
  }
  return {};
}

}  // namespace

void check_products(const Options& options, Report& report) {
  for (const DType type : kTypes) {
    const Format& format = format_of(type);
    for (const int cols : {32, 96, 256, 320, 1056, 2048, 2304}) {
      if (cols % format.block_len != 0 || (options.quick && cols > 320)) {
        continue;
      }
      for (const Activations activations : {Activations::f32, Activations::q8}) {
        const char* how = activations == Activations::f32 ? "exact" : "fast";
        report.check(fmt::format("linear {} {} {}", format.name, cols, how),
                     [&] { return check_product(options, report, type, cols, activations); });
      }
    }
    for (const Activations activations : {Activations::f32, Activations::q8}) {
      report.check(fmt::format("heads_linear {}", format.name),
                   [&] { return check_heads(options, report, type, activations); });
    }
    report.check(fmt::format("ends {}", format.name), [&] { return check_ends(options, report, type); });
  }
}

}  // namespace llorch::gpucheck
