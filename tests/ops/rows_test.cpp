// The ops that treat each token's row alone, in every table: near the reference (rope_store to the bit), and a row's
// bits do not depend on the other rows or on the threads.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "backend/ref/kv.h"
#include "harness.h"
#include "quant/formats.h"
#include "quant/half.h"
#include "quant/sample_blocks.h"

namespace llorch::test {
namespace {

using RunOp = std::function<void(const OpTable&, const Work&)>;

/// Rows of the slots that an op reads (and may write), [n, width] each.
struct Rows {
  Slot slot;
  int width;
  std::vector<float> values;
};

/// Runs an op on rows [first, first + n) of `inputs`, as a batch of n tokens; returns `out`.
std::vector<float> run_rows(Stage& stage, const OpTable& table, const RunOp& op, const std::vector<Rows>& inputs,
                            Slot out, int first, int n, int n_threads) {
  for (const Rows& rows : inputs) {
    const auto begin = rows.values.begin() + static_cast<std::ptrdiff_t>(first) * rows.width;
    stage.set_slot(rows.slot, rows.width, {begin, begin + static_cast<std::ptrdiff_t>(n) * rows.width});
  }
  stage.set_tokens(n);
  stage.run(n_threads, [&](const Work& work) { op(table, work); });
  return stage.slot(out);
}

/// The tolerance is relative to the larger of 1 and the reference.
void check(Stage& stage, const RunOp& op, const std::vector<Rows>& inputs, Slot out, int n, float tolerance) {
  const auto want = run_rows(stage, ref::ops(), op, inputs, out, 0, n, 1);
  for (const OpTable& table : tables()) {
    SCOPED_TRACE(table.name);
    std::vector<float> alone;
    for (int t = 0; t < n; ++t) {
      const auto row = run_rows(stage, table, op, inputs, out, t, 1, 1);
      alone.insert(alone.end(), row.begin(), row.end());
    }
    ASSERT_EQ(alone.size(), want.size());
    for (std::size_t i = 0; i < want.size(); ++i) {
      ASSERT_LE(std::fabs(alone[i] - want[i]), tolerance * std::max(1.0F, std::fabs(want[i])))
          << i << ": " << alone[i] << ", not " << want[i];
    }
    for (const int n_threads : {1, 2, 3}) {
      const auto all = run_rows(stage, table, op, inputs, out, 0, n, n_threads);
      ASSERT_EQ(std::memcmp(all.data(), alone.data(), alone.size() * sizeof(float)), 0) << n_threads << " threads";
    }
  }
}

std::vector<float> rows_of(int n, int width, std::uint32_t seed, float size = 1.0F) {
  return random_floats(static_cast<std::size_t>(n) * static_cast<std::size_t>(width), seed, size);
}

TEST(Norm, EveryKindWidthAndGroup) {
  for (const NormKind kind : {NormKind::rms, NormKind::layer}) {
    for (const int width : {1, 3, 8, 15, 16, 17, 64, 100, 256, 1000}) {
      for (const int groups : {1, 2, 3}) {
        for (const bool has_bias : {false, true}) {
          SCOPED_TRACE(testing::Message() << "width " << width << " groups " << groups << " bias " << has_bias);
          Stage stage;
          const bool in_place = groups == 2;
          const WeightId weight = stage.add_vector(random_floats(static_cast<std::size_t>(width), 3));
          const WeightId bias = stage.add_vector(random_floats(static_cast<std::size_t>(width), 4));
          const NormOp op = {.kind = kind,
                             .weight = weight,
                             .bias = has_bias ? bias : kNoWeight,
                             .eps = 1e-5F,
                             .groups = groups,
                             .in = Slot::x,
                             .out = in_place ? Slot::x : Slot::xn};
          const int row = width * groups;
          check(
              stage, [&](const OpTable& table, const Work& work) { table.norm(op, work); },
              {{Slot::x, row, rows_of(5, row, 9, 3.0F)}, {Slot::xn, row, rows_of(5, row, 10)}}, op.out, 5, 4e-6F);
        }
      }
    }
  }
}

/// Heads with weights of their own, in a row that is longer than what is normed.
TEST(Norm, OwnWeightsAndLongerRows) {
  for (const int head_dim : {1, 7, 16, 33}) {
    Stage stage;
    const int width = 3 * head_dim;
    const NormOp op = {.weight = stage.add_vector(random_floats(static_cast<std::size_t>(width), 3)),
                       .eps = 1e-5F,
                       .groups = 3,
                       .own_weights = true,
                       .width = width,
                       .row = width + 5,
                       .in = Slot::q,
                       .out = Slot::q};
    check(
        stage, [&](const OpTable& table, const Work& work) { table.norm(op, work); },
        {{Slot::q, width + 5, rows_of(5, width + 5, 9, 3.0F)}}, Slot::q, 5, 4e-6F);
  }
}

TEST(Gate, Clamped) {
  Stage stage;
  const GateOp op = {.gated = true, .limit = 7, .alpha = 1.702F};
  check(
      stage,
      [&](const OpTable& table, const Work& work) {
        table.gate(op, work.slot(Slot::gate), work.slot(Slot::up),
                   std::int64_t{work.batch->n_tokens()} * work.plan->width(Slot::gate), work);
      },
      {{Slot::gate, 37, rows_of(7, 37, 1, 20)}, {Slot::up, 37, rows_of(7, 37, 2, 20)}}, Slot::gate, 7, 2e-6F);
}

TEST(Gate, EveryActivationAndWidth) {
  for (const Act act : {Act::silu, Act::gelu_tanh, Act::gelu_erf}) {
    for (const bool gated : {true, false}) {
      for (const int width : {1, 3, 8, 15, 17, 64, 100}) {
        for (const float size : {1.0F, 30.0F}) {
          SCOPED_TRACE(testing::Message() << "width " << width << " size " << size << " gated " << gated);
          Stage stage;
          const GateOp op = {.act = act, .gated = gated};
          check(
              stage,
              [&](const OpTable& table, const Work& work) {
                table.gate(op, work.slot(Slot::gate), work.slot(Slot::up),
                           std::int64_t{work.batch->n_tokens()} * work.plan->width(Slot::gate), work);
              },
              {{Slot::gate, width, rows_of(7, width, 1, size)}, {Slot::up, width, rows_of(7, width, 2)}}, Slot::gate, 7,
              2e-6F);
        }
      }
    }
  }
}

TEST(Add, EveryWidth) {
  for (const int width : {1, 7, 16, 65}) {
    Stage stage;
    const AddOp op = {.in = Slot::xn, .out = Slot::x, .scale = 0.3F};
    check(
        stage, [&](const OpTable& table, const Work& work) { table.add(op, work); },
        {{Slot::x, width, rows_of(6, width, 1)}, {Slot::xn, width, rows_of(6, width, 2)}}, Slot::x, 6, 1e-6F);
  }
}

/// A table of 21 rows, more than a panel has, and what a batch reads of it.
struct Embedding {
  static constexpr int kRows = 21;

