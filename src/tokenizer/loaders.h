// Loaders: files -> Pipeline. Private to this folder.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "checkpoint/metadata.h"
#include "tokenizer/pipeline.h"

namespace llorch {

/// From the keys tokenizer.ggml.* of a GGUF. Errors name file, key and value.
Result<std::unique_ptr<Pipeline>> load_gguf_tokenizer(const Metadata& metadata);
/// From the text of a tokenizer.json; `name` is the path in errors. What is not supported is an error that names it.
Result<std::unique_ptr<Pipeline>> load_hf_tokenizer(std::string_view json, const std::string& name);

}  // namespace llorch
