// The way back from a tokenizer.json to tokenizer.ggml.pre, for those who write a GGUF.
#pragma once

#include <string_view>

#include "base/result.h"
#include "tokenizer/json_node.h"

namespace llorch {

/// The name under which a GGUF says what the normalizer and the pre_tokenizer of a byte-level BPE's tokenizer.json do.
/// ErrorCode::unsupported, naming what has no name, where they do what no rule of gguf_pre.h does.
Result<std::string_view> pre_name_of(const JsonNode& tokenizer_json);

}  // namespace llorch
