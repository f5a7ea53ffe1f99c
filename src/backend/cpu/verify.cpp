// verify_table: does this processor compute what this table claims? Small sums of whole numbers, where any order gives
// the same answer, through every op that has kernels. Runs in milliseconds, before a model is loaded.
#include <algorithm>
#include <cmath>
#include <string_view>
#include <vector>

#include "backend/cpu/buffer.h"
#include "backend/cpu/host_backend.h"
#include "backend/cpu/walk.h"
#include "backend/ops.h"
#include "base/format.h"
#include "quant/formats.h"
#include "quant/sample_blocks.h"

namespace llorch::cpu {
namespace {

constexpr int kRows = 37;  // no multiple of any lane count
constexpr int kCols = 512;
constexpr int kTokens = 3;
constexpr int kManyTokens = 64;  // enough for the kernels that tables keep for prompts
constexpr int kHeads = 2;
constexpr int kHeadDim = 32;
constexpr int kWidth = kHeads * kHeadDim;

/// Buffers of one small computation, and the Work that points to them.
class Bench {
 public:
  Bench(const OpTable& table, ThreadTeam& team) : table_(table), team_(team) {
    plan_.widths.fill(kWidth);
    for (auto& slot : slots_) {
      slot.resize(std::size_t{kTokens} * kWidth);
    }
    std::size_t bytes = std::max(kScratchBytes, table.scratch_bytes);
    bytes = (bytes + 63) / 64 * 64;
    scratch_bytes_ = bytes;
  }

  Status take_memory() {
    LL_ASSIGN(scratch_, Buffer::make(scratch_bytes_ * static_cast<std::size_t>(team_.size()), "scratch"));
    LL_ASSIGN(shared_, Buffer::make(std::size_t{2} * kManyTokens * kCols + 64, "shared scratch"));
    return {};
  }

  /// Runs fn(work) on every thread.
  template <class Fn>
  void run(const Batch& batch, Activations activations, Fn fn) {
    team_.run([&](int thread) {
      Work work{.plan = &plan_,
                .weights = &weights_,
                .batch = &batch,
                .kv = kv_,
                .activations = activations,
                .team = &team_,
                .thread = thread,
                .n_threads = team_.size(),
                .scratch = scratch_.bytes().subspan(static_cast<std::size_t>(thread) * scratch_bytes_, scratch_bytes_),
                .shared = shared_.bytes()};
      for (std::size_t s = 0; s < kSlots; ++s) {
        work.slots[s] = slots_[s].data();
      }
      fn(work);
    });
  }

  std::vector<float>& slot(Slot s) { return slots_[static_cast<std::size_t>(s)]; }
  const OpTable& table() const { return table_; }
  void set_kv(float* k, float* v, int n_blocks) {
    kv_.assign(1, {reinterpret_cast<std::byte*>(k), reinterpret_cast<std::byte*>(v), n_blocks});
  }

