// decoder of a tokenizer.json -> steps; the meaning of each is in decoder.h.
#include "tokenizer/hf_parts.h"

namespace llorch {
namespace {

Result<StripDecode> read_strip(const JsonNode& node) {
  StripDecode step;
  LL_ASSIGN(step.content, node.string_or("content", " "));
  LL_ASSIGN(const std::int64_t start, node.integer_or("start", 0));
  LL_ASSIGN(const std::int64_t stop, node.integer_or("stop", 0));
  if (start < 0 || start > INT32_MAX || stop < 0 || stop > INT32_MAX) {
    return node.error("start {} and stop {} must be counts", start, stop);
  }
  step.start = static_cast<int>(start);
  step.stop = static_cast<int>(stop);
  return step;
}

}  // namespace

Status read_decoder(const JsonNode& node, std::vector<DecodeStep>& steps) {
  LL_ASSIGN(const std::string_view type, node.get("type").string());
  if (type == "Sequence") {
    return for_each_child(node, "decoders", [&](const JsonNode& child) { return read_decoder(child, steps); });
  }
  if (type == "ByteLevel") {
    steps.emplace_back(ByteLevelDecode{});
  } else if (type == "ByteFallback") {
    steps.emplace_back(ByteFallbackDecode{});
  } else if (type == "Fuse") {
    steps.emplace_back(FuseDecode{});
  } else if (type == "Replace") {
    LL_ASSIGN(ReplaceStep step, read_replace(node));
    steps.emplace_back(std::move(step));
  } else if (type == "Strip") {
    LL_ASSIGN(StripDecode step, read_strip(node));
    steps.emplace_back(std::move(step));
  } else if (type == "Metaspace") {
    LL_ASSIGN(MetaspaceStep step, read_metaspace(node));
    steps.emplace_back(MetaspaceDecode{std::move(step.replacement), step.prepend != PrependScheme::never});
  } else {
    return not_supported(node, "decoder", type);
  }
  return {};
}

}  // namespace llorch
