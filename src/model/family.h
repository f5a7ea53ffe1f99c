// Family: how one architecture's metadata becomes a ModelSpec, and how its files name and lay out their tensors. Each
// is one file in families/; list.cpp names them all.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "checkpoint/checkpoint.h"
#include "checkpoint/gguf_header.h"
#include "model/build_tensor.h"
#include "model/plan.h"
#include "model/source.h"
#include "model/spec.h"
#include "model/weights.h"

namespace llorch {

/// A tensor that a plan asked for, as the file has it, for a family to rebuild.
struct FoundTensor {
  const ModelSource& source;
  std::string_view name;  // canonical, without "blk.N.": "attn_qkv.weight"
  const Tensor& tensor;
  const WeightDecl& decl;  // what is needed
  const ModelSpec& spec;
  TensorArena& arena;
  std::set<std::string>& used;  // names in the file; those of further tensors that the family reads are added
};
using Built = Result<std::optional<Tensor>>;
inline Built some(Result<Tensor> tensor) {
  return tensor.ok() ? Built(std::optional(std::move(tensor).value())) : Built(tensor.error());
}

/// What a GGUF of a family has of its own, for those who write one from a Hugging Face directory (gguf_keys.h).
struct GgufForm {
  bool adjacent_rows = false;  // rows of q and k are reordered, so that pairs that turn together are neighbours
  bool lighter_mix = false;    // llama.cpp's mixes give ffn_down fewer bits than elsewhere, the output Q8_0
  /// Keys that do not follow from the spec alone, or are named in a way of the family's own.
  Status (*add_keys)(const ModelSource&, const ModelSpec&, GgufHeader&) = nullptr;
  /// The file's name of a tensor, without "blk.N.", where it is not the first that NameTables has for it.
  std::string_view (*tensor_name)(const ModelSource&, std::string_view canonical) = nullptr;
};

struct Family {
  NameTables names;
  std::span<const std::string_view> hf_classes = {};  // architectures[0] of a config.json; empty: no such directories
  Result<ModelSpec> (*spec)(const ModelSource&) = nullptr;  // numbers only; validate() checks them afterwards
  Built (*build)(const FoundTensor&) = nullptr;             // nullopt: as the file has it; nullptr: always so
  GgufForm gguf = {};
};

std::span<const Family* const> families();

/// The family of a checkpoint; an unknown architecture is refused by name with the list of those known.
Result<const Family*> find_family(const Checkpoint& checkpoint);

/// Metadata -> validated spec. `source` has the names of the checkpoint's family.
Result<ModelSpec> make_spec(const ModelSource& source);

/// Which weights bind_weights looks through for NaN and infinities.
enum class NumberCheck : std::uint8_t {
  all,
  made_of_bytes,  // those alone that no other look at the files' tensors can see: built from tensors of bytes
};
/// Weights of a plan, each checked for existence and shape, and those that `numbers` says for finite numbers, and that
/// the files have no others. `source`'s checkpoint must outlive the result.
Result<std::unique_ptr<WeightSource>> bind_weights(const ModelSource& source, const Plan& plan,
                                                   NumberCheck numbers = NumberCheck::all);
/// What bind_weights checks with NumberCheck::made_of_bytes, without the weights: nothing is built but what is made of
/// bytes, one tensor at a time. Of FP8 the values are among the numbers that another look has to see.
Status check_weights(const ModelSource& source, const Plan& plan);

}  // namespace llorch
