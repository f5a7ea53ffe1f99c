// Merges of a tokenizer.json as scores of SentencePiece: of two pieces that can be made, the one with the higher score
// is made first.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "tokenizer/json_node.h"
#include "tokenizer/tokenizer.h"

namespace llorch {

/// A score for each id below `n_tokens`. ErrorCode::unsupported where scores would make what no merge does. A note is
/// added where the merges of several tokens lie among one another, which scores cannot say.
Result<std::vector<float>> spm_scores(const JsonNode& model, std::size_t n_tokens, std::vector<std::string>& notes);

}  // namespace llorch
