// The plain product: weights decoded to float, one lane's share of K in order and four lanes added up. For float
// activations, and for F32 weights, which have no other kernel.
#include "backend/cuda/kernels/launch.h"
#include "backend/cuda/kernels/linear.cuh"

namespace llorch::cuda {
namespace {

constexpr int kWarps = 4;
constexpr int kTokens = 4;  // of a warp

/// Where the lane's weight e of 8 lies in 32 of K: see layout.h.
template <DType type>
__device__ constexpr int place_of(int e, int quarter) {
  return is_float(type) ? e / 4 * 16 + e % 4 / 2 * 8 + quarter * 2 + e % 2 : e / 4 * 16 + quarter * 4 + e % 4;
}

/// Adds w[row][e] x[token][place(e)] of 32 weights from k on.
template <DType type>
__device__ inline void multiply_32(float (&acc)[2][kTokens], const float (&w)[2][8], const float* const (&x)[kTokens],
                                   int k, int cols, int quarter) {
#pragma unroll
  for (int e = 0; e < 8; ++e) {
    const int at = k + place_of<type>(e, quarter);
#pragma unroll
    for (int t = 0; t < kTokens; ++t) {
      if (x[t] != nullptr && at < cols) {
        const float value = x[t][at];
        acc[0][t] = __fmaf_rn(w[0][e], value, acc[0][t]);
        acc[1][t] = __fmaf_rn(w[1][e], value, acc[1][t]);
      }
    }
  }
}

/// 32 weights of a lane's two rows as floats.
template <DType type>
__device__ inline void decode_group(const Unit<type>& unit, int g, float (&w)[2][8]) {
  std::uint32_t a[4];
  unit.codes(g, a);
#pragma unroll
  for (int r = 0; r < 2; ++r) {
#pragma unroll
    for (int e = 0; e < 8; ++e) {
      const float product = __fmul_rn(unit.s.scale(g, e / 4, r), signed_byte(a[e / 4 * 2 + r], e % 4));
      w[r][e] = Unit<type>::kMin ? __fsub_rn(product, unit.s.min(g, r)) : product;
    }
  }
}

template <DType type>
__device__ inline float float_of(const void* words, std::int64_t i) {
  if constexpr (type == DType::f32) {
    return static_cast<const float*>(words)[i];
  } else if constexpr (type == DType::f16) {
    return __half2float(static_cast<const __half*>(words)[i]);
  } else {
    return __uint_as_float(static_cast<std::uint32_t>(static_cast<const std::uint16_t*>(words)[i]) << 16);
  }
}

/// 16 of K of a lane: pair a has row a % 2 and half a / 2 of K.
template <DType type>
__device__ inline void decode_floats(const DeviceMatrix& m, int tile, int k16, int lane, float (&w)[2][8], int half) {
#pragma unroll
  for (int a = 0; a < 4; ++a) {
    std::int64_t pair = 0;
    if constexpr (type == DType::f32) {
      pair = ((std::int64_t{tile} * m.n_steps * 4 + k16) * kWarp + lane) * 4 + a;
    } else {
      constexpr int kTiles = kFloatRows / kTileRows;
      const std::int64_t k8 = std::int64_t{tile / kTiles} * m.n_steps * (kStep / 8) + k16 * 2 + a / 2;
      const int row = tile % kTiles * kTileRows + a % 2 * 8 + lane / 4;
      pair = (k8 * kFloatRows + row) * 4 + lane % 4;
    }
#pragma unroll
    for (int b = 0; b < 2; ++b) {
      w[a % 2][half * 4 + a / 2 * 2 + b] = float_of<type>(m.codes, pair * 2 + b);
    }
  }
}

template <DType type>
__global__ __launch_bounds__(kWarps* kWarp) void exact(LinearArgs p) {
  wait_for_inputs();
  const int lane = static_cast<int>(threadIdx.x) % kWarp;
  const int quarter = lane % 4;
  const int first_x = static_cast<int>(blockIdx.y) * kTokens;
  const Product product(p, first_x, static_cast<int>(blockIdx.z));
  if (!product.valid) {
    return;
  }
  const int tile =
      product.row / kTileRows + static_cast<int>(blockIdx.x) * kWarps + static_cast<int>(threadIdx.x) / kWarp;
  if (tile * kTileRows >= product.row + p.n_rows) {
    return;
  }
  const float* x[kTokens];
#pragma unroll
  for (int t = 0; t < kTokens; ++t) {
    const int i = first_x + t;
    const int from = i >= p.x.n ? -1 : p.x.map == nullptr ? i : p.x.map[i];
    x[t] = from < 0 ? nullptr : p.x.x + from * p.x.stride + blockIdx.z * p.x_step;
  }
  float acc[2][kTokens] = {};
  for (int step = 0; step < p.w.n_steps; ++step) {
    float w[2][8];
    if constexpr (is_float(type)) {
#pragma unroll
      for (int k32 = 0; k32 < 2; ++k32) {
        const int k16 = step * 4 + k32 * 2;
        decode_floats<type>(p.w, tile, k16, lane, w, 0);
        decode_floats<type>(p.w, tile, k16 + 1, lane, w, 1);
        multiply_32<type>(acc, w, x, step * kStep + k32 * 32, p.w.cols, quarter);
      }
    } else {
      Unit<type> unit;
      unit.load(unit_of<type>(p.w, tile, step, lane));
#pragma unroll
      for (int g = 0; g < kGroups; ++g) {
        decode_group<type>(unit, g, w);
        multiply_32<type>(acc, w, x, step * kUnit + g * 32, p.w.cols, quarter);
      }
    }
  }
#pragma unroll
  for (int r = 0; r < 2; ++r) {
#pragma unroll
    for (int t = 0; t < kTokens; ++t) {
      float sum = acc[r][t];
      sum = __fadd_rn(sum, __shfl_xor_sync(0xFFFFFFFFU, sum, 1));
      sum = __fadd_rn(sum, __shfl_xor_sync(0xFFFFFFFFU, sum, 2));
      if (quarter == 0) {
        store_output(p, product, first_x + t, tile * kTileRows + lane / 4 + r * 8, sum);
      }
    }
  }
}

/// Rows of a matrix, decoded: a thread has 8 weights of 32.
template <DType type>
__global__ void embed_rows(EmbedArgs p) {
  wait_for_inputs();
  const std::int64_t index = std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x;
  const int per_token = p.table.n_steps * (is_float(type) ? 2 : kGroups) * 4;
  const auto token = static_cast<int>(index / per_token);
  if (token >= p.n_tokens) {
    return;
  }
  const auto k32 = static_cast<int>(index % per_token / 4);
  const auto quarter = static_cast<int>(index % 4);
  const int row = p.rows[token];
  const int tile = row / kTileRows;
  const int lane = row % 8 * 4 + quarter;
  const int r = row % kTileRows / 8;
  float w[2][8];
  if constexpr (is_float(type)) {
    decode_floats<type>(p.table, tile, k32 * 2, lane, w, 0);
    decode_floats<type>(p.table, tile, k32 * 2 + 1, lane, w, 1);
  } else {
    Unit<type> unit;
    unit.load(unit_of<type>(p.table, tile, k32 / kGroups, lane));
#pragma unroll
    for (int g = 0; g < kGroups; ++g) {
      if (g == k32 % kGroups) {
        decode_group<type>(unit, g, w);
      }
    }
  }
  float* out = p.out + std::int64_t{token} * p.table.cols;
#pragma unroll
  for (int e = 0; e < 8; ++e) {
    const int k = k32 * 32 + place_of<type>(e, quarter);
    if (k < p.table.cols) {
      const float value = r == 0 ? w[0][e] : w[1][e];
      out[k] = p.add ? __fadd_rn(out[k], value) : __fmul_rn(p.scale, value);
    }
  }
}

/// Calls fn(Type<type>) with the format as a constant.
template <DType type>
struct Type {
  static constexpr DType value = type;
};
template <class Fn>
Status with_type(DType type, Fn fn) {
  switch (type) {
    case DType::f32:
      return fn(Type<DType::f32>());
    case DType::f16:
      return fn(Type<DType::f16>());
    case DType::bf16:
      return fn(Type<DType::bf16>());
    case DType::q8_0:
      return fn(Type<DType::q8_0>());
    case DType::q4_0:
      return fn(Type<DType::q4_0>());
    case DType::q4_1:
      return fn(Type<DType::q4_1>());
    case DType::q5_0:
      return fn(Type<DType::q5_0>());
    case DType::q5_1:
      return fn(Type<DType::q5_1>());
    case DType::q4_k:
      return fn(Type<DType::q4_k>());
    case DType::q5_k:
      return fn(Type<DType::q5_k>());
    case DType::q6_k:
      return fn(Type<DType::q6_k>());
    case DType::iq4_nl:
      return fn(Type<DType::iq4_nl>());
    case DType::iq4_xs:
      return fn(Type<DType::iq4_xs>());
    case DType::mxfp4:
      return fn(Type<DType::mxfp4>());
    default:
      return Error{ErrorCode::internal, "a matrix in a format without a layout"};
  }
}

}  // namespace

Status linear_exact(const LinearArgs& args, Stream stream) {
  return with_type(args.w.type, [&](auto type) -> Status {
    const auto tiles = static_cast<unsigned int>(blocks_touched(args, kTileRows, kTileRows));
    const auto batch = static_cast<unsigned int>(args.experts != nullptr ? 1 : args.n_batch);
    const dim3 grid(blocks_for(tiles, kWarps), blocks_for(args.x.n, kTokens), batch);
    return launch("linear_exact", exact<decltype(type)::value>, {grid, kWarps * kWarp}, stream, args);
  });
}

Status embed(const EmbedArgs& args, Stream stream) {
  return with_type(args.table.type, [&](auto type) -> Status {
    constexpr DType kType = decltype(type)::value;
    constexpr int kThreads = 128;
    const std::int64_t n = std::int64_t{args.n_tokens} * args.table.n_steps * (is_float(kType) ? 2 : kGroups) * 4;
    return launch("embed", embed_rows<kType>, {dim3(blocks_for(n, kThreads)), kThreads}, stream, args);
  });
}

}  // namespace llorch::cuda
