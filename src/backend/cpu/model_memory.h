// ModelMemory: what one loaded model occupies on the host: weights by view, KV layers, activation slots, scratch.
#pragma once

#include <cstdint>
#include <vector>

#include "backend/backend.h"
#include "backend/check_batch.h"
#include "backend/cpu/buffer.h"
#include "backend/memory_needs.h"
#include "backend/ops.h"

namespace llorch::cpu {

struct ModelMemory {
  Plan plan;
  HostWeights weights;
  std::vector<std::int64_t> row_bytes;  // by WeightId, for cost()
  BatchLimits limits;
  std::vector<KvLayer> kv;      // [n_layers]
  std::vector<Buffer> buffers;  // owns everything that the pointers below and in kv point to
  float* slots[kSlots] = {};
  float* logits = nullptr;
  std::vector<std::span<std::byte>> scratch;  // [n_threads]
  std::span<std::byte> shared;
  std::int64_t held_bytes = 0;  // weights and buffers
  std::int64_t kv_block_bytes = 0;
};

/// Binds the weights, checks that this host can run them, and takes the memory.
Status make_model_memory(ModelMemory& model, const Plan& plan, const WeightSource& source, const KvShape& kv,
                         KvType kv_type, const OpTable& table, int n_threads);

/// Brings the matrices that products read into the table's layout, on all threads of the team, and gives the memory of
/// the originals back, slice by slice: as many rows as make slice_bytes of that layout, but a group a thread at least.
inline constexpr std::int64_t kSliceBytes = std::int64_t{16} << 20;
Status pack_weights(ModelMemory& model, const WeightSource& source, const OpTable& table, Activations activations,
                    ThreadTeam& team, std::int64_t slice_bytes = kSliceBytes);

/// What make_model_memory and, with options.repack, pack_weights will make `model` hold.
Result<MemoryNeeds> needs_of(const Plan& plan, const WeightSource& source, const KvShape& kv,
                             const BackendOptions& options, const OpTable& table, int n_threads);

/// What pack_weights adds to the bytes of the weights, less what it gives back.
std::int64_t packing_adds(const ModelMemory& model, const OpTable& table, Activations activations);

/// ErrorCode::device names the first weight or buffer that is not memory of this process (any more). On a host every
/// page of it is on the device, whether the system has written it to its swap or not.
Status check_mapped(const ModelMemory& model);

}  // namespace llorch::cpu
