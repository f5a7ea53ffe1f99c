// llorch tokenize, llorch detokenize: text <-> ids as this program sees them, for people (a table) and for comparison
// with other tokenizers (--jsonl).
#include <fmt/format.h>

#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "base/base64.h"
#include "base/format.h"
#include "base/json.h"
#include "cli/options.h"

namespace llorch::cli {
namespace {

using Json = nlohmann::json;

struct TokenizeArgs {
  std::string model;
  std::string input;  // text, or ids
  bool jsonl = false;
  bool parse_special = false;
  bool add_special = false;
  CLI::Option* given = nullptr;
};

/// A tokenizer and the files that it may point into.
struct OpenTokenizer {
  ModelFiles files;
  std::unique_ptr<Tokenizer> tokenizer;
};

Result<OpenTokenizer> open_tokenizer(const std::string& path) {
  OpenTokenizer open;
  if (path.ends_with(".json")) {
    LL_ASSIGN(open.tokenizer, load_tokenizer_json(path));
  } else {
    LL_ASSIGN(open.files, open_model(path));
    LL_ASSIGN(open.tokenizer, make_tokenizer(*open.files.checkpoint));
  }
  note_warnings(*open.tokenizer);
  return open;
}

/// The text of a line {"text": ...} or {"bytes_b64": ...}.
Result<std::string> text_of(const Json& line) {
  const bool is_object = line.is_object();
  if (is_object && line.contains("text") && line["text"].is_string()) {
    return line["text"].get<std::string>();
  }
  if (is_object && line.contains("bytes_b64") && line["bytes_b64"].is_string()) {
    return from_base64(line["bytes_b64"].get_ref<const std::string&>());
  }
  return Error{ErrorCode::invalid_argument, R"(needs an object with a string "text" or "bytes_b64")"};
}

Result<Json> tokenize_line(const Tokenizer& tokenizer, const Json& line) {
  LL_ASSIGN(const std::string text, text_of(line));
  const auto ids = tokenizer.encode(text, {.parse_special = true, .add_special = false});
  const auto plain = tokenizer.encode(text, {.parse_special = false, .add_special = false});
  const auto special = tokenizer.encode(text, {.parse_special = true, .add_special = true});
  LL_ASSIGN(std::string decoded, tokenizer.decode(ids, false));
  LL_ASSIGN(std::string decoded_skip, tokenizer.decode(special, true));
  return Json{{"ids", ids},
              {"ids_plain", plain},
              {"ids_special", special},
              {"decoded", std::move(decoded)},
              {"decoded_skip", std::move(decoded_skip)}};
}

/// The same text as it comes out of a stream, token by token.
std::string streamed(const Tokenizer& tokenizer, const std::vector<std::int32_t>& ids, bool skip_special) {
  StreamDecoder decoder(tokenizer, true, skip_special);
  std::string text;
  for (const std::int32_t id : ids) {
    text += decoder.push(id);
  }
  return text + decoder.finish();
}

Result<Json> detokenize_line(const Tokenizer& tokenizer, const Json& line) {
  const Error error{ErrorCode::invalid_argument, R"(needs an object with "ids", a list of token ids)"};
  if (!line.is_object() || !line.contains("ids") || !line["ids"].is_array()) {
    return error;
  }
  std::vector<std::int32_t> ids;
  for (const Json& id : line["ids"]) {
    if (!id.is_number_integer() || id < 0 || id >= tokenizer.vocab_size()) {
      return errorf(ErrorCode::invalid_argument, "{} is not an id of the vocabulary of {}", dump_json(id),
                    tokenizer.vocab_size());
    }
    ids.push_back(id.get<std::int32_t>());
  }
  LL_ASSIGN(std::string decoded, tokenizer.decode(ids, false));
  LL_ASSIGN(std::string decoded_skip, tokenizer.decode(ids, true));
  auto pieces = Json::array();
  for (const std::int32_t id : ids) {
    pieces.push_back(to_base64(tokenizer.piece(id)));
  }
  return Json{{"decoded", std::move(decoded)},
              {"decoded_skip", std::move(decoded_skip)},
              {"streamed", streamed(tokenizer, ids, false)},
              {"streamed_skip", streamed(tokenizer, ids, true)},
              {"pieces_b64", std::move(pieces)}};
}

/// Answers standard input line by line; the first bad line ends it with its number.
Status each_line(const Tokenizer& tokenizer, Result<Json> (*answer)(const Tokenizer&, const Json&)) {
  std::string line;
  for (int number = 1; std::getline(std::cin, line); ++number) {
    if (line.empty()) {
      continue;
    }
    auto parsed = parse_json(line, fmt::format("line {}", number));
    if (!parsed.ok()) {
      return Error{ErrorCode::invalid_argument, parsed.error().message};
    }
    auto result = answer(tokenizer, *parsed);
    if (!result.ok()) {
      return errorf(ErrorCode::invalid_argument, "line {}: {}", number, result.error().message);
    }
    fmt::print("{}\n", dump_json(*result));
  }
  return {};
}

void print_table(const Tokenizer& tokenizer, const std::vector<std::int32_t>& ids) {
  fmt::print("{:>6} {:>8} {:>8}  {}\n", "index", "id", "byte", "piece");
  std::size_t offset = 0;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    const std::string piece = tokenizer.stream_piece(ids[i], i == 0, false);
    fmt::print("{:>6} {:>8} {:>8}  {}{}\n", i, ids[i], offset, escaped(piece),
               tokenizer.is_special(ids[i]) ? "  (special)" : "");
    offset += piece.size();
  }
  fmt::print("{} tokens, {} bytes, {} vocabulary of {}\n", ids.size(), offset, tokenizer.kind(),
             tokenizer.vocab_size());
}

Status tokenize(const TokenizeArgs& args) {
  LL_ASSIGN(const OpenTokenizer open, open_tokenizer(args.model));
  if (args.jsonl) {
    return each_line(*open.tokenizer, tokenize_line);
  }
  std::string text = args.input;
  if (args.given->count() == 0) {
    LL_ASSIGN(text, read_stdin());
  }
  const EncodeOptions options{.parse_special = args.parse_special, .add_special = args.add_special};
  print_table(*open.tokenizer, open.tokenizer->encode(text, options));
  return {};
}

Status detokenize(const TokenizeArgs& args) {
  LL_ASSIGN(const OpenTokenizer open, open_tokenizer(args.model));
  if (args.jsonl) {
    return each_line(*open.tokenizer, detokenize_line);
  }
  std::string list = args.input;
  if (args.given->count() == 0) {
    LL_ASSIGN(list, read_stdin());
    while (!list.empty() && (list.back() == '\n' || list.back() == '\r')) {
      list.pop_back();
    }
  }
  LL_ASSIGN(const std::vector<std::int32_t> ids, parse_ids(list));
  LL_TRY(check_ids(ids, open.tokenizer->vocab_size()));
  print_table(*open.tokenizer, ids);
  LL_ASSIGN(const std::string text, open.tokenizer->decode(ids, false));
  fmt::print("text: {}\n", text);
  return {};
}

constexpr const char* kModelHelp = "model file or directory, a lone tokenizer.json, or builtin:haiku";

}  // namespace

