#include "backend/kv_bytes.h"

#include <variant>

#include "backend/batch.h"

namespace llorch {

std::int64_t kv_block_bytes(const Plan& plan, int group) {
  std::int64_t floats = 0;
  for (const Step& step : plan.steps) {
    if (const auto* op = std::get_if<RopeStoreOp>(&step.op); op != nullptr && op->kv_group == group) {
      floats += std::int64_t{op->v == Slot::k ? 1 : 2} * kKvBlock * op->n_kv_heads * op->head_dim;
    }
  }
  return floats * static_cast<std::int64_t>(sizeof(float));
}

}  // namespace llorch
