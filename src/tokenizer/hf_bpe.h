// model "BPE" of a tokenizer.json, and the vocabulary that other models have in the same form.
#pragma once

#include <memory>
#include <optional>

#include "base/result.h"
#include "tokenizer/json_node.h"
#include "tokenizer/pipeline.h"

namespace llorch {

/// Ids may have holes, but the tables that they index must stay in proportion to the file.
inline std::int64_t hf_id_limit(std::size_t n_entries) {
  return static_cast<std::int64_t>(n_entries) * 2 + 4096;
}

/// {"text": id, ...}
Result<std::shared_ptr<const Vocab>> read_hf_vocab(const JsonNode& node);
/// The id of "unk_token"; none, with a warning, when it is not in spec.vocab.
Result<std::optional<std::int32_t>> read_unknown(const JsonNode& model, PipelineSpec& spec);
/// A merge is "left right", or ["left", "right"] in newer files. False: neither.
bool split_merge(simdjson::dom::element merge, std::string_view& left, std::string_view& right);
/// "#version: 0.2": the first line of merges.txt, which old files took along.
bool is_version_line(simdjson::dom::element merge);
/// Sets spec.vocab and spec.model. After the pre-tokenizer: its last step may leave bytes as they are from now on.
Status read_bpe(const JsonNode& model, PipelineSpec& spec);

}  // namespace llorch
