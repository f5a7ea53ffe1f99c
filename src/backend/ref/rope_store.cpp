// The reference rope_store: rotates q and k of each token in place, then writes k and v to the token's KV slot.
#include <cmath>
#include <cstddef>

#include "backend/ref/kv.h"
#include "backend/ref/ops.h"
#include "backend/ref/rope.h"
#include "base/check.h"

namespace llorch::ref {
namespace {

void store(const RopeStoreOp& op, const Work& work, const KvLayer& kv, int slot, const float* k, const float* v) {
  const std::int64_t piece_bytes = kv_piece_bytes(work.kv_type, op.head_dim);
  for (int h = 0; h < op.n_kv_heads; ++h) {
    const std::int64_t at = kv_piece_index(kv.n_blocks, op.n_kv_heads, slot / kKvBlock, h) * piece_bytes;
    const std::ptrdiff_t first = static_cast<std::ptrdiff_t>(h) * op.head_dim;
    store_key(work.kv_type, k + first, op.head_dim, kv.k + at, slot % kKvBlock);
    if (kv.v != kv.k) {
      store_value(work.kv_type, v + first, op.head_dim, kv.v + at, slot % kKvBlock);
    }
  }
}

}  // namespace

void rope_frequencies(const Rope& rope, double* inv, int n) {
  for (int i = 0; i < n; ++i) {
    const double factor = rope.factors.empty() ? 1.0 : static_cast<double>(rope.factors[static_cast<std::size_t>(i)]);
    inv[i] = std::pow(rope.theta, -2.0 * i / rope.dims) / factor;
  }
}

void rope_cos_sin(const Rope& rope, const double* inv, int n, int position, float* cos, float* sin) {
  for (int i = 0; i < n; ++i) {
    const double angle = position * inv[i];
    cos[i] = static_cast<float>(std::cos(angle)) * rope.magnitude;
    sin[i] = static_cast<float>(std::sin(angle)) * rope.magnitude;
  }
}

void rope_rotate(RopeKind kind, float* head, int n, const float* cos, const float* sin) {
  const int stride = kind == RopeKind::adjacent ? 2 : 1;
  const int partner = kind == RopeKind::adjacent ? 1 : n;
  for (int i = 0; i < n; ++i) {
    float& a = head[i * stride];
    float& b = head[i * stride + partner];
    const float rotated = a * cos[i] - b * sin[i];
    b = a * sin[i] + b * cos[i];
    a = rotated;
  }
}

void rope_store(const RopeStoreOp& op, int layer, const Work& work) {
  const Range tokens = part_of(work.batch->n_tokens(), work.thread, work.n_threads);
  const int n = op.rope.kind == RopeKind::none || tokens.begin == tokens.end ? 0 : op.rope.dims / 2;
  LL_CHECK(static_cast<std::size_t>(n) * 16 <= work.scratch.size(), "rope angles exceed scratch");
  auto* inv = reinterpret_cast<double*>(work.scratch.data());  // [n]
  auto* cos = reinterpret_cast<float*>(inv + n);               // [n]
  float* sin = cos + n;                                        // [n]
  rope_frequencies(op.rope, inv, n);
  const KvGroup& group = work.batch->kv[static_cast<std::size_t>(op.kv_group)];
  for (int t = tokens.begin; t < tokens.end; ++t) {
    const auto index = static_cast<std::size_t>(t);
    float* q = work.slot(Slot::q) + static_cast<std::ptrdiff_t>(t) * op.n_heads * op.head_dim;
    float* k = work.slot(Slot::k) + static_cast<std::ptrdiff_t>(t) * op.n_kv_heads * op.head_dim;
    const float* v = work.slot(op.v) + static_cast<std::ptrdiff_t>(t) * op.n_kv_heads * op.head_dim;
    rope_cos_sin(op.rope, inv, n, work.batch->positions[index], cos, sin);
    for (int h = 0; h < op.n_heads; ++h) {
      rope_rotate(op.rope.kind, q + h * op.head_dim + op.rope.offset, n, cos, sin);
    }
    for (int h = 0; h < op.n_kv_heads; ++h) {
      rope_rotate(op.rope.kind, k + h * op.head_dim + op.rope.offset, n, cos, sin);
    }
    store(op, work, work.kv[static_cast<std::size_t>(layer)], group.kv_slots[index], k, v);
  }
}

}  // namespace llorch::ref
