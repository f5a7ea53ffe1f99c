#include "backend/cost.h"

#include <algorithm>

namespace llorch {
namespace {

constexpr std::int64_t kFloat = sizeof(float);

struct Counter {
  const Plan& plan;
  const Batch& batch;
  std::span<const std::int64_t> row_bytes;
  KvType kv_type;

  std::int64_t n() const { return batch.n_tokens(); }
  std::int64_t width(Slot slot) const { return plan.width(slot); }
  const WeightDecl& decl(WeightId id) const { return plan.weights[static_cast<std::size_t>(id)]; }
  std::int64_t bytes_of(WeightId id) const {
    return id == kNoWeight ? 0 : decl(id).rows * row_bytes[static_cast<std::size_t>(id)];
  }

  /// Of k, or of v, of one token.
  std::int64_t kv_token_bytes(int n_kv_heads, int head_dim) const {
    return n_kv_heads * kv_piece_bytes(kv_type, head_dim) / kKvBlock;
  }

  Cost operator()(const EmbedOp& op) const {
    const std::int64_t dim = width(op.out);
    Cost c{n() * (row_bytes[static_cast<std::size_t>(op.table)] + dim * kFloat), n() * dim};
    if (op.position_table != kNoWeight) {
      c.bytes += n() * row_bytes[static_cast<std::size_t>(op.position_table)];
      c.flops += n() * dim;
    }
    return c;
  }
  Cost operator()(const NormOp& op) const {
    const std::int64_t values = n() * (op.width > 0 ? op.width : width(op.in));
    return {2 * values * kFloat + bytes_of(op.weight) + bytes_of(op.bias), 4 * values};
  }
  Cost product(WeightId weight, WeightId bias, std::int64_t m, bool accumulate) const {
    const WeightDecl& w = decl(weight);
    const std::int64_t activations = m * (w.cols + w.rows * (accumulate ? 2 : 1));
    return {bytes_of(weight) + bytes_of(bias) + activations * kFloat, 2 * m * w.rows * w.cols};
  }
  Cost operator()(const LinearOp& op) const { return product(op.weight, op.bias, n(), op.accumulate); }
  Cost operator()(const LogitsOp& op) const { return product(op.weight, op.bias, batch.n_outputs(), false); }
  Cost operator()(const RopeStoreOp& op) const {
    const std::int64_t q = std::int64_t{op.n_heads} * op.head_dim;
    const std::int64_t kv = std::int64_t{op.n_kv_heads} * op.head_dim;
    const std::int64_t pairs = op.rope.kind == RopeKind::none ? 0 : op.rope.dims / 2;
    // q and k are read and written, v is read, and k and v are written once more, to the cache
    const bool one = op.v == Slot::k;
    const std::int64_t stored = n() * (one ? 1 : 2) * kv_token_bytes(op.n_kv_heads, op.head_dim);
    return {n() * (2 * q + (one ? 2 : 3) * kv) * kFloat + stored, n() * (op.n_heads + op.n_kv_heads) * pairs * 6};
  }
  Cost operator()(const AttendOp& op) const {
    const auto first = [&op](std::int32_t position) {
      return op.window > 0 ? std::max(0, position - op.window + 1) : 0;
    };
    std::int64_t seen = 0;  // query-key pairs
    std::int64_t keys = 0;  // keys that some query sees
    for (std::size_t s = 0; s + 1 < batch.seq_starts.size(); ++s) {
      const auto rows =
          batch.positions.subspan(static_cast<std::size_t>(batch.seq_starts[s]),
                                  static_cast<std::size_t>(batch.seq_starts[s + 1] - batch.seq_starts[s]));
      for (const std::int32_t position : rows) {
        seen += position - first(position) + 1;
      }
      keys += rows.empty() ? 0 : rows.back() - first(rows.front()) + 1;
    }
    const std::int64_t kv = (op.v_is_k ? 1 : 2) * kv_token_bytes(op.n_kv_heads, op.head_dim);
    const std::int64_t q = std::int64_t{2} * op.n_heads * op.head_dim;
    return {keys * kv + n() * q * kFloat, seen * op.n_heads * (4 * op.head_dim + 3)};
  }
  Cost operator()(const HeadsLinearOp& op) const {
    const WeightDecl& w = decl(op.weight);
    const std::int64_t rows = std::int64_t{op.n_heads} * op.rows;
    const std::int64_t inputs = op.in.step == 0 ? w.cols : op.n_heads * w.cols;
    return {rows * row_bytes[static_cast<std::size_t>(op.weight)] + n() * (inputs + rows) * kFloat,
            2 * n() * rows * w.cols};
  }
  Cost operator()(const RouteOp& op) const {
    return {n() * (op.moe.n_experts + 2 * op.moe.n_used) * kFloat,
            n() * op.moe.n_experts * (3 + std::int64_t{op.moe.n_used})};
  }
  /// As if no two tokens of the batch shared an expert, up to all of them.
  Cost operator()(const ExpertsOp& op) const {
    const std::int64_t picks = n() * op.n_used;
    const std::int64_t touched = std::min<std::int64_t>(picks, op.n_experts);
    Cost c{};
    for (const ExpertsOp::Part& part : {op.gate, op.up, op.down}) {
      const std::int64_t cols = decl(part.weight).cols;
      c.bytes += touched * part.rows * row_bytes[static_cast<std::size_t>(part.weight)];
      c.bytes += picks * (cols + part.rows) * kFloat;
      c.flops += 2 * picks * part.rows * cols;
    }
    c.bytes += picks * (3 * op.gate.rows + op.down.rows) * kFloat;
    c.flops += picks * (5 * op.gate.rows + 2 * op.down.rows);
    return c;
  }
  Cost operator()(const GateOp& op) const {
    const std::int64_t values = n() * (op.width > 0 ? op.width : width(Slot::gate));
    return {values * kFloat * (op.gated ? 3 : 2), values * (op.gated ? 5 : 4)};
  }
  Cost operator()(const AddOp& op) const {
    const std::int64_t values = n() * width(op.out);
    return {3 * values * kFloat, 2 * values};
  }
};

}  // namespace

Cost cost(const Op& op, const Plan& plan, const Batch& batch, std::span<const std::int64_t> row_bytes, KvType kv_type) {
  return std::visit(Counter{plan, batch, row_bytes, kv_type}, op);
}

}  // namespace llorch
