// What the readers of a tokenizer.json's components share: patterns, Metaspace, Sequences. Private to this folder.
#pragma once

#include <string>
#include <string_view>

#include "tokenizer/hf_components.h"

namespace llorch {

Error not_supported(const JsonNode& node, std::string_view component, std::string_view type);

Result<ReplaceStep> read_replace(const JsonNode& node);
Result<MetaspaceStep> read_metaspace(const JsonNode& node);

/// Calls read(child, out...) for every member of a Sequence's list.
template <class Read>
Status for_each_child(const JsonNode& node, std::string_view list, const Read& read) {
  LL_ASSIGN(const auto children, node.get(list).items());
  for (const JsonNode& child : children) {
    LL_TRY(read(child));
  }
  return {};
}

}  // namespace llorch
