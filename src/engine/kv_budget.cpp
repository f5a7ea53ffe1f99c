#include "engine/kv_budget.h"

#include <algorithm>

#include "backend/batch.h"

namespace llorch {

std::int64_t KvBudget::sequence_bytes(int n, bool rings_only) const {
  std::int64_t bytes = 0;
  for (int group = 0; group < kv_.n_groups(); ++group) {
    bytes += !rings_only || is_ring(group) ? kv_.blocks_for(group, n) * block_bytes(group) : 0;
  }
  return bytes;
}

KvLayout KvBudget::spend(std::int64_t bytes, int n_sequences, bool all_of_it) const {
  const std::int64_t ring = sequence_bytes(context_, true);
  std::int64_t block_of_all = 0;  // a block of every group that sees all
  for (int group = 0; group < kv_.n_groups(); ++group) {
    block_of_all += is_ring(group) ? 0 : block_bytes(group);
  }
  const std::int64_t for_rings = block_of_all == 0 ? bytes : bytes / 2;
  const std::int64_t n_rings = ring == 0 ? n_sequences : std::min<std::int64_t>(n_sequences, for_rings / ring);
  if (n_rings == 0) {
    return spend_on_one(bytes);
  }
  KvLayout kv = kv_;
  for (int group = 0; group < kv.n_groups(); ++group) {
    const std::int64_t full = kv.blocks_for(group, context_);
    std::int64_t blocks = n_rings * full;
    if (!is_ring(group)) {
      const std::int64_t affordable = (bytes - n_rings * ring) / block_of_all;
      blocks = all_of_it ? affordable : std::min(affordable, n_sequences * full);
    }
    kv.n_blocks.push_back(static_cast<int>(std::min<std::int64_t>(blocks, INT32_MAX / kKvBlock)));  // 32-bit slots
    if (blocks == 0) {
      return kv_;
    }
  }
  return kv;
}

/// The blocks of the longest sequence that fits.
KvLayout KvBudget::spend_on_one(std::int64_t bytes) const {
  int low = 0;
  int high = context_;
  while (low < high) {
    const int middle = high - (high - low) / 2;
    const bool fits = sequence_bytes(middle) <= bytes;
    low = fits ? middle : low;
    high = fits ? high : middle - 1;
  }
  KvLayout kv = kv_;
  for (int group = 0; low > 0 && group < kv.n_groups(); ++group) {
    kv.n_blocks.push_back(kv.blocks_for(group, low));
  }
  return kv;
}

}  // namespace llorch
