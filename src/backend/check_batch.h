// check_batch: refuses a batch that would make an op read or write outside its buffers.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "backend/backend.h"

namespace llorch {

/// What a loaded model allows.
struct BatchLimits {
  KvShape kv;
  std::vector<int> windows;    // [n_kv_groups] the widest window of the group's layers; 0: all positions
  std::int64_t vocab = 0;      // rows of the embedding
  std::int64_t n_logits = 0;   // width of an output row
  std::int64_t positions = 0;  // rows of the position table; 0: none
};

/// Whether a matrix is what the plan declared, in whole blocks of a known format. ErrorCode::model_file.
Status check_matrix(const MatrixView& w, const WeightDecl& decl);

/// The limits of a plan. ErrorCode::invalid_argument when `kv` does not fit it.
Result<BatchLimits> batch_limits(const Plan& plan, const KvShape& kv);

/// ErrorCode::invalid_argument names the field, the place and the value.
Status check_batch(const BatchLimits& limits, const Batch& batch, std::span<const SampleSpec> samples,
                   const Outputs& outputs);

}  // namespace llorch
