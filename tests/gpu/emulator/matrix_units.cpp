#include "gpu/emulator/matrix_units.h"

#include <array>
#include <bit>
#include <cstring>
#include <memory>

#include "gpu/emulator/include/cuda_fp16.h"
#include "gpu/emulator/shared_memory.h"

namespace llorch::emulator {
namespace {

constexpr int kRows = 16;
constexpr int kColumns = 8;
constexpr int kFloatK = 16;
constexpr std::uint32_t kAllLanes = 0xFFFFFFFFU;

const MmaOperand& operand(void* const* operands, int lane) {
  return *static_cast<const MmaOperand*>(operands[lane]);
}

void need_all(std::uint32_t lanes) {
  if (lanes != kAllLanes) {
    stop("a matrix instruction without all lanes of the warp");
  }
}

/// c[row][column] += a[row][k] b[k][column], k from the first to the last.
template <int n_rows, int n_columns, int n_k, class T>
void multiply_add(const T (&a)[n_rows][n_k], const T (&b)[n_k][n_columns], T (&c)[n_rows][n_columns]) {
  for (int row = 0; row < n_rows; ++row) {
    for (int k = 0; k < n_k; ++k) {
      for (int column = 0; column < n_columns; ++column) {
        c[row][column] += a[row][k] * b[k][column];
      }
    }
  }
}

/// Element i of C of a lane: rows l / 4 and + 8, columns 2 (l % 4) and + 1.
int row_of(int lane, int i) {
  return lane / 4 + i / 2 * 8;
}
int column_of(int lane, int i) {
  return lane % 4 * 2 + i % 2;
}

template <int n_k, class T>
void multiply_lanes(void* const* operands, const T (&a)[kRows][n_k], const T (&b)[n_k][kColumns]) {
  T c[kRows][kColumns];
  for (int lane = 0; lane < kWarpLanes; ++lane) {
    for (int i = 0; i < 4; ++i) {
      c[row_of(lane, i)][column_of(lane, i)] = static_cast<const T*>(operand(operands, lane).c)[i];
    }
  }
  multiply_add(a, b, c);
  for (int lane = 0; lane < kWarpLanes; ++lane) {
    for (int i = 0; i < 4; ++i) {
      static_cast<T*>(operand(operands, lane).c)[i] = c[row_of(lane, i)][column_of(lane, i)];
    }
  }
}

template <Float type>
void multiply_floats(void* const* operands, std::uint32_t lanes) {
  need_all(lanes);
  float a[kRows][kFloatK];
  float b[kFloatK][kColumns];
  for (int lane = 0; lane < kWarpLanes; ++lane) {
    const MmaOperand& own = operand(operands, lane);
    for (int half = 0; half < 2; ++half) {
      const int k = lane % 4 * 2 + half;
      for (int i = 0; i < 4; ++i) {
        a[lane / 4 + i % 2 * 8][k + i / 2 * 8] = widen(type, static_cast<std::uint16_t>(own.a[i] >> (16 * half)));
      }
      for (int i = 0; i < 2; ++i) {
        b[k + i * 8][lane / 4] = widen(type, static_cast<std::uint16_t>(own.b[i] >> (16 * half)));
      }
    }
  }
  multiply_lanes(operands, a, b);
}

template <int n_k>
void multiply_bytes(void* const* operands, std::uint32_t lanes) {
  need_all(lanes);
  int a[kRows][n_k];
  int b[n_k][kColumns];
  for (int lane = 0; lane < kWarpLanes; ++lane) {
    const MmaOperand& own = operand(operands, lane);
    for (int byte = 0; byte < 4; ++byte) {
      const int k = lane % 4 * 4 + byte;
      for (int i = 0; i < n_k / 8; ++i) {
        a[lane / 4 + i % 2 * 8][k + i / 2 * 16] = static_cast<std::int8_t>(own.a[i] >> (8 * byte));
      }
      for (int i = 0; i < n_k / 16; ++i) {
        b[k + i * 16][lane / 4] = static_cast<std::int8_t>(own.b[i] >> (8 * byte));
      }
    }
  }
  multiply_lanes(operands, a, b);
}

struct Matrices {
  std::uint16_t at[4][8][8];
};
Matrices read_matrices(void* const* operands, std::uint32_t lanes) {
  need_all(lanes);
  Matrices matrices;
  for (int lane = 0; lane < kWarpLanes; ++lane) {
    const void* row = static_cast<const MatrixOperand*>(operands[lane])->at;
    if (reinterpret_cast<std::uintptr_t>(row) % sizeof(matrices.at[0][0]) != 0) {
      stop("a row of a matrix at an address that is no multiple of 16");
    }
    std::memcpy(matrices.at[lane / 8][lane % 8], row, sizeof(matrices.at[0][0]));
  }
  return matrices;
}

/// Rows of 16 of K of an operand of the warpgroup's product.
template <int n_rows>
void read_operand(Float type, std::uint64_t descriptor, float (&rows)[n_rows][kFloatK]) {
  constexpr std::uint64_t kField = 0x3FFF;
  constexpr std::uint64_t kFields = kField | kField << 16 | kField << 32;
  if ((descriptor & ~kFields) != 0) {
    stop("a descriptor of shared memory with a swizzle or an offset, which is not emulated");
  }
  const auto field = [&](int bit) { return static_cast<std::uint32_t>(descriptor >> bit & kField) * 16; };
  for (int row = 0; row < n_rows; ++row) {
    for (int k8 = 0; k8 < kFloatK / 8; ++k8) {
      const std::uint32_t at = field(0) + static_cast<std::uint32_t>(k8) * field(16) +
                               static_cast<std::uint32_t>(row / 8) * field(32) +
                               static_cast<std::uint32_t>(row % 8) * 16;
      std::uint16_t values[8];
      std::memcpy(values, at_shared_offset(at, sizeof(values)), sizeof(values));
      for (int i = 0; i < 8; ++i) {
        rows[row][k8 * 8 + i] = widen(type, values[i]);
      }
    }
  }
}

/// A product's operands and sums, which are too large for a fiber's stack.
struct GroupOperands {
  float a[kGroupRows][kFloatK];
  float b_rows[kGroupColumns][kFloatK];
  float b[kFloatK][kGroupColumns];
  float d[kGroupRows][kGroupColumns];
};

}  // namespace

float widen(Float type, std::uint16_t bits) {
  return type == Float::bf16 ? std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16)
                             : __half2float(__ushort_as_half(bits));
}

