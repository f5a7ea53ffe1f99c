// From a file's blocks, copied to the device as they are, to the layout of layout.h: one thread for each 16 bytes.
#include <cstdint>
#include <type_traits>

#include "backend/cuda/kernels/entries.h"
#include "backend/cuda/kernels/launch.h"
#include "backend/cuda/kernels/units.cuh"
#include "quant/iq4_xs/iq4_xs.h"
#include "quant/mxfp4/mxfp4.h"
#include "quant/q4_0/q4_0.h"
#include "quant/q4_1/q4_1.h"
#include "quant/q4_k/q4_k.h"
#include "quant/q5_0/fifth_bits.h"
#include "quant/q5_0/q5_0.h"
#include "quant/q5_1/q5_1.h"
#include "quant/q5_k/q5_k.h"
#include "quant/q6_k/q6_k.h"
#include "quant/q8_0/q8_0.h"

namespace llorch::cuda {
namespace {

constexpr int kThreads = 256;

template <class Block>
__device__ const Block& block_at(const std::uint8_t* row, int k) {
  return reinterpret_cast<const Block*>(row)[k / Block::kLen];
}

/// Raw: a format's codes and scales as the file has them. code(): what the layout keeps of weight k, 4, 5, 6 or 8 bits;
/// signed ones in two's complement.
template <DType type>
struct Raw;

__device__ inline int nibble(const std::uint8_t (&qs)[16], int i) {
  return i < 16 ? qs[i] & 15 : qs[i - 16] >> 4;
}

template <>
struct Raw<DType::q8_0> {
  static constexpr int kBits = 8;
  __device__ static int code(const std::uint8_t* row, int k) { return block_at<BlockQ8_0>(row, k).qs[k % 32]; }
};
template <>
struct Raw<DType::q4_0> {
  static constexpr int kBits = 4;
  static constexpr bool kTable = false;
  __device__ static int code(const std::uint8_t* row, int k) {
    return nibble(block_at<BlockQ4_0>(row, k).qs, k % 32) ^ 8;
  }
};
template <>
struct Raw<DType::q4_1> {
  static constexpr int kBits = 4;
  static constexpr bool kTable = false;
  __device__ static int code(const std::uint8_t* row, int k) { return nibble(block_at<BlockQ4_1>(row, k).qs, k % 32); }
};
template <>
struct Raw<DType::iq4_nl> {
  static constexpr int kBits = 4;
  static constexpr bool kTable = true;
  __device__ static int code(const std::uint8_t* row, int k) {
    return nibble(block_at<BlockIQ4_NL>(row, k).qs, k % 32);
  }
};
template <>
struct Raw<DType::mxfp4> {
  static constexpr int kBits = 4;
  static constexpr bool kTable = true;
  __device__ static int code(const std::uint8_t* row, int k) { return nibble(block_at<BlockMxfp4>(row, k).qs, k % 32); }
};
template <>
struct Raw<DType::q5_0> {
  static constexpr int kBits = 5;
  static constexpr bool kTable = false;
  __device__ static int code(const std::uint8_t* row, int k) {
    const BlockQ5_0& block = block_at<BlockQ5_0>(row, k);
    return q5_value(block.qs, block.qh, k % 32) ^ 16;
  }
};
template <>
struct Raw<DType::q5_1> {
  static constexpr int kBits = 5;
  static constexpr bool kTable = false;
  __device__ static int code(const std::uint8_t* row, int k) {
    const BlockQ5_1& block = block_at<BlockQ5_1>(row, k);
    return q5_value(block.qs, block.qh, k % 32);
  }
};
template <>
struct Raw<DType::q4_k> {
  static constexpr int kBits = 4;
  static constexpr bool kTable = false;
  __device__ static int code(const std::uint8_t* row, int k) {
    const BlockQ4_K& block = block_at<BlockQ4_K>(row, k);
    const int i = k % kUnit;
    return block.qs[i / 64 * 32 + i % 32] >> (i / 32 % 2 * 4) & 15;
  }
};
template <>
struct Raw<DType::q5_k> {
  static constexpr int kBits = 5;
  static constexpr bool kTable = false;
  __device__ static int code(const std::uint8_t* row, int k) {
    const BlockQ5_K& block = block_at<BlockQ5_K>(row, k);
    const int i = k % kUnit;
    const int low = block.qs[i / 64 * 32 + i % 32] >> (i / 32 % 2 * 4) & 15;
    return low | (block.qh[i % 32] >> (i / 32) & 1) << 4;
  }
};
template <>
struct Raw<DType::q6_k> {
  static constexpr int kBits = 6;
  static constexpr bool kTable = false;
  __device__ static int code(const std::uint8_t* row, int k) {
    const BlockQ6_K& block = block_at<BlockQ6_K>(row, k);
    const Q6KPlace at = q6_k_at(k % kUnit);
    return ((block.ql[at.low] >> at.low_shift & 15) | (block.qh[at.high] >> at.high_shift & 3) << 4) ^ 32;
  }
};
template <>
struct Raw<DType::iq4_xs> {
  static constexpr int kBits = 4;
  static constexpr bool kTable = true;
  __device__ static int code(const std::uint8_t* row, int k) {
    const BlockIQ4_XS& block = block_at<BlockIQ4_XS>(row, k);
    const int i = k % kUnit;
    const std::uint8_t byte = block.qs[i / 32 * 16 + i % 16];
    return i % 32 < 16 ? byte & 15 : byte >> 4;
  }
};

/// The file's rows of this launch; row r is the layout's row first_row + r.
struct FileRows {
  const std::uint8_t* data;
  std::int64_t row_bytes;
  int n_rows;
  int cols;
  __device__ const std::uint8_t* row(int r) const { return data + r * row_bytes; }
};

/// Where weight (register a, byte b) of group g of a unit lies for a lane.
struct CodePlace {
  __device__ CodePlace(int tile, int unit, int g, int lane, int a, int b)
      : row(tile * kTileRows + lane / 4 + a % 2 * 8), k(unit * kUnit + g * 32 + a / 2 * 16 + lane % 4 * 4 + b) {}
  int row, k;
};

template <DType type>
__device__ std::uint32_t code_at(const FileRows& rows, const CodePlace& at) {
  return at.row < rows.n_rows && at.k < rows.cols ? static_cast<std::uint32_t>(Raw<type>::code(rows.row(at.row), at.k))
                                                  : 0U;
}

/// codes and high of 16 bytes: two groups of 32 for one lane (Q8_0: one group).
template <DType type>
__global__ void pack_codes(FileRows rows, int n_tiles, int n_units, uint4* codes, void* high) {
  constexpr int kParts = type == DType::q8_0 ? 8 : 4;  // of a unit
  const std::int64_t index = std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x;
  if (index >= std::int64_t{n_tiles} * n_units * kParts * kWarp) {
    return;
  }
  const int lane = static_cast<int>(index % kWarp);
  const int part = static_cast<int>(index / kWarp % kParts);
  const int unit = static_cast<int>(index / (kWarp * kParts) % n_units);
  const int tile = static_cast<int>(index / (kWarp * kParts) / n_units);
  std::uint32_t words[4] = {};
  std::uint32_t upper[2] = {};
  for (int g = 0; g < 8 / kParts; ++g) {
    for (int a = 0; a < 4; ++a) {
      for (int b = 0; b < 4; ++b) {
        const std::uint32_t code = code_at<type>(rows, {tile, unit, part * (8 / kParts) + g, lane, a, b});
        if constexpr (type == DType::q8_0) {
          words[a] |= (code & 0xFFU) << (8 * b);
        } else {
          const int shift = Raw<type>::kTable ? a % 2 * 16 + 4 * b : 8 * b + a % 2 * 4;
          words[2 * g + a / 2] |= (code & 15U) << shift;
          if constexpr (Raw<type>::kBits == 5) {
            upper[0] |= (code >> 4 & 1U) << (8 * b + g * 4 + a);
          } else if constexpr (Raw<type>::kBits == 6) {
            upper[g] |= (code >> 4 & 3U) << (8 * b + 2 * a);
          }
        }
      }
    }
  }
  codes[index] = make_uint4(words[0], words[1], words[2], words[3]);
  if constexpr (Raw<type>::kBits == 5) {
    static_cast<std::uint32_t*>(high)[index] = upper[0];
  } else if constexpr (Raw<type>::kBits == 6) {
    static_cast<uint2*>(high)[index] = make_uint2(upper[0], upper[1]);
  }
}

/// What a row's unit has of scales; see DeviceMatrix. Zeros past the end of a row.
template <DType type>
__device__ void pack_row_scales(const std::uint8_t* row, int unit, int cols, std::uint8_t* scales, void* super,
                                std::int64_t index) {
  const int first = unit * kUnit;
  auto* halves = reinterpret_cast<std::uint16_t*>(scales);
  if constexpr (type == DType::q8_0 || type == DType::q4_0 || type == DType::q5_0 || type == DType::iq4_nl) {
    using Block =
        std::conditional_t<type == DType::q8_0, BlockQ8_0,
                           std::conditional_t<type == DType::q4_0, BlockQ4_0,
                                              std::conditional_t<type == DType::q5_0, BlockQ5_0, BlockIQ4_NL>>>;
    for (int g = 0; g < kGroups; ++g) {
      halves[index * 8 + g] = first + g * 32 < cols ? block_at<Block>(row, first + g * 32).d : std::uint16_t{0};
    }
  } else if constexpr (type == DType::q4_1 || type == DType::q5_1) {
    using Block = std::conditional_t<type == DType::q4_1, BlockQ4_1, BlockQ5_1>;
    for (int g = 0; g < kGroups; ++g) {
      const bool inside = first + g * 32 < cols;
      halves[index * 16 + 2 * g] = inside ? block_at<Block>(row, first + g * 32).d : std::uint16_t{0};
      halves[index * 16 + 2 * g + 1] = inside ? block_at<Block>(row, first + g * 32).m : std::uint16_t{0};
    }
  } else if constexpr (type == DType::q4_k || type == DType::q5_k) {
    using Block = std::conditional_t<type == DType::q4_k, BlockQ4_K, BlockQ5_K>;
    const Block& block = block_at<Block>(row, first);
    for (int g = 0; g < kGroups; ++g) {
      scales[index * 16 + g] = static_cast<std::uint8_t>(q4_k_scale(block.scales, g));
      scales[index * 16 + 8 + g] = static_cast<std::uint8_t>(q4_k_min(block.scales, g));
    }
    static_cast<std::uint32_t*>(super)[index] = block.d | static_cast<std::uint32_t>(block.dmin) << 16;
  } else if constexpr (type == DType::q6_k) {
    const BlockQ6_K& block = block_at<BlockQ6_K>(row, first);
    for (int i = 0; i < 16; ++i) {
      scales[index * 16 + i] = static_cast<std::uint8_t>(block.scales[i]);
    }
    static_cast<std::uint16_t*>(super)[index] = block.d;
  } else if constexpr (type == DType::iq4_xs) {
    const BlockIQ4_XS& block = block_at<BlockIQ4_XS>(row, first);
    for (int g = 0; g < kGroups; ++g) {
      scales[index * 8 + g] = static_cast<std::uint8_t>(iq4_xs_scale(block, g));
    }
    static_cast<std::uint16_t*>(super)[index] = block.d;
  } else {
    static_assert(type == DType::mxfp4);
    for (int g = 0; g < kGroups; ++g) {
      scales[index * 8 + g] = first + g * 32 < cols ? block_at<BlockMxfp4>(row, first + g * 32).e : std::uint8_t{0};
    }
  }
}

template <DType type>
__global__ void pack_scales(FileRows rows, int n_tiles, int n_units, std::uint8_t* scales, void* super) {
  const std::int64_t index = std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x;  // [tile, unit, row]
  const int r = static_cast<int>(index / kTileRows / n_units) * kTileRows + static_cast<int>(index % kTileRows);
  if (index < std::int64_t{n_tiles} * n_units * kTileRows && r < rows.n_rows) {  // other rows were cleared
    pack_row_scales<type>(rows.row(r), static_cast<int>(index / kTileRows % n_units), rows.cols, scales, super, index);
  }
}

/// F16 and BF16: a thread 8 weights of a row.
__global__ void pack_halves(FileRows rows, int n_steps, std::int64_t n, uint4* out) {
  const std::int64_t index =
      std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x;  // [block, step, k8, row of the block]
  if (index >= n) {
    return;
  }
  constexpr int kMatricesOfK = kStep / 8;
  const std::int64_t k8 = index / kFloatRows % (std::int64_t{n_steps} * kMatricesOfK);
  const auto r = static_cast<int>(index / kFloatRows / kMatricesOfK / n_steps * kFloatRows + index % kFloatRows);
  std::uint32_t words[4] = {};
  for (int i = 0; i < 8 && r < rows.n_rows; ++i) {
    const std::int64_t k = k8 * 8 + i;
    if (k < rows.cols) {
      words[i / 2] |= static_cast<std::uint32_t>(reinterpret_cast<const std::uint16_t*>(rows.row(r))[k])
                      << (i % 2 * 16);
    }
  }
  out[index] = make_uint4(words[0], words[1], words[2], words[3]);
}

/// F32: a thread a lane's 8 weights of 16 of K; pair a has row a % 2 and half a / 2 of K.
__global__ void pack_floats(FileRows rows, int n_tiles, int n_steps, float* out) {
  const std::int64_t index = std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x;  // [tile, step, 4, lane]
  if (index >= std::int64_t{n_tiles} * n_steps * 4 * kWarp) {
    return;
  }
  const int lane = static_cast<int>(index % kWarp);
  const int k16 = static_cast<int>(index / kWarp % (std::int64_t{n_steps} * 4));
  const int tile = static_cast<int>(index / kWarp / 4 / n_steps);
  for (int i = 0; i < 8; ++i) {
    const int r = tile * kTileRows + lane / 4 + i / 2 % 2 * 8;
    const int k = k16 * 16 + i / 4 * 8 + lane % 4 * 2 + i % 2;
    out[index * 8 + i] = r < rows.n_rows && k < rows.cols ? reinterpret_cast<const float*>(rows.row(r))[k] : 0.0F;
  }
}

/// A thread each of n; not before the kernel in front has ended.
template <class... Parameters, class... Args>
Status launch_each(std::int64_t n, Stream stream, void (*kernel)(Parameters...), const Args&... args) {
  return launch("pack_weights", kernel, {.grid = dim3(blocks_for(n, kThreads)), .threads = kThreads, .early = false},
                stream, args...);
}

template <DType type>
Status pack(const FileRows& rows, int n_tiles, const DeviceMatrix& to, std::int64_t tile, Stream stream) {
  const std::int64_t first = tile * to.n_steps;
  const std::int64_t n = std::int64_t{n_tiles} * to.n_steps;
  constexpr int kParts = type == DType::q8_0 ? 8 : 4;
  constexpr int kHighBytes = Raw<type>::kBits == 5 ? 4 : 8;
  auto* codes = static_cast<uint4*>(const_cast<void*>(to.codes)) + first * kParts * kWarp;
  auto* high = static_cast<std::uint8_t*>(const_cast<void*>(to.high)) + first * kParts * kWarp * kHighBytes;
  const LayoutBytes unit = layout_unit_bytes(type);
  auto* scales = static_cast<std::uint8_t*>(const_cast<void*>(to.scales)) + first * unit.scales;
  auto* super = static_cast<std::uint8_t*>(const_cast<void*>(to.super)) + first * unit.super;
  LL_TRY(launch_each(n * kParts * kWarp, stream, pack_codes<type>, rows, n_tiles, to.n_steps, codes, high));
  return launch_each(n * kTileRows, stream, pack_scales<type>, rows, n_tiles, to.n_steps, scales, super);
}

Status pack_f32(const FileRows& rows, int n_tiles, const DeviceMatrix& to, std::int64_t tile, Stream stream) {
  const std::int64_t n = std::int64_t{n_tiles} * to.n_steps * 4 * kWarp;
  auto* out = static_cast<float*>(const_cast<void*>(to.codes)) + tile * to.n_steps * 4 * kWarp * 8;
  return launch_each(n, stream, pack_floats, rows, n_tiles, to.n_steps, out);
}

Status pack_16(const FileRows& rows, int n_tiles, const DeviceMatrix& to, std::int64_t tile, Stream stream) {
  constexpr int kTiles = kFloatRows / kTileRows;
  const std::int64_t block_vectors = std::int64_t{to.n_steps} * (kStep / 8) * kFloatRows;
  const std::int64_t n = (n_tiles + kTiles - 1) / kTiles * block_vectors;
  auto* out = static_cast<uint4*>(const_cast<void*>(to.codes)) + tile / kTiles * block_vectors;
  return launch_each(n, stream, pack_halves, rows, to.n_steps, n, out);
}

}  // namespace

Status pack_weights(const PackArgs& args, Stream stream) {
  const FileRows rows{.data = static_cast<const std::uint8_t*>(args.rows),
                      .row_bytes = args.row_bytes,
                      .n_rows = args.n_rows,
                      .cols = args.to.cols};
  const int n_tiles = layout_tiles(args.n_rows);
  switch (args.to.type) {
    case DType::f32:
      return pack_f32(rows, n_tiles, args.to, args.first_tile, stream);
    case DType::f16:
    case DType::bf16:
      return pack_16(rows, n_tiles, args.to, args.first_tile, stream);
    case DType::q8_0:
      return pack<DType::q8_0>(rows, n_tiles, args.to, args.first_tile, stream);
    case DType::q4_0:
      return pack<DType::q4_0>(rows, n_tiles, args.to, args.first_tile, stream);
    case DType::q4_1:
      return pack<DType::q4_1>(rows, n_tiles, args.to, args.first_tile, stream);
    case DType::q5_0:
      return pack<DType::q5_0>(rows, n_tiles, args.to, args.first_tile, stream);
    case DType::q5_1:
      return pack<DType::q5_1>(rows, n_tiles, args.to, args.first_tile, stream);
    case DType::q4_k:
      return pack<DType::q4_k>(rows, n_tiles, args.to, args.first_tile, stream);
    case DType::q5_k:
      return pack<DType::q5_k>(rows, n_tiles, args.to, args.first_tile, stream);
    case DType::q6_k:
      return pack<DType::q6_k>(rows, n_tiles, args.to, args.first_tile, stream);
    case DType::iq4_nl:
      return pack<DType::iq4_nl>(rows, n_tiles, args.to, args.first_tile, stream);
    case DType::iq4_xs:
      return pack<DType::iq4_xs>(rows, n_tiles, args.to, args.first_tile, stream);
    case DType::mxfp4:
      return pack<DType::mxfp4>(rows, n_tiles, args.to, args.first_tile, stream);
    default:
      return Error{ErrorCode::model_file, "the CUDA backend has no kernels for this format"};
  }
}

}  // namespace llorch::cuda
