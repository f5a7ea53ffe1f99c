// The ops that treat each token's row alone: embed, norm, gate, add, rope_store.
#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <random>

#include "ops/benches.h"
#include "quant/sample_blocks.h"

namespace llorch::bench {
namespace {

/// A batch of n tokens at positions 0..n-1 of one sequence, and the slots that an op reads and writes.
class Tokens {
 public:
  explicit Tokens(int n) : n_(n), tokens_(static_cast<std::size_t>(n)), starts_{0, n}, lens_{n} {
    std::iota(tokens_.begin(), tokens_.end(), 0);
    positions_ = tokens_;
    group_.kv_slots = positions_;
    batch.tokens = tokens_;
    batch.positions = positions_;
    batch.seq_starts = starts_;
    batch.kv_lens = lens_;
    batch.kv = {&group_, 1};
    work.plan = &plan;
    work.weights = &weights;
    work.batch = &batch;
  }
  Tokens(const Tokens&) = delete;
  Tokens& operator=(const Tokens&) = delete;

  Status add_slot(Slot slot, int width) {
    plan.widths[static_cast<std::size_t>(slot)] = width;
    const std::size_t floats = static_cast<std::size_t>(n_) * static_cast<std::size_t>(width);
    LL_ASSIGN(cpu::Buffer buffer, cpu::Buffer::make(floats * sizeof(float), "a slot"));
    work.slots[static_cast<std::size_t>(slot)] = buffer.floats();
    buffers_.push_back(std::move(buffer));
    fill(slot);
    return {};
  }
  /// With floats that are always the same.
  void fill(Slot slot) {
    const auto floats = static_cast<std::size_t>(n_) * static_cast<std::size_t>(plan.width(slot));
    const std::vector<float> values = random_floats(floats, static_cast<std::uint32_t>(slot));
    std::copy(values.begin(), values.end(), work.slot(slot));
  }
  /// Random rows of a matrix of `rows`, others each time.
  void draw_tokens(int rows) {
    for (std::int32_t& token : tokens_) {
      token = static_cast<std::int32_t>(random_() % static_cast<std::uint32_t>(rows));
    }
  }

  int n() const { return n_; }

  Plan plan;
  HostWeights weights;
  std::vector<std::int64_t> row_bytes;  // of the weights
  Batch batch;
  Work work;

