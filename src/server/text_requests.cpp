// Bodies of the endpoints without an engine: read before, written after the tokenizer has done the work.
#include "server/text_requests.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/json.h"
#include "base/utf8.h"
#include "server/chat_request.h"

namespace llorch {
namespace {

/// read(fields) fills a request from the body's object; its faults, or those of the body, come back instead.
template <class Request, class Read>
std::variant<Request, std::vector<FieldError>> parse(std::string_view body, const Read& read) {
  const auto parsed = parse_object(body);
  if (const auto* error = std::get_if<FieldError>(&parsed)) {
    return std::vector<FieldError>{*error};
  }
  Fields fields(std::get<OrderedJson>(parsed));
  Request request = read(fields);
  fields.refuse_unknown();
  if (!fields.errors.empty()) {
    return std::move(fields.errors);
  }
  return request;
}

void read_ids(Fields& fields, int vocab, std::vector<std::int32_t>& ids) {
  const OrderedJson* list = fields.find("tokens");
  if (list == nullptr) {
    fields.fault("tokens", "required", "is missing", nullptr);
    return;
  }
  if (!list->is_array()) {
    fields.fault("tokens", "type(array)", "must be a list of token ids", list);
    return;
  }
  ids.reserve(list->size());
  for (std::size_t i = 0; i < list->size() && !fields.full(); ++i) {
    const OrderedJson& id = (*list)[i];
    const bool fits = id.is_number_unsigned() && id.get<std::uint64_t>() < static_cast<std::uint64_t>(vocab);
    if (fits) {
      ids.push_back(id.get<std::int32_t>());
    } else {
      fields.fault(fmt::format("tokens[{}]", i), fmt::format("range(0,{})", vocab - 1),
                   fmt::format("must be an id of the vocabulary of {}", vocab), &id);
    }
  }
}

void append_piece(const std::string& piece, std::string& out) {
  if (is_utf8(piece)) {
    out += dump_json(OrderedJson(piece));
    return;
  }
  out += '[';
  for (std::size_t i = 0; i < piece.size(); ++i) {
    out += fmt::format("{}{}", i == 0 ? "" : ",", static_cast<unsigned char>(piece[i]));
  }
  out += ']';
}

}  // namespace

std::variant<TokenizeRequest, std::vector<FieldError>> parse_tokenize_request(std::string_view body) {
  return parse<TokenizeRequest>(body, [](Fields& fields) {
    TokenizeRequest request;
    fields.boolean("add_special", request.add_special);
    fields.boolean("parse_special", request.parse_special);
    fields.boolean("with_pieces", request.with_pieces);
    const OrderedJson* content = fields.find("content");
    if (content == nullptr) {
      fields.fault("content", "required", "is missing", nullptr);
    } else if (fields.is_text("content", *content, 0, std::string::npos)) {
      request.content = content->get<std::string>();
    }
    if (request.with_pieces && request.content.size() > kMaxPiecesBytes) {
      fields.fault("content", fmt::format("max_length({})", kMaxPiecesBytes),
                   fmt::format("must have at most {} bytes with with_pieces", kMaxPiecesBytes), nullptr);
    }
    return request;
  });
}

std::string tokenize_body(const TokenizeRequest& request, const Tokenizer& tokenizer) {
  const EncodeOptions options{.parse_special = request.parse_special, .add_special = request.add_special};
  const auto ids = tokenizer.encode(request.content, options);
  if (!request.with_pieces) {
    return fmt::format(R"({{"tokens":[{}],"count":{}}})", fmt::join(ids, ","), ids.size());
  }
  std::string out = R"({"tokens":[)";
  for (std::size_t i = 0; i < ids.size(); ++i) {
    out += fmt::format(R"({}{{"id":{},"piece":)", i == 0 ? "" : ",", ids[i]);
    append_piece(tokenizer.piece(ids[i]), out);
    out += '}';
  }
  return out + fmt::format(R"(],"count":{}}})", ids.size());
}

std::variant<DetokenizeRequest, std::vector<FieldError>> parse_detokenize_request(std::string_view body, int vocab) {
  return parse<DetokenizeRequest>(body, [vocab](Fields& fields) {
    DetokenizeRequest request;
    read_ids(fields, vocab, request.tokens);
    fields.boolean("skip_special", request.skip_special);
    return request;
  });
}

std::variant<ChatInput, std::vector<FieldError>> parse_template_request(std::string_view body,
                                                                        ChatTemplates::ContentForms forms) {
  return parse<ChatInput>(body, [forms](Fields& fields) { return read_chat(fields, forms); });
}

}  // namespace llorch
