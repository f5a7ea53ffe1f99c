// write_gguf: a GgufModel and a number format for each tensor -> a GGUF file. Tensors pass through in pieces of a few
// megabytes, so that the largest model needs no more memory than the largest tensor that has to be built.
#pragma once

#include <functional>
#include <span>
#include <string>

#include "base/result.h"
#include "convert/gguf_model.h"
#include "convert/importance.h"
#include "quant/formats.h"

namespace llorch {

struct WriteOptions {
  int n_threads = 0;                       // 0: the physical cores allowed to the process
  const Importance* importance = nullptr;  // nullptr: all weights count the same
  bool allow_requantize = false;           // take weights that were quantised before
  std::function<void(double)> progress;    // 0..1; may be empty
};

/// The bytes that the file will have.
std::uint64_t gguf_file_bytes(const GgufModel& model, std::span<const DType> types);

/// What write_gguf refuses before it writes anything: formats that have no search, weights that were quantised
/// before, an importance of another size.
Status check_gguf(const GgufModel& model, std::span<const DType> types, const WriteOptions& options);

/// Writes `path` (whole or not at all: a temporary file takes its name at the end). `types` are of model.tensors.
/// Refused on the way: NaN, infinity, and values that the format cannot hold, naming tensor and row.
Status write_gguf(const GgufModel& model, std::span<const DType> types, const std::string& path,
                  const WriteOptions& options);

}  // namespace llorch
