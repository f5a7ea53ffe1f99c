// check: two runs of the same tokens side by side, step by step; names the first step where they differ. The runs may
// be of two backends, or of two models of the same shape.
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

/// How far one step's values of run B are from A's. Row and column are those of the largest |a - b|.
struct StepDifference {
  int step = 0;
  int layer = -1;
  std::string_view op;    // "linear"
  std::string_view role;  // "attn.q"
  double max_abs = 0;
  double max_rel = 0;  // of |a - b| / |a| where |a| > Tolerance::abs
  double rms = 0;      // of a - b
  double nmse = 0;     // sum of (a - b)^2 / sum of a^2: no unit, so steps can be compared; 0 when both sums are
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

/// Keeps a copy of everything that every step of run A wrote: 4 bytes for each value of each step.
class StepKeeper : public StepObserver {
 public:
  void after(const StepOutput& output) override;
  /// By call: both runs make the same calls when their plans have the same shape.
  const std::vector<std::vector<float>>& kept() const { return kept_; }

 private:
  std::vector<std::vector<float>> kept_;
};

/// Compares every step of run B with what a StepKeeper, which must outlive it, has of A.
class StepComparer : public StepObserver {
 public:
  StepComparer(const StepKeeper& keeper, const Tolerance& tolerance) : keeper_(keeper), tolerance_(tolerance) {}
  void after(const StepOutput& output) override;
  /// After the run. ErrorCode::unsupported when A did not make the same calls, naming the first step of another size.
  Result<CheckReport> report() const;

 private:
  const StepKeeper& keeper_;
  Tolerance tolerance_;
  CheckReport report_;
  std::string unlike_;  // the first step that has no like
};

/// Runs `batch` on both backends, which hold the same model and the same keys and values, and compares what every step
/// wrote. A's values are all kept meanwhile. An error of either run names the backend.
Result<CheckReport> compare(Backend& a, Backend& b, const Batch& batch, const Tolerance& tolerance);

/// Whether the plans are lists of the same steps over slots of the same widths; if not, an error
/// (ErrorCode::unsupported) names the first number or step that differs. What the steps compute with (weights, an
/// epsilon, a RoPE base) may differ: a run shows where that matters.
Status check_same_shape(const Plan& a, const Plan& b);

/// The first step, in a plan's own words (to_string of model/plan.h), that computes with other numbers in b than in a;
/// both empty when there is none. Plans of the same shape.
struct OtherNumbers {
  std::string a, b;
};
OtherNumbers first_other_numbers(const Plan& a, const Plan& b);

/// "blk 3 attn.q", or the role alone outside the layers.
std::string step_name(int layer, std::string_view role);

/// The report as a table, one step a line, and a sentence about the first step over the tolerance.
std::string to_string(const CheckReport& report);

}  // namespace llorch
