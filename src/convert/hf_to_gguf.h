// A Hugging Face directory as a GgufModel: names, layouts and keys as llama.cpp has them.
#pragma once

#include <memory>
#include <string>

#include "base/result.h"
#include "checkpoint/checkpoint.h"
#include "convert/gguf_model.h"

namespace llorch {

struct HfOptions {
  std::string name;            // general.name; empty: the directory's
  std::string pre;             // tokenizer.ggml.pre; empty: found from tokenizer.json
  bool with_tokenizer = true;  // false: the file has no vocabulary
};

/// Tensors keep the number format in which they are stored, but for those that readers of GGUF want as F32: norms,
/// biases, routers, positions. ErrorCode::model_file where the directory is damaged or has no tokenizer.json;
/// ErrorCode::unsupported where a GGUF cannot hold its tokenizer.
Result<GgufModel> hf_to_gguf(std::shared_ptr<const Checkpoint> source, const HfOptions& options);

}  // namespace llorch