void multiply_f16(void* const* operands, std::uint32_t lanes) {
  multiply_floats<Float::f16>(operands, lanes);
}
void multiply_bf16(void* const* operands, std::uint32_t lanes) {
  multiply_floats<Float::bf16>(operands, lanes);
}
void multiply_q8(void* const* operands, std::uint32_t lanes) {
  multiply_bytes<32>(operands, lanes);
}
void multiply_q8_half(void* const* operands, std::uint32_t lanes) {
  multiply_bytes<16>(operands, lanes);
}

void load_rows(void* const* operands, std::uint32_t lanes) {
  const Matrices matrices = read_matrices(operands, lanes);
  for (int lane = 0; lane < kWarpLanes; ++lane) {
    for (int i = 0; i < 4; ++i) {
      const std::uint16_t* two = matrices.at[i][lane / 4] + lane % 4 * 2;
      static_cast<const MatrixOperand*>(operands[lane])->r[i] = two[0] | static_cast<std::uint32_t>(two[1]) << 16;
    }
  }
}

void load_columns(void* const* operands, std::uint32_t lanes) {
  const Matrices matrices = read_matrices(operands, lanes);
  for (int lane = 0; lane < kWarpLanes; ++lane) {
    for (int i = 0; i < 4; ++i) {
      const std::uint32_t first = matrices.at[i][lane % 4 * 2][lane / 4];
      const std::uint32_t second = matrices.at[i][lane % 4 * 2 + 1][lane / 4];
      static_cast<const MatrixOperand*>(operands[lane])->r[i] = first | second << 16;
    }
  }
}

void multiply_group(const GroupProduct* const* products) {
  static const auto memory = std::make_unique<GroupOperands>();
  GroupOperands& m = *memory;
  const GroupProduct& first = *products[0];
  for (int thread = 1; thread < kGroupThreads; ++thread) {
    const GroupProduct& other = *products[thread];
    if (other.type != first.type || other.a != first.a || other.b != first.b || other.adds != first.adds) {
      stop("threads of a warpgroup give other operands for a product");
    }
  }
  read_operand(first.type, first.a, m.a);
  read_operand(first.type, first.b, m.b_rows);
  for (int k = 0; k < kFloatK; ++k) {
    for (int column = 0; column < kGroupColumns; ++column) {
      m.b[k][column] = m.b_rows[column][k];
    }
  }
  // Thread t has of each 8 columns what lane t % 32 of a warp has, in rows from 16 (t / 32) on.
  const auto each = [&](const auto& fn) {
    for (int thread = 0; thread < kGroupThreads; ++thread) {
      for (int i = 0; i < kGroupColumns / 2; ++i) {
        const int lane = thread % kWarpLanes;
        const int row = thread / kWarpLanes * kRows + row_of(lane, i % 4);
        fn(products[thread]->d[i], m.d[row][i / 4 * kColumns + column_of(lane, i % 4)]);
      }
    }
  };
  each([&](const float& of_thread, float& d) { d = first.adds ? of_thread : 0.0F; });
  multiply_add(m.a, m.b, m.d);
  each([](float& of_thread, const float& d) { of_thread = d; });
}

}  // namespace llorch::emulator
