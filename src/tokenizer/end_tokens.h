// Which tokens end a turn, and which one begins a text, where files do not say it in one place.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "checkpoint/metadata.h"
#include "tokenizer/pipeline.h"

namespace llorch {

/// Ids of control tokens among `added` whose text is known to end a message ("<|im_end|>", "</s>").
std::vector<std::int32_t> known_end_ids(const std::vector<AddedToken>& added);

/// Sets end_ids and bos_id of a Hugging Face directory's tokenizer: generation_config.json, config.json (`config`, may
/// be empty) and tokenizer_config.json beside `tokenizer_json_path`. Absent files are fine, damaged ones are not.
Status read_end_ids(Pipeline& tokenizer, const Metadata& config, const std::string& tokenizer_json_path);

}  // namespace llorch
