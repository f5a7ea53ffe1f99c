// Family: how one architecture's metadata becomes a ModelSpec, and how a Hugging Face directory of it is read. Each is
// one file in families/; list.cpp names them all.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "checkpoint/checkpoint.h"
#include "model/plan.h"
#include "model/spec.h"
#include "model/weights.h"

namespace llorch {

/// A checkpoint seen through canonical (GGUF) names of keys and tensors, whatever its container.
class ModelSource;

struct Family {
  std::string_view architecture;  // general.architecture of a GGUF
  std::string_view hf_class;      // architectures[0] of a config.json
  Result<ModelSpec> (*spec)(const ModelSource& source);
};

std::span<const Family* const> families();

/// Opens the canonical view; an unknown architecture is refused by name with the list of those known.
Result<std::unique_ptr<ModelSource>> open_source(const Checkpoint& checkpoint);
/// Metadata -> validated spec. `context`: tokens that will be used, for choices made at load (rope factors).
Result<ModelSpec> make_spec(const ModelSource& source, int context);
/// Weights of a plan, each checked for existence, shape and finite numbers.
Result<std::unique_ptr<WeightSource>> bind_weights(const ModelSource& source, const Plan& plan);

}  // namespace llorch
