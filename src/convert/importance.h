// Importance: how much each input channel of a matrix matters, from running a model over text (`llorch imatrix`).
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/mmap.h"
#include "base/result.h"

namespace llorch {

/// Mean squares of the inputs of matrices, as shares of each matrix's (or expert's) mean: never 0.
struct Importance {
  /// Tensor -> [cols], or [n_experts * cols] of stacked experts.
  std::map<std::string, std::vector<float>, std::less<>> of;

  /// nullptr: nothing is known of that tensor.
  const std::vector<float>* find(std::string_view tensor) const {
    const auto at = of.find(tensor);
    return at == of.end() ? nullptr : &at->second;
  }
};

}  // namespace llorch
