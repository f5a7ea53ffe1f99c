// DeviceModel: what one loaded model occupies on the device: weights in the layout of the kernels, KV layers,
// activation slots, workspaces. Nothing of it lies anywhere else.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "backend/backend.h"
#include "backend/check_batch.h"
#include "backend/cuda/kernels.h"
#include "backend/cuda/memory.h"
#include "backend/cuda/sample_rows.h"

namespace llorch::cuda {

struct DeviceKv {
  std::byte* k = nullptr;
  std::byte* v = nullptr;  // == k where the keys are the values as well
};

/// Angles that layers share: those of one Rope.
struct Angles {
  Rope rope;
  const double* inverse = nullptr;  // [dims / 2]
  float* cos_sin = nullptr;         // [max_batch_tokens, dims / 2, 2]
};

/// Bytes of each kind, known before anything is taken.
struct DeviceSizes {
  std::size_t weights = 0;
  std::size_t kv = 0;
  std::size_t activations = 0;
  std::size_t logits = 0;
  std::size_t packed_x = 0;  // activations in the order of the tensor cores
  std::size_t partial = 0;   // sums of attention
  std::size_t step = 0;      // what a batch is, and its draws
  std::size_t upload = 0;    // blocks on their way, until the model is loaded
  std::size_t total() const { return weights + kv + activations + logits + packed_x + partial + step + upload; }
};

struct DeviceModel {
  Plan plan;
  BatchLimits limits;
  Activations activations = Activations::q8;
  KvType kv_type = KvType::f16;
  std::vector<DeviceMatrix> matrices;   // by WeightId; codes == nullptr for vectors
  std::vector<const float*> vectors;    // by WeightId; nullptr for matrices
  std::vector<std::int64_t> row_bytes;  // of the file, by WeightId, for cost()
  std::vector<DeviceKv> kv;             // [n_layers]
  float* slots[kSlots] = {};
  float* logits = nullptr;
  std::int32_t* sampled = nullptr;
  std::byte* packed_x = nullptr;
  float* partial = nullptr;
  std::size_t partial_floats = 0;
  std::vector<Angles> angles;
  std::int32_t* experts = nullptr;  // the maps of SortPicksArgs
  std::int32_t* step = nullptr;
  std::size_t step_ints = 0;
  std::byte* draws = nullptr;  // [sample_rows.bytes()]
  SampleRows sample_rows;
  std::vector<int> head_groups;
  DeviceSizes sizes;
  std::vector<DeviceMemory> memory;  // owns everything above
  DeviceMemory host_step;            // pinned, as large as `step`
  DeviceMemory host_draws;           // pinned, as large as `draws`

  const Angles& angles_of(const Rope& rope) const;
};

/// How products with this matrix take x.
XForm x_form(DType type, Activations activations);
/// To what number of rows those of each expert are filled up, and how many that makes at most.
int expert_pad(int n_tokens, int n_used, int n_experts);
int expert_rows(int n_tokens, int n_used, int n_experts);
/// Bytes of `rows` rows of x, filled up.
std::size_t packed_x_bytes(XForm form, int rows, int cols);
/// The parts of packed x at `memory`.
PackedX place_packed_x(XForm form, int rows, int cols, std::byte* memory);

/// Takes the memory for the plan and lays it out; nothing is copied. ErrorCode::model_file names a weight in a format
/// without kernels; ErrorCode::out_of_memory lists what is needed when less is free.
Status make_device_model(DeviceModel& model, Driver& driver, const Plan& plan, const WeightSource& source,
                         const KvShape& kv, const BackendOptions& options);

/// Bytes of device memory that upload_weights takes and gives back.
std::size_t upload_bytes(const DeviceModel& model);
/// Copies every weight to the device: blocks as they are in the file through pinned memory in bounded pieces, which
/// kernels bring into their layout while the next piece is copied.
Status upload_weights(DeviceModel& model, Driver& driver, Kernels& kernels, const WeightSource& source,
                      const BackendOptions& options);

}  // namespace llorch::cuda
