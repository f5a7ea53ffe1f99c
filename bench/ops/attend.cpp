// attend, by type of the KV cache: one token after a long context, and the last chunk of it.
#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "backend/ref/kv.h"
#include "ops/benches.h"

namespace llorch::bench {
namespace {

/// The cache of one sequence whose blocks lie in order, layer after layer, so that a token finds none of it in a cache
/// of the processor.
class Cache {
 public:
  static Result<Cache> make(const Settings& s, KvType type) {
    Cache cache;
    const int n_blocks = (s.context + kKvBlock - 1) / kKvBlock;
    const std::int64_t n_pieces = std::int64_t{n_blocks} * s.n_kv_heads;
    const std::int64_t layer_bytes = n_pieces * kv_piece_bytes(type, s.head_dim);  // of k, or of v
    const std::int64_t n_layers = std::max<std::int64_t>(1, s.memory_bytes() / (2 * layer_bytes));
    LL_ASSIGN(cache.buffer_, cpu::Buffer::make(static_cast<std::size_t>(2 * layer_bytes * n_layers), "the KV cache"));
    std::byte* const first = cache.buffer_.bytes().data();
    fill(type, s.head_dim, n_pieces, first, first + layer_bytes);
    for (std::int64_t layer = 0; layer < n_layers; ++layer) {
      std::byte* k = first + 2 * layer * layer_bytes;
      if (layer > 0) {
        std::copy_n(first, 2 * layer_bytes, k);
      }
      cache.layers_.push_back({k, k + layer_bytes, n_blocks});
    }
    cache.block_table_.resize(static_cast<std::size_t>(n_blocks));
    std::iota(cache.block_table_.begin(), cache.block_table_.end(), 0);
    return cache;
  }

  std::span<const KvLayer> layers() const { return layers_; }
  KvGroup group() const {
    return {.kv_slots = {}, .block_table = block_table_, .max_blocks = static_cast<int>(block_table_.size())};
  }

 private:
  static void fill(KvType type, int head_dim, std::int64_t n_pieces, std::byte* k, std::byte* v) {
    const std::vector<float> values = random_floats(static_cast<std::size_t>(head_dim) * kKvBlock, 1);
    for (std::int64_t i = 0; i < n_pieces; ++i) {
      for (int slot = 0; slot < kKvBlock; ++slot) {
        const float* row = values.data() + static_cast<std::ptrdiff_t>((slot + i) % kKvBlock) * head_dim;
        ref::store_key(type, row, head_dim, k + i * kv_piece_bytes(type, head_dim), slot);
        ref::store_value(type, row, head_dim, v + i * kv_piece_bytes(type, head_dim), slot);
      }
    }
  }

  cpu::Buffer buffer_;
  std::vector<KvLayer> layers_;
  std::vector<std::int32_t> block_table_;
};

Status measure(const OpTable& table, const Cache& cache, KvType type, int n_tokens, const Settings& s, Machine& machine,
               Report& report) {
  const auto width = static_cast<std::size_t>(s.n_heads) * static_cast<std::size_t>(s.head_dim);
  const std::size_t floats = width * static_cast<std::size_t>(n_tokens);
  LL_ASSIGN(const cpu::Buffer q, cpu::Buffer::make(floats * sizeof(float), "q"));
  LL_ASSIGN(const cpu::Buffer att, cpu::Buffer::make(floats * sizeof(float), "att"));
  const std::vector<float> values = random_floats(floats, 2);
  std::copy(values.begin(), values.end(), q.floats());
  std::vector<std::int32_t> positions(static_cast<std::size_t>(n_tokens));
  std::iota(positions.begin(), positions.end(), s.context - n_tokens);
  const std::int32_t starts[] = {0, n_tokens}, lens[] = {s.context};
  const KvGroup group = cache.group();
  const Batch batch = {
      .tokens = positions, .positions = positions, .seq_starts = starts, .kv_lens = lens, .kv = {&group, 1}};
  const AttendOp op = {.n_heads = s.n_heads, .n_kv_heads = s.n_kv_heads, .head_dim = s.head_dim, .scale = 0.125F};
  const HostWeights weights;
  const Plan plan;
  Work work;
  work.plan = &plan;
  work.weights = &weights;
  work.batch = &batch;
  work.slots[static_cast<std::size_t>(Slot::q)] = q.floats();
  work.slots[static_cast<std::size_t>(Slot::att)] = att.floats();
  work.kv = cache.layers();
  work.kv_type = type;
  std::size_t layer = 0;
  const Timing timing = machine.time(
      work, [&](const Work& own) { table.attend(op, static_cast<int>(layer), own); },
      [&] { layer = (layer + 1) % cache.layers().size(); });
  report.add({.op = "attend",
              .table = table.name,
              .what = fmt::format("{:<4} {}/{} x {}, {} of {}", to_string(type), s.n_heads, s.n_kv_heads, s.head_dim,
                                  n_tokens, s.context),
              .facts = {{"kv_type", to_string(type)},
                        {"heads", s.n_heads},
                        {"kv_heads", s.n_kv_heads},
                        {"head_dim", s.head_dim},
                        {"tokens", n_tokens},
                        {"context", s.context}},
              .timing = timing,
              .cost = cost(op, plan, batch, {}, type)});
  return {};
}

}  // namespace

Status bench_attend(const Settings& settings, Machine& machine, Report& report) {
  for (const KvType type : settings.kv_types) {
    LL_ASSIGN(const Cache cache, Cache::make(settings, type));
    for (const OpTable& table : settings.tables) {
      LL_TRY(measure(table, cache, type, 1, settings, machine, report));
      LL_TRY(measure(table, cache, type, settings.chunk, settings, machine, report));
    }
  }
  return {};
}

}  // namespace llorch::bench
