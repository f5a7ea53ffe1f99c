// Decoders: texts of tokens -> the text they stand for. A Sequence of tokenizer.json is a vector of steps.
#pragma once

#include <memory>
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
struct WordPieceDecode {  // a space before every token but the first; instead of it `prefix` is taken away
  std::string prefix;
  bool cleanup = true;  // " ." to "." and the like
};
struct CtcDecode {  // of equal neighbours one stays; pads go
  std::string pad;
  std::string delimiter;  // to space, with cleanup
  bool cleanup = true;
};
struct BpeDecode {  // `suffix` to space; to nothing in the last token
  std::string suffix;
};

using DecodeStep = std::variant<ByteLevelDecode, ByteFallbackDecode, FuseDecode, StripDecode, MetaspaceDecode,
                                ReplaceStep, WordPieceDecode, CtcDecode, BpeDecode>;

struct Decoder {
  std::vector<DecodeStep> steps;
  bool join_with_spaces = false;  // a tokenizer.json without a decoder
};

using DecodeTokens = std::vector<std::string>;

/// The text of a whole sequence, as Hugging Face tokenizers give it. Valid UTF-8. The definition of what DecodeStream
/// gives piece by piece.
std::string decode_tokens(const Decoder& decoder, DecodeTokens tokens);
/// One step over tokens of which the first one begins the text (`first`) or not.
DecodeTokens run_decode_step(const DecodeStep& step, DecodeTokens tokens, bool first);
/// The byte of "<0xXX>".
std::optional<char> fallback_byte(std::string_view token);

/// Bytes of one token inside a text, its neighbours left aside.
std::string token_bytes(const Decoder& decoder, std::string_view token);
/// Bytes of the token that begins a text.
std::string first_token_bytes(const Decoder& decoder, std::string_view token);

/// decode_tokens() of a growing sequence: what push() and finish() give, joined, is the text of all tokens. Text waits
/// only while later tokens can change it. The cost of a token does not depend on those before it.
class DecodeStream {
 public:
  /// `decoder` must outlive the stream. Not `first`: the tokens go on with a text.
  DecodeStream(const Decoder& decoder, bool first);
  ~DecodeStream();
  DecodeStream(DecodeStream&&) noexcept;
  DecodeStream& operator=(DecodeStream&&) noexcept;
  /// Whole characters that can no longer change; may be empty.
  std::string push(std::string_view token);
  std::string finish();

 private:
  struct Stages;
  std::unique_ptr<Stages> stages_;
};

}  // namespace llorch
