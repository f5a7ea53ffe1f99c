// rope_store and attend: shapes, windows, sinks, caps; whole prompts, chunks and single tokens give the same bits.
#include <cmath>
#include <cstring>

#include "base/format.h"
#include "gpu/gpucheck.h"

namespace llorch::gpucheck {
namespace {

constexpr int kVocab = 151;
constexpr int kDim = 32;

struct Shape {
  int n_heads, n_kv_heads, head_dim;
  int window = 0;
  float softcap = 0;
  bool sinks = false;
  bool v_is_k = false;
  RopeKind rope = RopeKind::half;
  int length = 200;
};

MemoryModel attention(const Shape& s) {
  MemoryModel model;
  model.embed(kVocab, kDim);
  model.linear(DType::f32, s.n_heads * s.head_dim, kDim, Slot::x, Slot::q);
  model.linear(DType::f32, s.n_kv_heads * s.head_dim, kDim, Slot::x, Slot::k);
  model.linear(DType::f32, s.n_kv_heads * s.head_dim, kDim, Slot::x, Slot::v);
  model.width(Slot::att, s.n_heads * s.head_dim);
  Rope rope{.kind = s.rope, .dims = s.head_dim / 2 / 2 * 2, .offset = s.head_dim % 4, .theta = 5000, .magnitude = 1.1F};
  if (rope.dims == 0) {
    rope = {};
  }
  model.step(RopeStoreOp{.n_heads = s.n_heads,
                         .n_kv_heads = s.n_kv_heads,
                         .head_dim = s.head_dim,
                         .v = s.v_is_k ? Slot::k : Slot::v,
                         .rope = rope},
             0);
  model.step(AttendOp{.n_heads = s.n_heads,
                      .n_kv_heads = s.n_kv_heads,
                      .head_dim = s.head_dim,
                      .window = s.window,
                      .scale = 1.0F / std::sqrt(static_cast<float>(s.head_dim)),
                      .softcap = s.softcap,
                      .sinks = s.sinks ? model.vector(s.n_heads, 4.0F) : kNoWeight,
                      .v_is_k = s.v_is_k},
             0);
  return model;
}

/// The sequence of `length` tokens, cut at `cuts`: what attention leaves for each token.
Result<std::vector<float>> in_parts(Backend& backend, Sequences& sequences, int length, const std::vector<int>& cuts) {
  std::vector<float> all;
  int begin = 0;
  for (std::size_t i = 0; i <= cuts.size(); ++i) {
    const int end = i < cuts.size() ? cuts[i] : length;
    LL_ASSIGN(const std::vector<float> part, last_values(backend, sequences, {{begin, end}, {0, 0}, {0, 0}}));
    all.insert(all.end(), part.begin(), part.end());
    begin = end;
  }
  return all;
}

Status same(const std::vector<float>& a, const std::vector<float>& b, const char* what) {
  if (a.size() != b.size() || std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) != 0) {
    return errorf(ErrorCode::internal, "{} give other bits", what);
  }
  return {};
}

Status check_shape(const Options& options, Report& report, const Shape& s, KvType kv_type) {
  const MemoryModel model = attention(s);
  Sequences sequences(1, {s.length, 40, 70}, kVocab);
  Sequences elsewhere(1, {s.length, 40, 70}, kVocab, 9);
  const BackendOptions backend{.kv_type = kv_type};
  LL_ASSIGN(Pair pair,
            load_pair(options, model.plan, model, sequences.kv_shape(std::max(512, s.length + 110)), backend));
  const double limit = kv_type == KvType::f32 ? 1e-9 : 2e-6;
  LL_ASSIGN(const double worst, compare_steps(pair, sequences.batch({{0, s.length}, {0, 0}, {0, 0}}, false), limit));
  report.worst(kv_type == KvType::f32 ? "attention f32" : "attention f16", worst);
  LL_ASSIGN(const std::vector<float> whole, in_parts(*pair.device, sequences, s.length, {}));
  LL_ASSIGN(const std::vector<float> chunks, in_parts(*pair.device, sequences, s.length, {5, 31, 33, 64, 65, 66, 130}));
  LL_TRY(same(whole, chunks, "chunks"));
  LL_ASSIGN(const std::vector<float> moved, in_parts(*pair.device, elsewhere, s.length, {}));
  LL_TRY(same(whole, moved, "other blocks"));
  // The last tokens, with others in the batch.
  LL_ASSIGN(const std::vector<float> before,
            last_values(*pair.device, sequences, {{0, s.length - 3}, {0, 39}, {0, 68}}));
  LL_ASSIGN(const std::vector<float> mixed,
            last_values(*pair.device, sequences, {{s.length - 3, s.length - 2}, {39, 40}, {68, 70}}));
  const auto width = static_cast<std::size_t>(s.n_heads * s.head_dim);
  const auto at = whole.begin() + static_cast<std::ptrdiff_t>(width) * (s.length - 3);
  return same({mixed.begin(), mixed.begin() + static_cast<std::ptrdiff_t>(width)},
              {at, at + static_cast<std::ptrdiff_t>(width)}, "other sequences");
}

}  // namespace

void check_attention(const Options& options, Report& report) {
  const Shape shapes[] = {
      {.n_heads = 4, .n_kv_heads = 2, .head_dim = 64},
      {.n_heads = 8, .n_kv_heads = 2, .head_dim = 128, .length = 700},
      {.n_heads = 2, .n_kv_heads = 1, .head_dim = 104, .length = 600},
      {.n_heads = 32, .n_kv_heads = 8, .head_dim = 128, .length = 1100},
      {.n_heads = 3, .n_kv_heads = 3, .head_dim = 80, .rope = RopeKind::adjacent},
      {.n_heads = 6, .n_kv_heads = 1, .head_dim = 96, .window = 40},
      {.n_heads = 2, .n_kv_heads = 1, .head_dim = 256, .softcap = 30.0F, .length = 600},
      {.n_heads = 8, .n_kv_heads = 4, .head_dim = 256, .window = 100, .length = 600},
      {.n_heads = 71, .n_kv_heads = 1, .head_dim = 64},
      {.n_heads = 4, .n_kv_heads = 2, .head_dim = 64, .window = 8, .sinks = true, .length = 600},
      {.n_heads = 4, .n_kv_heads = 4, .head_dim = 24, .softcap = 5.0F, .sinks = true},
      {.n_heads = 4, .n_kv_heads = 1, .head_dim = 576, .v_is_k = true},
      {.n_heads = 2, .n_kv_heads = 2, .head_dim = 7},
      {.n_heads = 5, .n_kv_heads = 1, .head_dim = 1, .window = 32, .rope = RopeKind::none},
      {.n_heads = 4, .n_kv_heads = 4, .head_dim = 112, .rope = RopeKind::none},
  };
  for (const Shape& s : shapes) {
    for (const KvType kv_type : {KvType::f32, KvType::f16}) {
      report.check(fmt::format("attend {}/{} heads of {}, window {}, {}", s.n_heads, s.n_kv_heads, s.head_dim, s.window,
                               to_string(kv_type)),
                   [&] { return check_shape(options, report, s, kv_type); });
    }
  }
}

}  // namespace llorch::gpucheck
