// ModelSource: a checkpoint seen through canonical names, whatever its container. Canonical means GGUF's: keys without
// the architecture's prefix ("attention.head_count"), tensors as "blk.0.attn_q.weight". What a file calls otherwise is
// found through tables of names: the family's, then those that most Hugging Face directories share.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "checkpoint/checkpoint.h"
#include "model/plan.h"

namespace llorch {

/// A canonical name and the file's. Of several rows for one name the first that the file has counts.
struct NamePair {
  std::string_view canonical;
  std::string_view in_file;
};

/// How a family's files call things. Tensors are named without "blk.N." and, if not given, with the canonical suffix:
/// {"attn_q", "self_attn.q_proj"} stands for weights and biases. A '#' in a Hugging Face name counts experts, whose
/// tensors are stacked.
struct NameTables {
  std::string_view architecture;  // general.architecture of a GGUF, the prefix of its keys
  std::span<const NamePair> gguf_tensors = {};
  std::span<const NamePair> hf_keys = {};  // paths in config.json
  std::span<const NamePair> hf_tensors = {};
  std::string_view hf_layers = "model.layers.";
  std::string_view hf_optional = {};  // a prefix of all names that some files leave out
};

class ModelSource : public WeightNames {
 public:
  /// `checkpoint` must outlive the source. `context`: tokens that a sequence will hold, for choices that are made once,
  /// at load; 0: unknown.
  ModelSource(const Checkpoint& checkpoint, const NameTables& names, int context)
      : checkpoint_(&checkpoint), names_(names), context_(context) {}

  const Checkpoint& checkpoint() const { return *checkpoint_; }
  const Metadata& metadata() const { return checkpoint_->metadata; }
  std::string architecture() const { return std::string(names_.architecture); }
  int context() const { return context_; }
  bool is_hf() const { return checkpoint_->container == Container::safetensors; }

  /// Name in the file of a canonical key or tensor: for lookups, and so that errors name what the user can find.
  std::string key(std::string_view canonical) const;
  std::string tensor_name(std::string_view canonical) const;

  bool has_key(std::string_view canonical) const { return metadata().has(key(canonical)); }
  /// An integer in [low, high]; a missing key gives the fallback (the overload without one is an error).
  Result<int> integer(std::string_view canonical, std::int64_t low, std::int64_t high) const;
  Result<int> integer_or(std::string_view canonical, int fallback, std::int64_t low, std::int64_t high) const;
  /// A finite number in [low, high].
  Result<double> number(std::string_view canonical, double low, double high) const;
  Result<double> number_or(std::string_view canonical, double fallback, double low, double high) const;
  Result<bool> boolean_or(std::string_view canonical, bool fallback) const;
  Result<std::string> string_or(std::string_view canonical, std::string fallback) const;
  /// "FILE: KEY is VALUE" and what is wrong with it.
  Error refuse(std::string_view canonical, std::string_view why) const;

  /// Of experts in tensors of their own: the first one's.
  const Tensor* tensor(std::string_view canonical) const;
  bool has(std::string_view canonical) const override { return tensor(canonical) != nullptr; }

 private:
  const Checkpoint* checkpoint_;
  NameTables names_;
  int context_;
};

/// `name` with '#' replaced: the tensor of one expert.
std::string expert_name(std::string_view name, std::int64_t expert);

}  // namespace llorch
