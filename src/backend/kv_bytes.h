// What the KV cache takes: known from the plan and its type alone, so that the engine can size it before a backend
// holds it.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "model/plan.h"

namespace llorch {

/// How keys and values are kept. f16: rounded to nearest, ties to even. q8_0: channels in blocks of 32 as GGUF's Q8_0
/// has them, an F16 scale and whole numbers in [-127, 127]; the last block of a head_dim that is no multiple of 32 is
/// filled up with zeros.
enum class KvType : std::uint8_t { f32, f16, q8_0 };

/// Channels that share a scale in q8_0.
inline constexpr int kKvScaleBlock = 32;

/// "f32", "f16", "q8_0": the names of --kv-type.
std::string_view to_string(KvType type);
std::optional<KvType> kv_type_of(std::string_view name);

/// Bytes of a piece: k, or v, of one head and the kKvBlock tokens of a block. A multiple of 64.
std::int64_t kv_piece_bytes(KvType type, int head_dim);

/// Blocks whose pieces of one head lie in a row.
inline constexpr int kKvRun = 8;

/// Which of a layer's n_blocks * n_kv_heads pieces is that of `block` (of n_blocks) and KV head `head`. kKvRun at a
/// time, and of these head after head: what attention reads for a head, blocks in order, is in long stretches of
/// memory, and a cache that is filled from its beginning still takes only the memory it needs.
std::int64_t kv_piece_index(int n_blocks, int n_kv_heads, int block, int head);

/// Bytes of one KV block (k and v of kKvBlock tokens) in all layers of KV group `group`.
std::int64_t kv_block_bytes(const Plan& plan, int group, KvType type);

}  // namespace llorch
