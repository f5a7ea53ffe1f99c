// Two readings of the same steps: over a whole sequence (exactly as Hugging Face does, token lists and all), and over
// one token for streams, where what depends on neighbours is left to the caller.
#include "tokenizer/decoder.h"

#include <charconv>
#include <optional>

#include "base/utf8.h"
#include "tokenizer/byte_level.h"

namespace llorch {
namespace {

using Tokens = std::vector<std::string>;

/// The byte of "<0xXX>".
std::optional<char> fallback_byte(std::string_view token) {
  if (token.size() != 6 || !token.starts_with("<0x") || token.back() != '>') {
    return std::nullopt;
  }
  unsigned value = 0;
  const char* end = token.data() + 5;
  const auto [stop, error] = std::from_chars(token.data() + 3, end, value, 16);
  if (error != std::errc() || stop != end) {
    return std::nullopt;
  }
  return static_cast<char>(value);
}

std::string strip(const StripDecode& step, std::string_view text) {
  for (int i = 0; i < step.start && !step.content.empty() && text.starts_with(step.content); ++i) {
    text.remove_prefix(step.content.size());
  }
  for (int i = 0; i < step.stop && !step.content.empty() && text.ends_with(step.content); ++i) {
    text.remove_suffix(step.content.size());
  }
  return std::string(text);
}

Tokens joined(const Tokens& tokens) {
  std::string all;
  for (const std::string& token : tokens) {
    all += token;
  }
  return {std::move(all)};
}

Tokens run_step(const ByteLevelDecode&, Tokens tokens) {
  std::string bytes;
  for (const std::string& token : tokens) {
    bytes += from_byte_level(token).value_or(token);
  }
  return {repair_utf8(bytes)};
}

Tokens run_step(const ByteFallbackDecode&, Tokens tokens) {
  Tokens out;
  std::string bytes;
  const auto flush = [&] {
    if (is_utf8(bytes)) {
      out.push_back(bytes);
    } else {
      out.insert(out.end(), bytes.size(), std::string(kReplacement));
    }
    bytes.clear();
  };
  for (std::string& token : tokens) {
    if (const auto byte = fallback_byte(token)) {
      bytes += *byte;
      continue;
    }
    if (!bytes.empty()) {
      flush();
    }
    out.push_back(std::move(token));
  }
  if (!bytes.empty()) {
    flush();
  }
  return out;
}

Tokens run_step(const FuseDecode&, Tokens tokens) {
  return joined(tokens);
}

Tokens run_step(const StripDecode& step, Tokens tokens) {
  for (std::string& token : tokens) {
    token = strip(step, token);
  }
  return tokens;
}

Tokens run_step(const MetaspaceDecode& step, Tokens tokens) {
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    tokens[i] = replace_all(tokens[i], step.replacement, i == 0 && step.prepended ? "" : " ");
  }
  return tokens;
}

Tokens run_step(const ReplaceStep& step, Tokens tokens) {
  for (std::string& token : tokens) {
    token = replace_all(token, step.from, step.to);
  }
  return tokens;
}

/// One token of a stream; `first`: it begins the text.
struct OneToken {
  std::string text;
  bool first;
  void operator()(const ByteLevelDecode&) { text = from_byte_level(text).value_or(text); }
  void operator()(const ByteFallbackDecode&) {
    if (const auto byte = fallback_byte(text)) {
      text.assign(1, *byte);
    }
  }
  void operator()(const FuseDecode&) {}
  void operator()(const StripDecode& step) {
    if (first) {
      text = strip({step.content, step.start, 0}, text);
    }
  }
  void operator()(const MetaspaceDecode& step) {
    text = replace_all(text, step.replacement, first && step.prepended ? "" : " ");
  }
  void operator()(const ReplaceStep& step) { text = replace_all(text, step.from, step.to); }
};

std::string one_token(const Decoder& decoder, std::string_view token, bool first) {
  OneToken one{std::string(token), first};
  for (const DecodeStep& step : decoder.steps) {
    std::visit(one, step);
  }
  return decoder.join_with_spaces && !first ? " " + one.text : one.text;
}

}  // namespace

std::string decode_tokens(const Decoder& decoder, Tokens tokens) {
  if (decoder.join_with_spaces) {
    std::string out;
    for (std::size_t i = 0; i < tokens.size(); ++i) {
      out.append(i == 0 ? "" : " ").append(tokens[i]);
    }
    return out;
  }
  for (const DecodeStep& step : decoder.steps) {
    tokens = std::visit([&](const auto& known) { return run_step(known, std::move(tokens)); }, step);
  }
  return repair_utf8(joined(tokens)[0]);  // texts of a GGUF need not be UTF-8
}

std::string token_bytes(const Decoder& decoder, std::string_view token) {
  return one_token(decoder, token, false);
}
std::string first_token_bytes(const Decoder& decoder, std::string_view token) {
  return one_token(decoder, token, true);
}

}  // namespace llorch
