// The entries of the kernels, one or more a .cu file; device_kernels.cpp makes them a Kernels.
#pragma once

#include "backend/cuda/kernels.h"

namespace llorch::cuda {

Status pack_weights(const PackArgs& args, Stream stream);
Status pack_x(const Rows& rows, int cols, const PackedX& to, Stream stream);
Status linear_exact(const LinearArgs& args, Stream stream);                 // x as floats
Status linear_q8(std::span<const LinearArgs> products, Stream stream);      // XForm::q8
Status linear_floats(std::span<const LinearArgs> products, Stream stream);  // XForm::bf16 and f16
Status embed(const EmbedArgs& args, Stream stream);
Status norm(const NormArgs& args, Stream stream);
Status angles(const AnglesArgs& args, Stream stream);
Status rope_store(const RopeStoreArgs& args, Stream stream);
Status attend_plain(const AttendArgs& args, Stream stream);
Status attend_tiles(const AttendArgs& args, Stream stream);
Status gate(const GateArgs& args, Stream stream);
Status route(const RouteArgs& args, Stream stream);
Status sort_picks(const SortPicksArgs& args, Stream stream);
Status add_up(const AddUpArgs& args, Stream stream);
Status add(const AddArgs& args, Stream stream);
Status greedy(const GreedyArgs& args, Stream stream);
Status sample(const SampleArgs& args, Stream stream);

}  // namespace llorch::cuda
