// Decoders over a whole sequence, exactly as Hugging Face does it, token lists and all; and over one token alone, where
// what depends on neighbours is left aside.
#include "tokenizer/decoder.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include "base/utf8.h"
#include "tokenizer/byte_level.h"

namespace llorch {
namespace {

std::string strip(const StripDecode& step, std::string_view text) {
  for (int i = 0; i < step.start && !step.content.empty() && text.starts_with(step.content); ++i) {
    text.remove_prefix(step.content.size());
  }
  for (int i = 0; i < step.stop && !step.content.empty() && text.ends_with(step.content); ++i) {
    text.remove_suffix(step.content.size());
  }
  return std::string(text);
}

DecodeTokens joined(const DecodeTokens& tokens) {
  std::string all;
  for (const std::string& token : tokens) {
    all += token;
  }
  return {std::move(all)};
}

/// Artefacts of cutting English into words.
std::string clean_up(std::string text) {
  static constexpr std::pair<std::string_view, std::string_view> kRules[] = {
      {" .", "."},   {" ?", "?"},           {" !", "!"},   {" ,", ","},     {" ' ", "'"},    {" n't", "n't"},
      {" 'm", "'m"}, {" do not", " don't"}, {" 's", "'s"}, {" 've", "'ve"}, {" 're", "'re"},
  };
  for (const auto& [from, to] : kRules) {
    if (text.find(from) != std::string::npos) {
      text = replace_all(text, from, to);
    }
  }
  return text;
}

DecodeTokens run_step(const ByteLevelDecode&, DecodeTokens tokens, bool) {
  std::string bytes;
  for (const std::string& token : tokens) {
    bytes += from_byte_level(token).value_or(token);
  }
  return {repair_utf8(bytes)};
}

DecodeTokens run_step(const ByteFallbackDecode&, DecodeTokens tokens, bool) {
  DecodeTokens out;
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

DecodeTokens run_step(const FuseDecode&, DecodeTokens tokens, bool) {
  return joined(tokens);
}

DecodeTokens run_step(const StripDecode& step, DecodeTokens tokens, bool) {
  for (std::string& token : tokens) {
    token = strip(step, token);
  }
  return tokens;
}

DecodeTokens run_step(const MetaspaceDecode& step, DecodeTokens tokens, bool first) {
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    tokens[i] = replace_all(tokens[i], step.replacement, i == 0 && first && step.prepended ? "" : " ");
  }
  return tokens;
}

DecodeTokens run_step(const ReplaceStep& step, DecodeTokens tokens, bool) {
  for (std::string& token : tokens) {
    token = replace_all(step, token);
  }
  return tokens;
}

DecodeTokens run_step(const WordPieceDecode& step, DecodeTokens tokens, bool first) {
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    std::string& token = tokens[i];
    if (i > 0 || !first) {
      token = token.starts_with(step.prefix) ? token.substr(step.prefix.size()) : " " + token;
    }
    token = step.cleanup ? clean_up(std::move(token)) : token;
  }
  return tokens;
}

DecodeTokens run_step(const CtcDecode& step, DecodeTokens tokens, bool) {
  tokens.erase(std::unique(tokens.begin(), tokens.end()), tokens.end());
  DecodeTokens out;
  for (const std::string& token : tokens) {
    std::string text = replace_all(token, step.pad, "");
    if (step.cleanup) {
      text = replace_all(clean_up(std::move(text)), step.delimiter, " ");
    }
    if (!text.empty()) {
      out.push_back(std::move(text));
    }
  }
  return out;
}

DecodeTokens run_step(const BpeDecode& step, DecodeTokens tokens, bool) {
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    tokens[i] = replace_all(tokens[i], step.suffix, i + 1 == tokens.size() ? "" : " ");
  }
  return tokens;
}

/// One token; `first`: it begins the text.
struct OneToken {
  std::string text;
  bool first;
  void operator()(const ByteLevelDecode&) { text = from_byte_level(text).value_or(text); }
  void operator()(const ByteFallbackDecode&) {
    if (const auto byte = fallback_byte(text)) {
      text.assign(1, *byte);
    }
  }
  void operator()(const StripDecode& step) {
    if (first) {
      text = strip({step.content, step.start, 0}, text);
    }
  }
  void operator()(const BpeDecode& step) { text = replace_all(text, step.suffix, " "); }
  template <class Step>
  void operator()(const Step& step) {
    const DecodeTokens out = run_step(step, {text}, first);
    text = out.empty() ? std::string() : out[0];
  }
};

std::string one_token(const Decoder& decoder, std::string_view token, bool first) {
  OneToken one{std::string(token), first};
  for (const DecodeStep& step : decoder.steps) {
    std::visit(one, step);
  }
  return decoder.join_with_spaces && !first ? " " + one.text : one.text;
}

}  // namespace

std::optional<char> fallback_byte(std::string_view token) {
  if (token.size() != 6 || !token.starts_with("<0x") || token.back() != '>') {
    return std::nullopt;
  }
  unsigned value = 0;
  const char* begin = token.data() + 3 + (token[3] == '+' ? 1 : 0);  // Rust's numbers may have a plus sign
  const char* end = token.data() + 5;
  const auto [stop, error] = std::from_chars(begin, end, value, 16);
  if (error != std::errc() || stop != end) {
    return std::nullopt;
  }
  return static_cast<char>(value);
}

DecodeTokens run_decode_step(const DecodeStep& step, DecodeTokens tokens, bool first) {
  return std::visit([&](const auto& known) { return run_step(known, std::move(tokens), first); }, step);
}

std::string decode_tokens(const Decoder& decoder, DecodeTokens tokens) {
  if (decoder.join_with_spaces) {
    std::string out;
    for (std::size_t i = 0; i < tokens.size(); ++i) {
      out.append(i == 0 ? "" : " ").append(tokens[i]);
    }
    return repair_utf8(out);
  }
  for (const DecodeStep& step : decoder.steps) {
    tokens = run_decode_step(step, std::move(tokens), true);
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
