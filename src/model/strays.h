// check_strays: nothing of a checkpoint is ignored silently.
#pragma once

#include <set>
#include <string>

#include "base/result.h"
#include "model/plan.h"
#include "model/source.h"

namespace llorch {

/// Refuses tensors that the plan does not use (`used`: names in the file), but for buffers that programs save with a
/// model, and biases that some layers have and others lack. Either means that the file is not what it seems.
Status check_strays(const ModelSource& source, const Plan& plan, const std::set<std::string>& used);

}  // namespace llorch
