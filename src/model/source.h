// ModelSource: a checkpoint seen through canonical names, whatever its container. Canonical means GGUF's: keys without
// the architecture's prefix ("attention.head_count"), tensors as "blk.0.attn_q.weight". A GGUF is read as it is; a
// Hugging Face directory through the tables in source.cpp.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "checkpoint/checkpoint.h"
#include "model/plan.h"

namespace llorch {

class ModelSource : public WeightNames {
 public:
  /// `checkpoint` must outlive the source. `prefix` is the architecture of a GGUF. `context`: tokens that a sequence
  /// will hold, for choices that are made once, at load; 0: unknown.
  ModelSource(const Checkpoint& checkpoint, std::string prefix, int context)
      : checkpoint_(&checkpoint), prefix_(std::move(prefix)), context_(context) {}

  const Checkpoint& checkpoint() const { return *checkpoint_; }
  const std::string& architecture() const { return prefix_; }
  int context() const { return context_; }
  bool is_hf() const { return checkpoint_->container == Container::safetensors; }

  /// Name in the file of a canonical key or tensor: for lookups, and so that errors name what the user can find.
  std::string key(std::string_view canonical) const;
  std::string tensor_name(std::string_view canonical) const;

  bool has_key(std::string_view canonical) const { return checkpoint_->metadata.has(key(canonical)); }
  /// An integer in [low, high]; a missing key gives the fallback (the overload without one is an error).
  Result<int> integer(std::string_view canonical, std::int64_t low, std::int64_t high) const;
  Result<int> integer_or(std::string_view canonical, int fallback, std::int64_t low, std::int64_t high) const;
  /// A finite number in [low, high].
  Result<double> number(std::string_view canonical, double low, double high) const;
  Result<double> number_or(std::string_view canonical, double fallback, double low, double high) const;
  Result<std::string> string_or(std::string_view canonical, std::string fallback) const;

  const Tensor* tensor(std::string_view canonical) const { return checkpoint_->find(tensor_name(canonical)); }
  bool has(std::string_view canonical) const override { return tensor(canonical) != nullptr; }

 private:
  const Checkpoint* checkpoint_;
  std::string prefix_;
  int context_;
};

}  // namespace llorch