  explicit Embedding(const Format& format) : width(format.block_len * 3) {
    const auto values = rows_of(kRows, width, 8);
    bytes = sample_blocks(format, values);
    std::vector<float> decoded(values.size());
    format.decode(bytes.data(), decoded.data(), kRows * width / format.block_len);
    for (const std::int32_t token : tokens) {
      for (int i = 0; i < width; ++i) {
        want.push_back(decoded[static_cast<std::size_t>(token * width + i)] * op.scale);
      }
    }
    stage.weights.vectors.emplace_back();
    stage.weights.matrices.push_back({format.type, kRows, width, bytes_of(format, width), bytes.data(), "embedding"});
  }

  void check(const OpTable& table) {
    for (const int n_threads : {1, 2, 3}) {
      stage.set_slot(Slot::x, width, std::vector<float>(want.size(), NAN));
      stage.set_tokens(static_cast<int>(tokens.size()));
      stage.batch.tokens = tokens;
      stage.run(n_threads, [&](const Work& work) { table.embed(op, work); });
      EXPECT_EQ(stage.slot(Slot::x), want) << table.name;
    }
  }

  int width;
  std::vector<std::byte> bytes;
  EmbedOp op = {.table = 0, .scale = 2.0F};
  std::vector<std::int32_t> tokens = {3, 0, 20, 2, 2, 16, 15, 8};
  std::vector<float> want;  // of the decoded table, to the bit
  Stage stage;
};

TEST(Embed, EveryFormat) {
  for (const Format& format : formats()) {
    SCOPED_TRACE(format.name);
    for (const OpTable& table : tables()) {
      Embedding(format).check(table);
    }
  }
}

TEST(Embed, EveryPackedFormat) {
  for (const OpTable& table : packing_tables()) {
    int n_formats = 0;
    for (const Format& format : formats()) {
      SCOPED_TRACE(format.name);
      Embedding embedding(format);
      const MatrixView& w = embedding.stage.weights.matrices[0];
      const Packed packed(table, w);
      if (packed.data() != nullptr) {
        embedding.stage.weights.packed = {{packed.data(), row_bytes_packed(table, w)}};
        embedding.stage.weights.unpack_row = table.unpack_row;
        embedding.stage.weights.matrices[0].data = nullptr;  // nothing may read it
        embedding.check(table);
        ++n_formats;
      }
    }
    EXPECT_EQ(n_formats, 14) << table.name;
  }
}

struct Stored {
  std::vector<float> q;
  std::vector<std::byte> k, v;  // the whole cache
  bool operator==(const Stored&) const = default;
};

/// rope_store of 6 tokens at positions 30..35: across the end of a block. Not all their values are numbers.
Stored rope_store(const OpTable& table, const RopeStoreOp& op, int n_threads, KvType type) {
  constexpr int kBlocks = kKvRun + 3;
  Stage stage;
  std::vector<std::int32_t> tokens(6, 0), positions, slots;
  for (int t = 0; t < 6; ++t) {
    positions.push_back(30 + t);
    slots.push_back((t < 2 ? kBlocks - 1 : 0) * kKvBlock + (30 + t) % kKvBlock);
  }
  const auto n_bytes = static_cast<std::size_t>(kBlocks * op.n_kv_heads * kv_piece_bytes(type, op.head_dim));
  Stored out = {{}, std::vector<std::byte>(n_bytes), std::vector<std::byte>(n_bytes)};
  const KvGroup group = {.kv_slots = slots, .block_table = {}, .max_blocks = 0};
  stage.batch.tokens = tokens;
  stage.batch.positions = positions;
  stage.batch.kv = {&group, 1};
  stage.kv = {{out.k.data(), op.v == Slot::k ? out.k.data() : out.v.data(), kBlocks}};
  stage.kv_type = type;
  const int q_width = op.n_heads * op.head_dim;
  const int kv_width = op.n_kv_heads * op.head_dim;
  std::vector<float> k = rows_of(6, kv_width, 2);
  std::vector<float> v = rows_of(6, kv_width, 3);
  k[static_cast<std::size_t>(3 * kv_width)] = INFINITY;
  v[static_cast<std::size_t>(4 * kv_width + 1)] = NAN;
  std::fill_n(v.begin() + 5 * kv_width, op.head_dim, 1e-38F);
  stage.set_slot(Slot::q, q_width, rows_of(6, q_width, 1));
  stage.set_slot(Slot::k, kv_width, k);
  stage.set_slot(Slot::v, kv_width, v);
  stage.run(n_threads, [&](const Work& work) { table.rope_store(op, 0, work); });
  out.q = stage.slot(Slot::q);
  return out;
}

/// Every table gives the reference's bits: one sequence's KV is the same whichever of them wrote it.
void check_rope_store(const RopeStoreOp& op, KvType type) {
  SCOPED_TRACE(testing::Message() << static_cast<int>(op.rope.kind) << " " << op.head_dim << " " << op.rope.dims << " "
                                  << to_string(type));
  const Stored want = rope_store(ref::ops(), op, 1, type);
  for (const OpTable& table : tables()) {
    for (const int n_threads : {1, 2, 3}) {
      EXPECT_EQ(rope_store(table, op, n_threads, type), want) << table.name << " " << n_threads;
    }
  }
}

TEST(RopeStore, EveryKindAndKvType) {
  for (const RopeKind kind : {RopeKind::none, RopeKind::adjacent, RopeKind::half}) {
    for (const int head_dim : {8, 20, 64, 80}) {
      RopeStoreOp op = {.n_heads = 4, .n_kv_heads = 2, .head_dim = head_dim, .kv_group = 0, .rope = {}};
      op.rope.kind = kind;
      op.rope.dims = head_dim == 80 ? 40 : head_dim;
      for (const int offset : {0, head_dim - op.rope.dims}) {
        op.rope.offset = offset;
        for (const KvType type : {KvType::f32, KvType::f16, KvType::q8_0}) {
          check_rope_store(op, type);
        }
      }
    }
  }
}

TEST(RopeStore, KeysThatAreTheValues) {
  RopeStoreOp op = {.n_heads = 4, .n_kv_heads = 1, .head_dim = 72, .kv_group = 0, .v = Slot::k, .rope = {}};
  op.rope = {.kind = RopeKind::adjacent, .dims = 8, .offset = 64, .factors = {}};
  for (const KvType type : {KvType::f32, KvType::f16, KvType::q8_0}) {
    check_rope_store(op, type);
  }
}

/// What a type makes of values[d].
float kept(KvType type, const std::vector<float>& values, std::size_t d) {
  if (type == KvType::f32) {
    return values[d];
  }
  if (type == KvType::f16) {
    return f16_to_f32(f32_to_f16(values[d]));
  }
  float largest = 0;
  for (std::size_t i = d / 32 * 32; i < std::min(values.size(), d / 32 * 32 + 32); ++i) {
    largest = std::max(largest, std::fabs(values[i]));
  }
  return f16_to_f32(f32_to_f16(largest / 127.0F)) * std::nearbyint(values[d] * (127.0F / largest));
}

TEST(Kv, StoresAndLoads) {
  const auto values = rows_of(1, 40, 9);
  std::vector<float> bad = values;
  bad[33] = NAN;
  std::vector<float> back(40);
  for (const KvType type : {KvType::f32, KvType::f16, KvType::q8_0}) {
    for (const bool is_key : {true, false}) {
      const auto store = is_key ? ref::store_key : ref::store_value;
      const auto load = is_key ? ref::load_key : ref::load_value;
      const Aligned<std::byte> piece(static_cast<std::size_t>(kv_piece_bytes(type, 40)));
      for (int slot = 0; slot < kKvBlock; ++slot) {
        store(type, slot % 2 == 0 ? values.data() : bad.data(), 40, piece.data(), slot);
      }
      load(type, piece.data(), 40, 8, back.data());
      for (std::size_t d = 0; d < 40; ++d) {
        EXPECT_EQ(back[d], kept(type, values, d)) << d;
      }
      load(type, piece.data(), 40, 31, back.data());
      EXPECT_TRUE(std::isnan(back[33]));
      EXPECT_EQ(back[0], kept(type, values, 0));
    }
  }
}

}  // namespace
}  // namespace llorch::test
