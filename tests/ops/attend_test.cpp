// attend of every table: near the reference, and the same bits for prefill and decode, however the batch is cut, the
// blocks lie and the threads are counted.
#include <gtest/gtest.h>

#include <cstring>
#include <numeric>

#include "backend/ref/kv.h"
#include "harness.h"

namespace llorch::test {
namespace {

struct Shape {
  int n_heads;
  int n_kv_heads;
  int head_dim;
  int window;
  float softcap;
  bool sinks = false;
  bool v_is_k = false;
};

/// Sequences with all their keys stored, in blocks that lie in a random order, and the queries of every position.
class Sequences {
 public:
  Sequences(const Shape& shape, const std::vector<int>& lengths, std::uint32_t block_seed, KvType type = KvType::f32)
      : shape_(shape) {
    stage_.kv_type = type;
    for (const int length : lengths) {
      max_blocks_ = std::max(max_blocks_, (length + kKvBlock - 1) / kKvBlock);
    }
    const auto n_blocks = static_cast<int>(lengths.size()) * max_blocks_ + 2;
    std::vector<std::int32_t> free(static_cast<std::size_t>(n_blocks));
    std::iota(free.begin(), free.end(), 0);
    std::shuffle(free.begin(), free.end(), std::mt19937(block_seed));
    piece_bytes_ = static_cast<std::size_t>(kv_piece_bytes(type, shape.head_dim));
    const std::size_t bytes = static_cast<std::size_t>(n_blocks * shape.n_kv_heads) * piece_bytes_;
    for (Aligned<std::byte>* kv : {&k_, &v_}) {
      *kv =
          Aligned<std::byte>(bytes);  // a slot that was never written must not be looked at: all NaN, or q8_0's scales
      std::memset(kv->data(), 0xff, bytes);
    }
    stage_.kv = {{k_.data(), shape.v_is_k ? k_.data() : v_.data(), n_blocks}};
    for (std::size_t s = 0; s < lengths.size(); ++s) {
      tables_.insert(tables_.end(), free.begin() + static_cast<std::ptrdiff_t>(s) * max_blocks_,
                     free.begin() + static_cast<std::ptrdiff_t>(s + 1) * max_blocks_);
      fill(static_cast<int>(s), lengths[s]);
      q_.push_back(random_floats(static_cast<std::size_t>(lengths[s]) * width(), static_cast<std::uint32_t>(100 + s)));
    }
    if (shape.sinks) {
      sinks_ = stage_.add_vector(random_floats(static_cast<std::size_t>(shape.n_heads), 77, 4.0F));
    }
  }

  std::size_t width() const { return static_cast<std::size_t>(shape_.n_heads * shape_.head_dim); }

  /// Attention of tokens [first, end) of each sequence, as one batch: [tokens of all, width].
  std::vector<float> run(const OpTable& table, const std::vector<Range>& parts, int n_threads) {
    std::vector<std::int32_t> tokens, positions, starts = {0}, lens;
    std::vector<float> q;
    for (std::size_t s = 0; s < parts.size(); ++s) {
      for (int p = parts[s].begin; p < parts[s].end; ++p) {
        positions.push_back(p);
        const auto begin = q_[s].begin() + static_cast<std::ptrdiff_t>(static_cast<std::size_t>(p) * width());
        q.insert(q.end(), begin, begin + static_cast<std::ptrdiff_t>(width()));
      }
      starts.push_back(static_cast<std::int32_t>(positions.size()));
      lens.push_back(parts[s].end);
    }
    tokens.assign(positions.size(), 0);
    const KvGroup group = {.kv_slots = {}, .block_table = tables_, .max_blocks = max_blocks_};
    stage_.batch = {.tokens = tokens,
                    .positions = positions,
                    .seq_starts = starts,
                    .kv_lens = lens,
                    .kv = {&group, 1},
                    .output_rows = {}};
    stage_.set_slot(Slot::q, static_cast<int>(width()), q);
    stage_.set_slot(Slot::att, static_cast<int>(width()), std::vector<float>(q.size(), NAN));
    const AttendOp op = {.n_heads = shape_.n_heads,
                         .n_kv_heads = shape_.n_kv_heads,
                         .head_dim = shape_.head_dim,
                         .kv_group = 0,
                         .window = shape_.window,
                         .scale = 1.0F / std::sqrt(static_cast<float>(shape_.head_dim)),
                         .softcap = shape_.softcap,
                         .sinks = sinks_,
                         .v_is_k = shape_.v_is_k};
    stage_.run(n_threads, [&](const Work& work) { table.attend(op, 0, work); });
    return stage_.slot(Slot::att);
  }

