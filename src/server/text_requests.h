// Bodies of POST /tokenize, /detokenize and /apply-template, and the answers to them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "server/fields.h"
#include "tokenizer/chat.h"

namespace llorch {

struct TokenizeRequest {
  std::string content;
  bool add_special = false;    // BOS and EOS, as the model's file says
  bool parse_special = false;  // text of control tokens becomes those tokens
  bool with_pieces = false;    // the text of each token, too
};
std::variant<TokenizeRequest, std::vector<FieldError>> parse_tokenize_request(std::string_view body);
/// {"tokens":[1,2],"count":2}, or {"tokens":[{"id":1,"piece":"a"}],...}: a piece that is no UTF-8 alone is a list of
/// its bytes.
std::string tokenize_body(const TokenizeRequest& request, const Tokenizer& tokenizer);

struct DetokenizeRequest {
  std::vector<std::int32_t> tokens;  // in the vocabulary
  bool skip_special = false;
};
std::variant<DetokenizeRequest, std::vector<FieldError>> parse_detokenize_request(std::string_view body, int vocab);

/// A body that holds messages and what goes with them, and nothing else.
std::variant<ChatInput, std::vector<FieldError>> parse_template_request(std::string_view body,
                                                                        ChatTemplates::ContentForms forms);

/// Longest content whose pieces are listed: each token takes some 40 bytes of the answer.
inline constexpr std::size_t kMaxPiecesBytes = std::size_t{1} << 20U;

}  // namespace llorch
