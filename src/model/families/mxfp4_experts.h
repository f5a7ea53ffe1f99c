// join_mxfp4: experts that a Hugging Face directory holds as two tensors of bytes.
#pragma once

#include "model/family.h"

namespace llorch {

/// "..._blocks" U8 [experts, rows, cols / 32, 16] (byte j: elements 2j, low half, and 2j + 1) and "..._scales" U8
/// [experts, rows, cols / 32] -> an MXFP4 tensor of found.decl.shape, its row r being the file's row r * step + first.
Result<Tensor> join_mxfp4(const FoundTensor& found, std::int64_t step, std::int64_t first);

}  // namespace llorch