 private:
  void fill(int s, int length) {
    for (int p = 0; p < length; ++p) {
      const auto block = tables_[static_cast<std::size_t>(s * max_blocks_ + p / kKvBlock)];
      for (int h = 0; h < shape_.n_kv_heads; ++h) {
        const std::int64_t piece = kv_piece_index(stage_.kv[0].n_blocks, shape_.n_kv_heads, block, h);
        const std::size_t at = static_cast<std::size_t>(piece) * piece_bytes_;
        const auto seed = static_cast<std::uint32_t>((s * 1000 + p) * 16 + h);
        const auto values = random_floats(static_cast<std::size_t>(2 * shape_.head_dim), seed, 2.0F);
        ref::store_key(stage_.kv_type, values.data(), shape_.head_dim, k_.data() + at, p % kKvBlock);
        if (shape_.v_is_k) {
          continue;
        }
        ref::store_value(stage_.kv_type, values.data() + shape_.head_dim, shape_.head_dim, v_.data() + at,
                         p % kKvBlock);
      }
    }
  }

  Shape shape_;
  int max_blocks_ = 0;
  std::size_t piece_bytes_ = 0;
  Aligned<std::byte> k_, v_;           // n_blocks * n_kv_heads pieces, by kv_piece_index()
  std::vector<std::int32_t> tables_;   // [n_seqs, max_blocks]
  std::vector<std::vector<float>> q_;  // of each sequence [length, width]
  WeightId sinks_ = kNoWeight;
  Stage stage_;
};

/// A whole sequence as one batch, in every cut of `cuts`, one after the other.
std::vector<float> in_parts(Sequences& sequences, const OpTable& table, std::vector<int> cuts, int length,
                            int n_threads) {
  std::vector<float> out;
  int begin = 0;
  cuts.push_back(length);
  for (const int end : cuts) {
    if (end > begin && end <= length) {
      const auto part = sequences.run(table, {{begin, end}}, n_threads);
      out.insert(out.end(), part.begin(), part.end());
      begin = end;
    }
  }
  return out;
}

void expect_same_bits(const std::vector<float>& a, const std::vector<float>& b, const char* what) {
  ASSERT_EQ(a.size(), b.size()) << what;
  EXPECT_EQ(std::memcmp(a.data(), b.data(), a.size() * sizeof(float)), 0) << what;
}

void check_shape(const Shape& shape, int length, KvType type = KvType::f32) {
  Sequences sequences(shape, {length}, 1, type);
  Sequences elsewhere(shape, {length}, 2, type);
  const auto want = sequences.run(ref::ops(), {{0, length}}, 1);
  const float tolerance = 5e-6F * std::max(1.0F, largest_difference(want, std::vector<float>(want.size())));
  std::vector<int> one_by_one(static_cast<std::size_t>(length));
  std::iota(one_by_one.begin(), one_by_one.end(), 1);
  for (const OpTable& table : tables()) {
    SCOPED_TRACE(testing::Message() << table.name << ": " << shape.n_heads << "/" << shape.n_kv_heads << " heads of "
                                    << shape.head_dim << ", window " << shape.window << ", cap " << shape.softcap
                                    << ", length " << length << ", " << to_string(type));
    const auto whole = sequences.run(table, {{0, length}}, 1);
    EXPECT_LE(largest_difference(whole, want), tolerance);
    expect_same_bits(in_parts(sequences, table, one_by_one, length, 1), whole, "token by token");
    expect_same_bits(in_parts(sequences, table, {5, 31, 33, 64}, length, 2), whole, "in chunks, 2 threads");
    expect_same_bits(sequences.run(table, {{0, length}}, 3), whole, "3 threads");
    expect_same_bits(elsewhere.run(table, {{0, length}}, 1), whole, "other blocks");
  }
}

TEST(Attend, IsCloseToTheReferenceAndOneChainPerHead) {
  const Shape shapes[] = {{1, 1, 8, 0, 0},       {2, 1, 64, 0, 0},       {4, 2, 80, 0, 0},  {3, 3, 33, 0, 0},
                          {6, 2, 128, 0, 0},     {2, 2, 256, 0, 0},      {9, 3, 64, 40, 0}, {4, 4, 7, 1, 0},
                          {4, 1, 16, 0, 5.0F},   {2, 1, 100, 33, 30.0F}, {5, 1, 1, 32, 0},  {4, 2, 64, 8, 0, true},
                          {3, 1, 24, 0, 0, true}};
  for (const Shape& shape : shapes) {
    for (const int length : {1, 2, 31, 32, 33, 63, 64, 65, 97}) {
      check_shape(shape, length);
    }
  }
}

TEST(Attend, EveryKvType) {
  const Shape shapes[] = {
      {4, 2, 64, 0, 0},        {3, 1, 33, 0, 0},  {2, 1, 80, 40, 0}, {4, 4, 7, 0, 0},
      {4, 1, 128, 0, 0, true}, {12, 2, 64, 0, 0}, {12, 1, 64, 0, 0}};  // 6 and 12 fill the registers of AVX2 and
                                                                       // AVX-512
  for (const KvType type : {KvType::f16, KvType::q8_0}) {
    for (const Shape& shape : shapes) {
      for (const int length : {1, 33, 65, 97}) {
        check_shape(shape, length, type);
      }
    }
  }
}

/// One row a token is key and value, and many heads share it; head counts that leave odd rows to a tile.
TEST(Attend, KeysThatAreTheValues) {
  const Shape shapes[] = {
      {16, 1, 72, 0, 0, false, true}, {50, 1, 24, 0, 0, false, true}, {7, 1, 96, 33, 0, false, true}};
  for (const KvType type : {KvType::f32, KvType::f16, KvType::q8_0}) {
    for (const Shape& shape : shapes) {
      for (const int length : {1, 40, 97}) {
        check_shape(shape, length, type);
      }
    }
  }
}

/// Beyond one span of keys, where few queries are shared out span by span and many tile by tile.
TEST(Attend, SeveralSpans) {
  const Shape shapes[] = {{2, 1, 16, 0, 0}, {3, 3, 8, 300, 0}, {5, 1, 20, 0, 0, true}, {4, 1, 32, 0, 0, false, true}};
  for (const Shape& shape : shapes) {
    for (const int length : {kKvSpan - 1, kKvSpan + 1, 2 * kKvSpan + 40}) {
      check_shape(shape, length, KvType::f16);
    }
  }
}

/// A sink takes its share of the softmax and carries no value: with one key and equal logits half of v is left.
TEST(Attend, SinksTakeTheirShare) {
  Stage stage;
  alignas(64) float k[kKvBlock] = {};
  alignas(64) float v[kKvBlock] = {6.0F};
  const std::int32_t one_token[] = {0}, starts[] = {0, 1}, lens[] = {1}, block[] = {0};
  const KvGroup group = {.kv_slots = {}, .block_table = block, .max_blocks = 1};
  stage.kv = {{reinterpret_cast<std::byte*>(k), reinterpret_cast<std::byte*>(v), 1}};
  stage.batch = {.tokens = one_token, .positions = one_token, .seq_starts = starts, .kv_lens = lens, .kv = {&group, 1}};
  const AttendOp op = {.n_heads = 1, .n_kv_heads = 1, .head_dim = 1, .scale = 1.0F, .sinks = stage.add_vector({0.0F})};
  for (const OpTable& table : tables()) {
    stage.set_slot(Slot::q, 1, {1.0F});
    stage.set_slot(Slot::att, 1, {NAN});
    stage.run(1, [&](const Work& work) { table.attend(op, 0, work); });
    EXPECT_NEAR(stage.slot(Slot::att)[0], 3.0F, 1e-6F) << table.name;
  }
}

TEST(Attend, SequencesDoNotSeeEachOther) {
  const Shape shape = {4, 2, 64, 0, 0};
  Sequences sequences(shape, {40, 1, 70}, 3);
  for (const OpTable& table : tables()) {
    const std::vector<Range> parts = {{33, 40}, {0, 1}, {69, 70}};
    const auto together = sequences.run(table, parts, 2);
    std::vector<float> alone;
    for (std::size_t s = 0; s < parts.size(); ++s) {
      std::vector<Range> only = {{0, 0}, {0, 0}, {0, 0}};
      only[s] = parts[s];
      const auto part = sequences.run(table, only, 1);
      alone.insert(alone.end(), part.begin(), part.end());
    }
    expect_same_bits(together, alone, table.name);
  }
}

}  // namespace
}  // namespace llorch::test
