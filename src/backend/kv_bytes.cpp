#include "backend/kv_bytes.h"

#include <algorithm>
#include <array>
#include <utility>
#include <variant>

#include "backend/batch.h"
#include "base/check.h"

namespace llorch {
namespace {

constexpr std::array<std::pair<KvType, std::string_view>, 3> kNames = {
    {{KvType::f32, "f32"}, {KvType::f16, "f16"}, {KvType::q8_0, "q8_0"}}};

}  // namespace

std::string_view to_string(KvType type) {
  return kNames[static_cast<std::size_t>(type)].second;
}

std::optional<KvType> kv_type_of(std::string_view name) {
  for (const auto& [type, type_name] : kNames) {
    if (type_name == name) {
      return type;
    }
  }
  return std::nullopt;
}

std::int64_t kv_piece_bytes(KvType type, int head_dim) {
  const std::int64_t n_scales = (head_dim + kKvScaleBlock - 1) / kKvScaleBlock;
  switch (type) {
    case KvType::f32:
      return std::int64_t{kKvBlock} * head_dim * 4;
    case KvType::f16:
      return std::int64_t{kKvBlock} * head_dim * 2;
    case KvType::q8_0:
      return kKvBlock * n_scales * (kKvScaleBlock + 2);
  }
  return 0;
}

std::int64_t kv_piece_index(int n_blocks, int n_kv_heads, int block, int head) {
  LL_CHECK(block >= 0 && block < n_blocks, "a KV block that the cache does not have");
  const int first = block / kKvRun * kKvRun;
  const int run = std::min(kKvRun, n_blocks - first);
  return std::int64_t{first} * n_kv_heads + std::int64_t{head} * run + (block - first);
}

std::int64_t kv_block_bytes(const Plan& plan, int group, KvType type) {
  std::int64_t bytes = 0;
  for (const Step& step : plan.steps) {
    if (const auto* op = std::get_if<RopeStoreOp>(&step.op); op != nullptr && op->kv_group == group) {
      bytes += (op->v == Slot::k ? 1 : 2) * op->n_kv_heads * kv_piece_bytes(type, op->head_dim);
    }
  }
  return bytes;
}

}  // namespace llorch
