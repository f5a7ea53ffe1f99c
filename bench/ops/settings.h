// What ops_bench measures and for how long: its options, checked.
#pragma once

#include <cstdint>
#include <vector>

#include "backend/kv_bytes.h"
#include "backend/ops.h"
#include "base/result.h"
#include "quant/formats.h"

namespace llorch::bench {

struct Settings {
  int n_threads = 0;
  int least_ms = 100;   // that each measurement takes
  int memory_mb = 256;  // of weights, or of KV, that a measurement goes through; beyond the caches
  std::vector<OpTable> tables;
  std::vector<const Format*> formats;
  std::vector<KvType> kv_types;
  std::vector<int> rows_of_x = {1, 16, 512};  // tokens of a batch
  int rows = 2048;                            // of a matrix [rows, cols]; rows is the width of gate as well
  int cols = 2048;                            // and cols that of x
  int n_heads = 32;
  int n_kv_heads = 8;
  int head_dim = 64;
  int context = 4096;  // tokens in the KV cache when attend runs
  int chunk = 512;     // last tokens of the context that attend sees at once
  int vocab = 128256;

  std::int64_t memory_bytes() const { return std::int64_t{memory_mb} << 20; }
};

/// An error that names what does not fit together: cols and a format's blocks, heads and KV heads, chunk and context.
Status check(const Settings& settings);

}  // namespace llorch::bench
