// The replaceable parts of a tokenizer.json -> steps of a Pipeline. A type or option that is not supported is an error
// that names it: ids that are silently wrong are worse than none.
#pragma once

#include <vector>

#include "base/result.h"
#include "tokenizer/json_node.h"
#include "tokenizer/pipeline.h"

namespace llorch {

// Each takes the component's node (null: nothing to do) and appends to its list; Sequences are flattened.
Status read_normalizer(const JsonNode& node, std::vector<NormalizeStep>& steps);
Status read_pre_tokenizer(const JsonNode& node, std::vector<PreTokenizeStep>& steps);
Status read_decoder(const JsonNode& node, std::vector<DecodeStep>& steps);
/// Ids put before and after one text by the post-processor.
Status read_post_processor(const JsonNode& node, std::vector<std::int32_t>& before, std::vector<std::int32_t>& after);

/// The models, each with its vocabulary: they fill spec.vocab and spec.model.
Status read_unigram(const JsonNode& model, PipelineSpec& spec);
Status read_wordpiece(const JsonNode& model, PipelineSpec& spec);
Status read_wordlevel(const JsonNode& model, PipelineSpec& spec);
/// Into spec.added; spec.vocab is there.
Status read_added_tokens(const JsonNode& node, PipelineSpec& spec);

/// Refuses steps that together could make a text more than kMaxGrowth times as long: a file must not turn a short
/// prompt into gigabytes. llama 2's steps count 12, those of ALBERT 99.
inline constexpr double kMaxGrowth = 256;
Status check_growth(const JsonNode& root, const PipelineSpec& spec);

}  // namespace llorch
