// Cost: what a step must read, write and compute, declared by its op, so that a profile can print GB/s and GFLOP/s.
#pragma once

#include <cstdint>
#include <span>

#include "backend/batch.h"
#include "backend/kv_bytes.h"
#include "model/plan.h"

namespace llorch {

struct Cost {
  std::int64_t bytes = 0;  // read and written, each place once: weights and KV in their formats, activations as floats
  std::int64_t flops = 0;  // a multiply-add is 2; exp and tanh count as 1
};

/// The cost of `op` for one run. row_bytes[id] are the bytes of one row of weight `id` (of a vector: all of it).
/// attend counts a sequence's keys and values once, however many of its tokens read them.
Cost cost(const Op& op, const Plan& plan, const Batch& batch, std::span<const std::int64_t> row_bytes, KvType kv_type);

}  // namespace llorch
