// decoder of a tokenizer.json -> steps; the meaning of each is in decoder.h.
#include "base/utf8.h"
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
  if (step.content.empty() || step.content.size() != static_cast<std::size_t>(decode_utf8(step.content).length)) {
    return node.get("content").error("is '{}', one character is needed", step.content);
  }
  step.start = static_cast<int>(start);
  step.stop = static_cast<int>(stop);
  return step;
}

/// A text that is looked for in tokens, so that it must not be empty.
Result<std::string> read_sought(const JsonNode& node, std::string_view key, std::string_view fallback) {
  LL_ASSIGN(std::string text, node.string_or(key, fallback));
  if (text.empty()) {
    return node.get(key).error("is empty");
  }
  return text;
}

Result<WordPieceDecode> read_wordpiece_decoder(const JsonNode& node) {
  WordPieceDecode step;
  LL_ASSIGN(step.prefix, node.string_or("prefix", "##"));
  LL_ASSIGN(step.cleanup, node.boolean_or("cleanup", true));
  return step;
}

Result<CtcDecode> read_ctc(const JsonNode& node) {
  CtcDecode step;
  LL_ASSIGN(step.pad, node.string_or("pad_token", "<pad>"));
  LL_ASSIGN(step.delimiter, read_sought(node, "word_delimiter_token", "|"));
  LL_ASSIGN(step.cleanup, node.boolean_or("cleanup", true));
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
  } else if (type == "WordPiece") {
    LL_ASSIGN(WordPieceDecode step, read_wordpiece_decoder(node));
    steps.emplace_back(std::move(step));
  } else if (type == "CTC") {
    LL_ASSIGN(CtcDecode step, read_ctc(node));
    steps.emplace_back(std::move(step));
  } else if (type == "BPEDecoder") {
    LL_ASSIGN(std::string suffix, read_sought(node, "suffix", "</w>"));
    steps.emplace_back(BpeDecode{std::move(suffix)});
  } else {
    return not_supported(node, "decoder", type);
  }
  return {};
}

}  // namespace llorch
