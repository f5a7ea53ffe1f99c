// The files that hold an Importance: GGUF as `llorch imatrix` and llama.cpp's llama-imatrix write them.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/atomic_file.h"
#include "base/result.h"
#include "convert/importance.h"

namespace llorch {

/// Sums over the inputs of one matrix, or of each expert's.
struct ImportanceSums {
  std::vector<double> squares;  // [n_parts * cols]
  std::vector<double> counts;   // [n_parts] rows that were added up
};

/// Refuses what is no importance matrix, and sums that are NaN, infinite or negative. An expert that no token went to
/// counts all its channels the same; a channel that nothing went through counts a little.
Result<Importance> read_importance(const std::string& path);

struct ImportanceRun {
  std::map<std::string, ImportanceSums> sums;  // by tensor
  std::string dataset;                         // name of the text
  std::uint32_t n_chunks = 0;
  std::uint32_t chunk_tokens = 0;
};
/// Writes and commits `file`.
Status write_importance(const ImportanceRun& run, AtomicFile& file);

}  // namespace llorch