Verb add_tokenize(CLI::App& root) {
  auto args = std::make_shared<TokenizeArgs>();
  CLI::App* app = root.add_subcommand("tokenize", "Shows the tokens of a text (argument, else standard input)");
  app->add_option("MODEL", args->model, kModelHelp)->required();
  args->given = app->add_option("TEXT", args->input, "the text; without it: all of standard input");
  app->add_flag("--parse-special", args->parse_special, "text of control tokens becomes those tokens");
  app->add_flag("--add-special", args->add_special, "with BOS and EOS, as the file says");
  app->add_flag(
         "--jsonl", args->jsonl,
         R"(a line {"text"} or {"bytes_b64"} in, {"ids","ids_plain","ids_special","decoded","decoded_skip"} out)")
      ->excludes(args->given)
      ->excludes("--parse-special")
      ->excludes("--add-special");
  return {app, [args] { return finish(tokenize(*args)); }};
}

Verb add_detokenize(CLI::App& root) {
  auto args = std::make_shared<TokenizeArgs>();
  CLI::App* app = root.add_subcommand("detokenize", "Shows the text of token ids (argument, else standard input)");
  app->add_option("MODEL", args->model, kModelHelp)->required();
  args->given = app->add_option("IDS", args->input, "1,2,3; without it: all of standard input");
  app->add_flag("--jsonl", args->jsonl,
                R"(a line {"ids"} in, {"decoded","decoded_skip","streamed","streamed_skip","pieces_b64"} out)")
      ->excludes(args->given);
  return {app, [args] { return finish(detokenize(*args)); }};
}

}  // namespace llorch::cli