 private:
  const OpTable& table_;
  ThreadTeam& team_;
  Plan plan_;
  HostWeights weights_;
  std::vector<KvLayer> kv_;
  std::vector<float> slots_[kSlots];
  Buffer scratch_, shared_;
  std::size_t scratch_bytes_ = 0;
};

Status wrong(const OpTable& table, std::string_view op, double got, double expected) {
  return errorf(ErrorCode::device, "{}: {} gives {} where {} is right; this processor or build cannot be trusted",
                table.name, op, got, expected);
}

bool near(double got, double expected, double size) {
  return std::fabs(got - expected) <= 1e-4 * size;
}

/// The matrix in the table's layout; empty when the table has none for it.
std::vector<std::byte> packed_form(const OpTable& table, const MatrixView& w) {
  std::vector<std::byte> packed(packed_bytes(table, w));
  if (!packed.empty()) {
    table.pack(w, {0, packed_groups(table, w)}, packed.data());
  }
  return packed;
}

/// W x for one format. x is whole numbers in [-127, 127] whose blocks of 32 all reach 127, so that 8-bit activations
/// hold them exactly; the expected sums are in double, from the decoded weights.
Status verify_matmul(Bench& bench, const Format& format, Activations activations, int n_tokens) {
  std::vector<float> values(std::size_t{kRows} * kCols);
  for (std::size_t i = 0; i < values.size(); ++i) {
    values[i] = static_cast<float>(static_cast<int>(i * 7919 % 17) - 8);
  }
  const auto n_blocks = static_cast<std::int64_t>(values.size()) / format.block_len;
  const std::vector<std::byte> bytes = sample_blocks(format, values);
  format.decode(bytes.data(), values.data(), n_blocks);
  std::vector<float> x(static_cast<std::size_t>(n_tokens) * kCols);
  for (std::size_t i = 0; i < x.size(); ++i) {
    x[i] = i % 32 == 5 ? 127.0F : static_cast<float>(static_cast<int>(i * 104729 % 255) - 127);
  }
  std::vector<float> y(static_cast<std::size_t>(n_tokens) * kRows, 0.0F);
  const MatrixView w{
      .type = format.type, .rows = kRows, .cols = kCols, .row_bytes = bytes_of(format, kCols), .data = bytes.data()};
  const std::vector<std::byte> packed =
      activations == Activations::q8 ? packed_form(bench.table(), w) : std::vector<std::byte>();
  bench.run({}, activations, [&](const Work& work) {
    const std::byte* form = packed.empty() ? nullptr : packed.data();
    run_matmul(bench.table(), {.w = &w, .packed = form, .x = x.data(), .m = n_tokens, .y = y.data()}, work);
  });
  // Of many tokens every seventh output, which still meets every row and every token: a start should not take long.
  const std::size_t stride = n_tokens > kTokens ? 7 : 1;
  for (std::size_t i = 0; i < y.size(); i += stride) {
    const std::size_t row = i % kRows;
    const std::size_t token = i / kRows;
    double sum = 0;
    double size = 1;
    for (std::size_t k = 0; k < kCols; ++k) {
      const double term = static_cast<double>(values[row * kCols + k]) * static_cast<double>(x[token * kCols + k]);
      sum += term;
      size += std::fabs(term);
    }
    if (!near(static_cast<double>(y[i]), sum, size)) {
      return wrong(bench.table(), fmt::format("a product with {} weights", format.name), static_cast<double>(y[i]),
                   sum);
    }
  }
  return {};
}

/// All 3 with eps 0: the mean square is 9, so every output is 1.
Status verify_norm(Bench& bench, const Batch& batch) {
  bench.slot(Slot::x).assign(bench.slot(Slot::x).size(), 3.0F);
  bench.run(batch, Activations::f32, [&](const Work& work) { bench.table().norm({}, work); });
  for (const float value : bench.slot(Slot::xn)) {
    if (!near(static_cast<double>(value), 1.0, 1.0)) {
      return wrong(bench.table(), "a norm", static_cast<double>(value), 1.0);
    }
  }
  return {};
}

/// Equal keys give equal shares: token t sees the mean of v over positions 0..t + 32, across two shuffled blocks.
Status verify_attend(Bench& bench) {
  constexpr int kBlocks = kKvRun + 3;
  constexpr std::size_t kBlockFloats = std::size_t{kHeads} * kKvBlock * kHeadDim;
  std::vector<float> k(kBlocks * kBlockFloats, 0.5F);
  std::vector<float> v(kBlocks * kBlockFloats, 0.0F);
  const std::int32_t table[] = {kKvRun + 2, 0};
  for (int p = 0; p < 2 * kKvBlock; ++p) {
    for (std::size_t h = 0; h < kHeads; ++h) {
      const std::int64_t piece = kv_piece_index(kBlocks, kHeads, table[p / kKvBlock], static_cast<int>(h));
      const std::size_t at = static_cast<std::size_t>(piece * kKvBlock + p % kKvBlock) * kHeadDim;
      std::fill_n(v.begin() + static_cast<std::ptrdiff_t>(at), kHeadDim, static_cast<float>(p));
    }
  }
  bench.set_kv(k.data(), v.data(), kBlocks);
  bench.slot(Slot::q).assign(bench.slot(Slot::q).size(), 0.25F);
  const std::int32_t tokens[kTokens] = {}, positions[] = {32, 33, 34}, starts[] = {0, kTokens}, lens[] = {35};
  const KvGroup group{.kv_slots = {}, .block_table = table, .max_blocks = 2};
  const Batch batch{.tokens = tokens, .positions = positions, .seq_starts = starts, .kv_lens = lens, .kv = {&group, 1}};
  const AttendOp op{.n_heads = kHeads, .n_kv_heads = kHeads, .head_dim = kHeadDim, .scale = 0.125F};
  bench.run(batch, Activations::f32, [&](const Work& work) { bench.table().attend(op, 0, work); });
  for (std::size_t i = 0; i < bench.slot(Slot::att).size(); ++i) {
    const double expected = static_cast<double>(positions[i / kWidth]) / 2;
    if (!near(static_cast<double>(bench.slot(Slot::att)[i]), expected, 32.0)) {
      return wrong(bench.table(), "an attention", static_cast<double>(bench.slot(Slot::att)[i]), expected);
    }
  }
  return {};
}

/// Rotated q, and the bytes of k and v in the cache, are the reference's to the bit: 3 tokens at positions 31 to 33.
Status verify_rope_store(Bench& bench) {
  const RopeStoreOp op{.n_heads = kHeads,
                       .n_kv_heads = kHeads,
                       .head_dim = kHeadDim,
                       .rope = {.kind = RopeKind::half, .dims = kHeadDim, .factors = {}}};
  const std::int32_t tokens[kTokens] = {}, positions[] = {31, 32, 33}, slots[] = {31, 32, 33};
  const KvGroup group{.kv_slots = slots, .block_table = {}};
  const Batch batch{.tokens = tokens, .positions = positions, .kv = {&group, 1}};
  const auto stored = [&](const OpTable& table) {
    std::vector<float> k(std::size_t{2} * kWidth * kKvBlock), v(k.size());
    bench.set_kv(k.data(), v.data(), 2);
    for (const Slot slot : {Slot::q, Slot::k, Slot::v}) {
      for (std::size_t i = 0; i < bench.slot(slot).size(); ++i) {
        bench.slot(slot)[i] = static_cast<float>(i % 37) - 18;
      }
    }
    bench.run(batch, Activations::f32, [&](const Work& work) { table.rope_store(op, 0, work); });
    std::vector<float> all = bench.slot(Slot::q);
    all.insert(all.end(), k.begin(), k.end());
    all.insert(all.end(), v.begin(), v.end());
    return all;
  };
  const std::vector<float> got = stored(bench.table());
  const std::vector<float> want = stored(ref::ops());
  for (std::size_t i = 0; i < want.size(); ++i) {
    if (!(got[i] == want[i])) {
      return wrong(bench.table(), "a rotation", static_cast<double>(got[i]), static_cast<double>(want[i]));
    }
  }
  return {};
}

/// Logits 0, -1, ... -36: five are near, and the others weigh what the definition says.
Status verify_split_tokens(const OpTable& table) {
  std::vector<float> logits(kRows);
  for (std::size_t i = 0; i < logits.size(); ++i) {
    logits[i] = -static_cast<float>(i);
  }
  std::vector<std::int32_t> found(kRows), wanted(kRows);
  const SplitWeights got = table.split_tokens(logits.data(), kRows, 0, 5, found.data());
  const SplitWeights want = split_tokens(logits.data(), kRows, 0, 5, wanted.data());
  if (got.n_near != want.n_near || !std::equal(found.begin(), found.begin() + want.n_near, wanted.begin())) {
    return wrong(table, "tokens near the best", got.n_near, want.n_near);
  }
  return got.far == want.far
             ? Status()
             : wrong(table, "a sum of weights", static_cast<double>(got.far), static_cast<double>(want.far));
}

/// silu(0) * 2 = 0 and silu(40) * 2 = 80, within float.
Status verify_gate(Bench& bench, const Batch& batch) {
  bench.slot(Slot::up).assign(bench.slot(Slot::up).size(), 2.0F);
  for (const float x : {0.0F, 40.0F}) {
    bench.slot(Slot::gate).assign(bench.slot(Slot::gate).size(), x);
    bench.run(batch, Activations::f32, [&](const Work& work) {
      bench.table().gate({}, work.slot(Slot::gate), work.slot(Slot::up), std::int64_t{kTokens} * kWidth, work);
    });
    for (const float value : bench.slot(Slot::gate)) {
      if (!near(static_cast<double>(value), 2.0 * static_cast<double>(x), 80.0)) {
        return wrong(bench.table(), "a gate", static_cast<double>(value), 2.0 * static_cast<double>(x));
      }
    }
  }
  return {};
}

}  // namespace

Status verify_table(const OpTable& table, ThreadTeam& team) {
  Bench bench(table, team);
  LL_TRY(bench.take_memory());
  const std::int32_t tokens[kTokens] = {};
  const Batch rows{.tokens = tokens};
  for (const Format& format : formats()) {
    for (const int n : {kTokens, kManyTokens}) {
      LL_TRY(verify_matmul(bench, format, Activations::f32, n));
      if (table.has_q8(format.type)) {
        LL_TRY(verify_matmul(bench, format, Activations::q8, n));
      }
    }
  }
  LL_TRY(verify_norm(bench, rows));
  LL_TRY(verify_gate(bench, rows));
  LL_TRY(verify_rope_store(bench));
  LL_TRY(verify_split_tokens(table));
  return verify_attend(bench);
}

}  // namespace llorch::cpu
