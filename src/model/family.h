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
#include "model/source.h"
#include "model/spec.h"
#include "model/weights.h"

namespace llorch {

struct Family {
  std::string_view architecture;                  // general.architecture of a GGUF
  std::string_view hf_class;                      // architectures[0] of a config.json; empty: no such directories
  Result<ModelSpec> (*spec)(const ModelSource&);  // numbers only; validate() checks them afterwards
};

std::span<const Family* const> families();

/// The family of a checkpoint; an unknown architecture is refused by name with the list of those known.
Result<const Family*> find_family(const Checkpoint& checkpoint);

/// Metadata -> validated spec. `context`: tokens that will be used, for choices made at load (rope factors).
Result<ModelSpec> make_spec(const ModelSource& source);

/// Weights of a plan, each checked for existence, shape and finite numbers. `source`'s checkpoint must outlive the
/// result.
Result<std::unique_ptr<WeightSource>> bind_weights(const ModelSource& source, const Plan& plan);

}  // namespace llorch
