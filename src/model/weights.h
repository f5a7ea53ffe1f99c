// Weights: the bridge from a plan's weight declarations to the bytes of a checkpoint. Whoever makes one (bind_weights
// in model/family.h) has checked that each tensor exists with the declared shape.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "model/plan.h"
#include "quant/formats.h"

namespace llorch {

/// A matrix in its file's format: row r begins at data + r * row_bytes.
struct MatrixView {
  DType type = DType::f32;
  std::int64_t rows = 0;
  std::int64_t cols = 0;
  std::int64_t row_bytes = 0;
  const std::byte* data = nullptr;  // valid as long as the WeightSource
  std::string name;
};

/// Hands a backend its weights, by index into Plan::weights.
class WeightSource {
 public:
  virtual ~WeightSource() = default;
  virtual Result<MatrixView> matrix(WeightId id) const = 0;
  virtual Result<std::vector<float>> vector(WeightId id) const = 0;
  /// Rows [begin, end) of a matrix are not read again, by anybody: memory that holds them may be given back.
  virtual void drop(WeightId /*id*/, std::int64_t /*begin*/, std::int64_t /*end*/) const {}
};

}  // namespace llorch
