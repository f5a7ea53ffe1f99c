// The reference ops by name: ref::ops() lists them, and other tables may call one for the cases that they leave to it.
#pragma once

#include "backend/ops.h"

namespace llorch::ref {

void embed(const EmbedOp& op, const Work& work);
void norm(const NormOp& op, const Work& work);
void matmul(const Matmul& mm, const Work& work);
void rope_store(const RopeStoreOp& op, int layer, const Work& work);
void attend(const AttendOp& op, int layer, const Work& work);
void route(const RouteOp& op, const Work& work);
void gate(const GateOp& op, float* gate, const float* up, std::int64_t n, const Work& work);
void add(const AddOp& op, const Work& work);
bool has_q8(DType type);

}  // namespace llorch::ref
