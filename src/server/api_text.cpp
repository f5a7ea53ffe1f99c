// POST /tokenize, /detokenize, /apply-template: what the tokenizer and the chat template make of a text, without the
// engine.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <exception>
#include <nlohmann/json.hpp>

#include "base/json.h"
#include "server/api.h"
#include "server/chat_request.h"
#include "server/text_requests.h"

namespace llorch {
namespace {

const HttpHeaders kJsonHeaders = {{"Content-Type", "application/json"}, {"Cache-Control", "no-store"}};

/// The request, or nothing when the client was told what is wrong with it.
template <class Request>
Request* take(std::variant<Request, std::vector<FieldError>>& parsed, ResponseWriter& writer) {
  if (const auto* errors = std::get_if<std::vector<FieldError>>(&parsed)) {
    respond_errors(writer, *errors);
    return nullptr;
  }
  return &std::get<Request>(parsed);
}

}  // namespace

void Api::text(const HttpRequest& http, ResponseWriter& writer) const try {
  if (http.path == "/tokenize") {
    tokenize(http.body, writer);
  } else if (http.path == "/detokenize") {
    detokenize(http.body, writer);
  } else {
    apply_template(http.body, writer);
  }
} catch (const std::exception& e) {
  respond_error(writer, 500, {"INTERNAL", e.what(), false});
}

void Api::tokenize(std::string_view body, ResponseWriter& writer) const {
  auto parsed = parse_tokenize_request(body);
  if (const auto* request = take(parsed, writer)) {
    writer.respond(200, kJsonHeaders, tokenize_body(*request, *tokenizer_));
  }
}

void Api::detokenize(std::string_view body, ResponseWriter& writer) const {
  auto parsed = parse_detokenize_request(body, info_.vocab);
  const auto* request = take(parsed, writer);
  if (request == nullptr) {
    return;
  }
  const auto content = tokenizer_->decode(request->tokens, request->skip_special);
  if (!content.ok()) {
    respond_errors(writer, {{"tokens", "vocabulary", content.error().message, ""}});
    return;
  }
  const nlohmann::ordered_json answer = {{"content", *content}};
  writer.respond(200, kJsonHeaders, dump_json(answer));
}

void Api::apply_template(std::string_view body, ResponseWriter& writer) const {
  auto parsed = parse_template_request(body, chat_->content_forms());
  const auto* input = take(parsed, writer);
  if (input == nullptr) {
    return;
  }
  const auto rendered = chat_->render(*input, local_now());
  if (const auto* failure = std::get_if<jinja::Failure>(&rendered)) {
    respond_errors(writer, {{field_to_blame(*chat_, *input), "template", describe(*failure, info_.name), ""}});
    return;
  }
  const auto& text = std::get<jinja::Text>(rendered);
  const auto ids = encode_rendered(*tokenizer_, text);
  writer.respond(
      200, kJsonHeaders,
      fmt::format(R"({{"prompt":{},"tokens":[{}],"count":{}}})",
                  dump_json(nlohmann::ordered_json(std::string(text.view()))), fmt::join(ids, ","), ids.size()));
}

}  // namespace llorch
