// What a host device will hold for a model, told from the plan and the weights' shapes before anything is taken.
#pragma once

#include <cstdint>
#include <string>

#include "backend/backend.h"

namespace llorch {

struct MemoryNeeds {
  std::int64_t weights_bytes = 0;    // as the kernels read them: in the layout of the device, or as in the file
  std::int64_t kv_bytes = 0;         // when every block of the cache has been written
  std::int64_t workspace_bytes = 0;  // activations, scratch and logits, likewise
  std::int64_t total() const { return weights_bytes + kv_bytes + workspace_bytes; }
};

/// `device` as for create_backend; one that is not ref, cpu or cpu:* has no such forecast (ErrorCode::device).
Result<MemoryNeeds> memory_needs(const std::string& device, const BackendOptions& options, const Plan& plan,
                                 const WeightSource& source, const KvShape& kv);

}  // namespace llorch
