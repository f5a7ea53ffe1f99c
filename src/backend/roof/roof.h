// Roof: what this machine can do at most, measured by loops that do nothing else: read memory, multiply 8-bit integers,
// multiply floats. `llorch bench` prints it beside what the model reaches.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/threads.h"

namespace llorch::roof {

/// Rates of all threads of a team together. 1 multiply-add counts as 2 operations.
struct Roof {
  const char* kernels = "";     // "avx512": the instructions that were measured
  double read_gb_per_sec = 0;   // 1e9 bytes
  double int8_tops = 0;         // 1e12 operations, 8-bit products summed in 32 bits
  double f32_tflops = 0;        // 1e12 operations
  std::int64_t read_bytes = 0;  // of the buffer that was read
};

/// Measures for about half a second, besides filling a buffer of `read_bytes`, which should be well beyond the caches.
/// The best of a few rounds counts. With too little memory the buffer is halved until it fits.
Roof measure(ThreadTeam& team, std::int64_t read_bytes);

/// The loops of one instruction set. Each returns a value that depends on all of its work, so that none is left out.
struct Kernels {
  const char* name = "";
  /// Reads n bytes; n is a multiple of 4096, `bytes` is 64-byte aligned.
  std::uint64_t (*read)(const std::byte* bytes, std::size_t n) = nullptr;
  std::uint64_t (*int8)(std::int64_t rounds) = nullptr;
  std::int64_t int8_ops = 0;  // operations of a round
  std::uint64_t (*f32)(std::int64_t rounds) = nullptr;
  std::int64_t f32_ops = 0;
};

/// nullptr when this build or processor lacks them.
const Kernels* avx512_kernels();
const Kernels* avx2_kernels();
const Kernels& scalar_kernels();

}  // namespace llorch::roof
