// find_tensor: one tensor that a plan asks for, wherever a checkpoint has it: under a name of its own, in pieces, or in
// a layout that has to be rebuilt.
#pragma once

#include <set>
#include <string>

#include "base/result.h"
#include "model/family.h"

namespace llorch {

struct TensorPlace {
  const ModelSource& source;
  const Family& family;
  const ModelSpec& spec;
};

/// The tensor of `decl`, with the shape that it must have. Its data are the checkpoint's or, if it had to be built, in
/// `arena`. Names in the file of all that was read are added to `used`.
Result<Tensor> find_tensor(const TensorPlace& place, const WeightDecl& decl, TensorArena& arena,
                           std::set<std::string>& used);

}  // namespace llorch
