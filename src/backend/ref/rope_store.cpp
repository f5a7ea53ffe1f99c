// rope_store: the walk over tokens and heads that all host tables share, and the reference's kernels.
#include <cmath>
#include <cstddef>

#include "backend/ref/kv.h"
#include "backend/ref/ops.h"
#include "backend/ref/rope.h"
#include "base/check.h"

namespace llorch::ref {
namespace {

void rotate(const Rotation& by, float* heads, int n_heads, int step) {
  const int stride = by.kind == RopeKind::adjacent ? 2 : 1;
  const int partner = by.kind == RopeKind::adjacent ? 1 : by.n;
  for (float* head = heads; n_heads > 0; --n_heads, head += step) {
    for (int i = 0; i < by.n; ++i) {
      float& a = head[i * stride];
      float& b = head[i * stride + partner];
      const float rotated = a * by.cos[i] - b * by.sin[i];
      b = a * by.sin[i] + b * by.cos[i];
      a = rotated;
    }
  }
}

/// k and v, [n_kv_heads, head_dim], of one token to its slot.
void store_token(const RopeKernels& kernels, const RopeStoreOp& op, const Work& work, const KvLayer& kv, int slot,
                 const float* k, const float* v) {
  const std::int64_t piece_bytes = kv_piece_bytes(work.kv_type, op.head_dim);
  const KvPlace key = key_place(work.kv_type, op.head_dim, slot % kKvBlock);
  const KvPlace value = value_place(work.kv_type, op.head_dim, slot % kKvBlock);
  for (int h = 0; h < op.n_kv_heads; ++h) {
    const std::int64_t at = kv_piece_index(kv.n_blocks, op.n_kv_heads, slot / kKvBlock, h) * piece_bytes;
    const std::ptrdiff_t first = static_cast<std::ptrdiff_t>(h) * op.head_dim;
    kernels.store(work.kv_type, k + first, op.head_dim, kv.k + at, key);
    if (kv.v != kv.k) {
      kernels.store(work.kv_type, v + first, op.head_dim, kv.v + at, value);
    }
  }
}

}  // namespace

void rope_frequencies(const Rope& rope, std::span<double> inv) {
  for (std::size_t i = 0; i < inv.size(); ++i) {
    const double exponent = -2.0 * static_cast<double>(i) / rope.dims;
    inv[i] = std::pow(rope.theta, exponent) / (rope.factors.empty() ? 1.0 : static_cast<double>(rope.factors[i]));
  }
}

void rope_cos_sin(const Rope& rope, std::span<const double> inv, int position, float* cos, float* sin) {
  for (std::size_t i = 0; i < inv.size(); ++i) {
    const double angle = position * inv[i];
    cos[i] = static_cast<float>(std::cos(angle)) * rope.magnitude;
    sin[i] = static_cast<float>(std::sin(angle)) * rope.magnitude;
  }
}

void rope_store(const RopeKernels& kernels, const RopeStoreOp& op, int layer, const Work& work) {
  const Range tokens = part_of(work.batch->n_tokens(), work.thread, work.n_threads);
  const int n = op.rope.kind == RopeKind::none || tokens.begin == tokens.end ? 0 : op.rope.dims / 2;
  LL_CHECK(static_cast<std::size_t>(n) * 16 <= work.scratch.size(), "rope angles exceed scratch");
  const std::span inv(reinterpret_cast<double*>(work.scratch.data()), static_cast<std::size_t>(n));
  auto* cos = reinterpret_cast<float*>(inv.data() + n);  // [n]
  float* sin = cos + n;                                  // [n]
  rope_frequencies(op.rope, inv);
  const KvGroup& group = work.batch->kv[static_cast<std::size_t>(op.kv_group)];
  for (int t = tokens.begin; t < tokens.end; ++t) {
    const auto index = static_cast<std::size_t>(t);
    float* q = work.slot(Slot::q) + static_cast<std::ptrdiff_t>(t) * op.n_heads * op.head_dim;
    float* k = work.slot(Slot::k) + static_cast<std::ptrdiff_t>(t) * op.n_kv_heads * op.head_dim;
    const float* v = work.slot(op.v) + static_cast<std::ptrdiff_t>(t) * op.n_kv_heads * op.head_dim;
    rope_cos_sin(op.rope, inv, work.batch->positions[index], cos, sin);
    const Rotation by = {op.rope.kind, n, cos, sin};
    kernels.rotate(by, q + op.rope.offset, op.n_heads, op.head_dim);
    kernels.rotate(by, k + op.rope.offset, op.n_kv_heads, op.head_dim);
    store_token(kernels, op, work, work.kv[static_cast<std::size_t>(layer)], group.kv_slots[index], k, v);
  }
}

void rope_store(const RopeStoreOp& op, int layer, const Work& work) {
  rope_store({rotate, store_at}, op, layer, work);
}

}  // namespace llorch::ref
