// What the files of this folder give to ops.cpp. Callable only when available().
#pragma once

#include "backend/ops.h"

namespace llorch::avx2 {

void matmul_f32(const Matmul& mm, const Work& work);
/// Formats of packed.h with 8-bit activations, packed or not.
void matmul_packed(const Matmul& mm, const Work& work);
void matmul(const Matmul& mm, const Work& work);
bool has_q8(DType type);
void attend(const AttendOp& op, int layer, const Work& work);
void norm(const NormOp& op, const Work& work);
void rope_store(const RopeStoreOp& op, int layer, const Work& work);
void gate(const GateOp& op, float* gate, const float* up, std::int64_t n, const Work& work);
SplitWeights split_tokens(const float* logits, int n, double best, double reach, std::int32_t* near);

}  // namespace llorch::avx2
