// What a GGUF's tokenizer.ggml.pre stands for: the file has a name only, the pattern must be known.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "tokenizer/pretokenize.h"

namespace llorch {

enum class PreShape {
  byte_level,  // patterns, then bytes as visible characters
  falcon,      // bytes become visible between two patterns
  spaces,      // no bytes: spaces as '▁', characters as they are, <0xXX> for the rest
};

struct PreRule {
  std::span<const std::string_view> names;
  std::vector<std::string_view> regexes;  // each cuts what the one before it left; matches and the rest are pieces
  PreShape shape = PreShape::byte_level;
  bool nfc = false;            // the models of this name normalise first (llama.cpp leaves it out)
  bool ignore_merges = false;  // pieces that are tokens are taken whole
  bool add_bos = false;        // unless the file says otherwise
};

std::span<const PreRule> pre_rules();
/// The rule of `name`; nothing when it is not known. "default" is the rule of files without a name.
const PreRule* find_pre_rule(std::string_view name);
/// All names, sorted.
std::vector<std::string_view> known_pre_names();
/// The steps of a rule, for a model that takes raw bytes (BpeOptions::raw_bytes) where takes_raw_bytes(rule).
Result<std::vector<PreTokenizeStep>> make_pre_steps(const PreRule& rule);
bool takes_raw_bytes(const PreRule& rule);

}  // namespace llorch