 private:
  int n_;
  std::mt19937 random_{1};
  std::vector<std::int32_t> tokens_, positions_;
  std::int32_t starts_[2], lens_[1];
  KvGroup group_;
  std::vector<cpu::Buffer> buffers_;
};

Row row_of(std::string_view name, const OpTable& table, const Tokens& tokens, const Op& op, std::string what,
           nlohmann::json facts) {
  facts["tokens"] = tokens.n();
  const Cost costs = cost(op, tokens.plan, tokens.batch, tokens.row_bytes, tokens.work.kv_type);
  return {.op = name,
          .table = table.name,
          .what = fmt::format("{} x {}", what, tokens.n()),
          .facts = std::move(facts),
          .timing = {},
          .cost = costs};
}

Status embed(const OpTable& table, const Format& format, const Settings& s, Machine& machine, Report& report) {
  const std::int64_t row_bytes = bytes_of(format, s.cols);
  const auto rows = static_cast<int>(std::clamp<std::int64_t>(s.memory_bytes() / row_bytes, 1, s.vocab));
  Tokens tokens(*std::max_element(s.rows_of_x.begin(), s.rows_of_x.end()));
  LL_TRY(tokens.add_slot(Slot::x, s.cols));
  const std::vector<std::byte> row = sample_blocks(format, random_floats(static_cast<std::size_t>(s.cols), 1));
  LL_ASSIGN(const cpu::Buffer data,
            cpu::Buffer::make(static_cast<std::size_t>(rows) * static_cast<std::size_t>(row_bytes), "the embedding"));
  for (std::int64_t i = 0; i < rows; ++i) {
    std::copy(row.begin(), row.end(), data.bytes().data() + i * row_bytes);
  }
  tokens.weights.matrices = {{format.type, rows, s.cols, row_bytes, data.bytes().data(), "embedding"}};
  tokens.weights.vectors.resize(1);
  tokens.row_bytes = {row_bytes};
  const EmbedOp op = {.table = 0};
  Row out = row_of("embed", table, tokens, op, fmt::format("{:<7} [{}]", format.name, s.cols),
                   {{"format", format.name}, {"cols", s.cols}});
  out.timing = machine.time(
      tokens.work, [&](const Work& work) { table.embed(op, work); }, [&] { tokens.draw_tokens(rows); });
  report.add(out);
  return {};
}

Status norm(const OpTable& table, int n, const Settings& s, Machine& machine, Report& report) {
  Tokens tokens(n);
  LL_TRY(tokens.add_slot(Slot::x, s.cols));
  LL_TRY(tokens.add_slot(Slot::xn, s.cols));
  tokens.weights.matrices.resize(1);
  tokens.weights.vectors = {random_floats(static_cast<std::size_t>(s.cols), 1)};
  tokens.plan.weights = {{.name = "norm", .cols = s.cols, .is_vector = true, .shape = {}}};
  tokens.row_bytes = {std::int64_t{s.cols} * static_cast<std::int64_t>(sizeof(float))};
  const NormOp op = {.weight = 0, .eps = 1e-5F};
  Row out = row_of("norm", table, tokens, op, fmt::format("[{}]", s.cols), {{"cols", s.cols}});
  out.timing = machine.time(tokens.work, [&](const Work& work) { table.norm(op, work); });
  report.add(out);
  return {};
}

Status gate(const OpTable& table, int n, const Settings& s, Machine& machine, Report& report) {
  Tokens tokens(n);
  LL_TRY(tokens.add_slot(Slot::gate, s.rows));
  LL_TRY(tokens.add_slot(Slot::up, s.rows));
  const GateOp op;
  Row out = row_of("gate", table, tokens, op, fmt::format("[{}]", s.rows), {{"rows", s.rows}});
  float* values = tokens.work.slot(Slot::gate);
  const float* up = tokens.work.slot(Slot::up);
  out.timing = machine.time(
      tokens.work, [&](const Work& work) { table.gate(op, values, up, std::int64_t{n} * s.rows, work); },
      [&] { tokens.fill(Slot::gate); });  // what it writes becomes smaller from run to run
  report.add(out);
  return {};
}

Status add(const OpTable& table, int n, const Settings& s, Machine& machine, Report& report) {
  Tokens tokens(n);
  LL_TRY(tokens.add_slot(Slot::x, s.cols));
  LL_TRY(tokens.add_slot(Slot::xn, s.cols));
  const AddOp op;
  Row out = row_of("add", table, tokens, op, fmt::format("[{}]", s.cols), {{"cols", s.cols}});
  out.timing = machine.time(tokens.work, [&](const Work& work) { table.add(op, work); });
  report.add(out);
  return {};
}

Status rope_store(const OpTable& table, int n, KvType type, const Settings& s, Machine& machine, Report& report) {
  Tokens tokens(n);
  LL_TRY(tokens.add_slot(Slot::q, s.n_heads * s.head_dim));
  LL_TRY(tokens.add_slot(Slot::k, s.n_kv_heads * s.head_dim));
  LL_TRY(tokens.add_slot(Slot::v, s.n_kv_heads * s.head_dim));
  const int n_blocks = (n + kKvBlock - 1) / kKvBlock;
  const std::int64_t bytes = std::int64_t{n_blocks} * s.n_kv_heads * kv_piece_bytes(type, s.head_dim);
  LL_ASSIGN(const cpu::Buffer k, cpu::Buffer::make(static_cast<std::size_t>(bytes), "keys"));
  LL_ASSIGN(const cpu::Buffer v, cpu::Buffer::make(static_cast<std::size_t>(bytes), "values"));
  const KvLayer layer = {k.bytes().data(), v.bytes().data(), n_blocks};
  tokens.work.kv = {&layer, 1};
  tokens.work.kv_type = type;
  RopeStoreOp op = {.n_heads = s.n_heads, .n_kv_heads = s.n_kv_heads, .head_dim = s.head_dim, .rope = {}};
  op.rope.kind = RopeKind::half;
  op.rope.dims = s.head_dim;
  Row out = row_of(
      "rope_store", table, tokens, op,
      fmt::format("{:<4} {}/{} x {}", to_string(type), s.n_heads, s.n_kv_heads, s.head_dim),
      {{"kv_type", to_string(type)}, {"heads", s.n_heads}, {"kv_heads", s.n_kv_heads}, {"head_dim", s.head_dim}});
  out.timing = machine.time(tokens.work, [&](const Work& work) { table.rope_store(op, 0, work); });
  report.add(out);
  return {};
}

using OfBatch = Status (*)(const OpTable&, int n, const Settings&, Machine&, Report&);

/// For every table and every number of tokens.
Status each_batch(OfBatch bench, const Settings& settings, Machine& machine, Report& report) {
  for (const OpTable& table : settings.tables) {
    for (const int n : settings.rows_of_x) {
      LL_TRY(bench(table, n, settings, machine, report));
    }
  }
  return {};
}

}  // namespace

Status bench_embed(const Settings& settings, Machine& machine, Report& report) {
  for (const OpTable& table : settings.tables) {
    for (const Format* format : settings.formats) {
      LL_TRY(embed(table, *format, settings, machine, report));
    }
  }
  return {};
}

Status bench_norm(const Settings& settings, Machine& machine, Report& report) {
  return each_batch(norm, settings, machine, report);
}

Status bench_gate(const Settings& settings, Machine& machine, Report& report) {
  return each_batch(gate, settings, machine, report);
}

Status bench_add(const Settings& settings, Machine& machine, Report& report) {
  return each_batch(add, settings, machine, report);
}

Status bench_rope_store(const Settings& settings, Machine& machine, Report& report) {
  for (const OpTable& table : settings.tables) {
    for (const KvType type : settings.kv_types) {
      for (const int n : settings.rows_of_x) {
        LL_TRY(rope_store(table, n, type, settings, machine, report));
      }
    }
  }
  return {};
}

}  // namespace llorch::bench
