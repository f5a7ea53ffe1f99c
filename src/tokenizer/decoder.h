// Decoders: texts of tokens -> the text they stand for. A Sequence of tokenizer.json is a vector of steps.
#pragma once

#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "tokenizer/normalize.h"

namespace llorch {

struct ByteLevelDecode {};     // visible characters back to bytes, all tokens joined
struct ByteFallbackDecode {};  // runs of <0xXX> to characters
struct FuseDecode {};          // joins all tokens
struct StripDecode {           // takes up to start / stop times `content` from the ends of every token
  std::string content;
  int start = 0;
  int stop = 0;
};
struct MetaspaceDecode {  // `replacement` to space; to nothing in the first token when one was prepended
  std::string replacement;
  bool prepended = true;
};

using DecodeStep =
    std::variant<ByteLevelDecode, ByteFallbackDecode, FuseDecode, StripDecode, MetaspaceDecode, ReplaceStep>;

struct Decoder {
  std::vector<DecodeStep> steps;
  bool join_with_spaces = false;  // a tokenizer.json without a decoder
};

/// The text of a whole sequence, as Hugging Face tokenizers give it. Valid UTF-8.
std::string decode_tokens(const Decoder& decoder, std::vector<std::string> tokens);
/// Bytes of one token inside a text.
std::string token_bytes(const Decoder& decoder, std::string_view token);
/// Bytes of the token that begins a text.
std::string first_token_bytes(const Decoder& decoder, std::string_view token);

}  // namespace llorch
