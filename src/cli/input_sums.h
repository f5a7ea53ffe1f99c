// InputSums: an observer that adds up the squares of what goes into every matrix of a model: how much each input
// channel matters to its outputs.
#pragma once

#include <array>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "backend/backend.h"
#include "convert/importance_file.h"
#include "model/plan.h"

namespace llorch::cli {

class InputSums : public StepObserver {
 public:
  /// `plan` must outlive this.
  explicit InputSums(const Plan& plan) : plan_(&plan) {}

  void after(const StepOutput& output) override;
  /// By the tensor's canonical (GGUF) name. Experts and heads are counted apart.
  const std::map<std::string, ImportanceSums>& sums() const { return sums_; }

 private:
  /// A slot as the step before left it.
  struct Kept {
    std::vector<float> values;  // [rows, width]
    int rows = 0;
    int width = 0;
  };

  /// Adds the row x[cols] to part `part` of the tensor's `n_parts`.
  void add(WeightId weight, int n_parts, int part, std::span<const float> x);
  void add_linear(const LinearOp& op);
  void add_heads(const HeadsLinearOp& op);
  void add_experts(const ExpertsOp& op);
  const Kept& kept(Slot slot) const { return kept_[static_cast<std::size_t>(slot)]; }

  const Plan* plan_;
  std::array<Kept, kSlots> kept_;
  std::map<std::string, ImportanceSums> sums_;
};

}  // namespace llorch::cli
