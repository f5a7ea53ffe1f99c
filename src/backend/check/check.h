// check: runs two backends side by side on one batch and names the first step where they differ.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "backend/backend.h"

namespace llorch {

/// Values a and b agree when |a - b| <= abs + rel * |a|. NaN agrees with nothing.
struct Tolerance {
  double abs = 1e-4;
  double rel = 1e-3;
};

/// How far one step's values of backend B are from A's. Row and column are those of the largest |a - b|.
struct StepDifference {
  int step = 0;
  int layer = -1;
  std::string_view op;    // "linear"
  std::string_view role;  // "attn.q"
  double max_abs = 0;
  double max_rel = 0;  // of |a - b| / |a| where |a| > Tolerance::abs
  double mean = 0;     // of |a - b|
  int row = 0;
  int col = 0;
  float a = 0;
  float b = 0;
  bool within = true;
};

struct CheckReport {
  std::vector<StepDifference> steps;  // in the order of the plan; a step that writes two slots has two entries
  int first_over = -1;                // index into `steps`; -1: all within the tolerance
};

/// Runs `batch` on both backends, which hold the same model and the same keys and values, and compares what every step
/// wrote. A's values are all kept meanwhile. An error of either run names the backend.
Result<CheckReport> compare(Backend& a, Backend& b, const Batch& batch, const Tolerance& tolerance);

/// The report as a table, one step a line, and a sentence about the first step over the tolerance.
std::string to_string(const CheckReport& report);

}  // namespace llorch
