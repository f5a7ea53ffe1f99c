// What a GGUF says of a model beside its weights, made from a Hugging Face directory's spec: the keys of the
// architecture, and the tensors that hold no weights (factors of the rope). What a family adds is in its GgufForm.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "model/family.h"

namespace llorch {

/// "general.architecture", and all keys of the architecture.
Status add_gguf_keys(const ModelSource& source, const Family& family, const ModelSpec& spec, GgufHeader& header);

/// The tensors rope_freqs.weight, or rope_factors_long.weight and rope_factors_short.weight, of models that have them.
struct RopeTensor {
  std::string name;
  std::vector<float> factors;  // [rope.dims / 2]
};
Result<std::vector<RopeTensor>> gguf_rope_tensors(const ModelSource& source, const ModelSpec& spec);

/// A GGUF's name of a canonical tensor: "blk.0.post_attention_norm.weight" for gpt-oss' "blk.0.ffn_norm.weight".
std::string gguf_tensor_name(const ModelSource& source, const Family& family, std::string_view canonical);

}  // namespace llorch
