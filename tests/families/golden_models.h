// The models of tests/data/families, opened.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "backend/backend.h"
#include "checkpoint/checkpoint.h"
#include "model/family.h"

namespace llorch::testing {

/// Names of all folders, sorted.
std::vector<std::string> golden_names();

/// NAME/model.gguf, or NAME/hf.
Checkpoint open_golden(const std::string& name, bool hf = false);
/// Whether there is NAME/hf.
bool has_hf(const std::string& name);

/// A checkpoint's plan, weights and a backend that holds them, or the first error on the way.
struct Loaded {
  Plan plan;
  std::unique_ptr<ModelSource> source;
  std::unique_ptr<WeightSource> weights;
  std::unique_ptr<Backend> backend;
};
Result<Loaded> load_golden(const Checkpoint& checkpoint, const std::string& device, const BackendOptions& options);

}  // namespace llorch::testing
