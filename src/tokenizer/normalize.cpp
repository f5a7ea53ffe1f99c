// Normalizers, one function for each step.
#include "tokenizer/normalize.h"

#include "base/text_forms.h"
#include "base/unicode.h"
#include "base/utf8.h"
#include "tokenizer/byte_level.h"

namespace llorch {
namespace {

/// Calls fn(code point, its bytes) for every character of valid UTF-8.
template <class Fn>
void for_each_character(std::string_view text, const Fn& fn) {
  while (!text.empty()) {
    const Utf8Char c = decode_utf8(text);
    const auto length = static_cast<std::size_t>(c.length);
    fn(c.code, text.substr(0, length));
    text.remove_prefix(length);
  }
}

/// `text` without the characters that have one of `properties`.
std::string without(std::string_view text, std::uint8_t properties) {
  std::string out;
  out.reserve(text.size());
  for_each_character(text, [&](char32_t c, std::string_view bytes) {
    if ((text_properties(c) & properties) == 0) {
      out += bytes;
    }
  });
  return out;
}

std::string run_step(const FormStep& step, const std::string& text) {
  switch (step.form) {
    case NormalForm::nfd:
      return to_nfd(text);
    case NormalForm::nfkc:
      return to_nfkc(text);
    case NormalForm::nfkd:
      return to_nfkd(text);
    default:
      return to_nfc(text);
  }
}
std::string run_step(const LowercaseStep&, const std::string& text) {
  return to_lower(text);
}

std::string run_step(const StripStep& step, const std::string& text) {
  std::size_t begin = 0;
  std::size_t end = 0;
  bool seen = false;
  std::size_t at = 0;
  for_each_character(text, [&](char32_t c, std::string_view bytes) {
    if (!is_white_space(c)) {
      begin = seen ? begin : at;
      end = at + bytes.size();
      seen = true;
    }
    at += bytes.size();
  });
  if (!seen) {
    return step.left || step.right ? std::string() : text;
  }
  begin = step.left ? begin : 0;
  end = step.right ? end : text.size();
  return text.substr(begin, end - begin);
}

std::string run_step(const StripAccentsStep&, const std::string& text) {
  return without(text, TextProperty::kMark);
}
std::string run_step(const PrependStep& step, const std::string& text) {
  return text.empty() ? text : step.text + text;
}
std::string run_step(const ReplaceStep& step, const std::string& text) {
  return replace_all(step, text);
}

bool is_nmt_control(char32_t c) {
  return (c >= 1 && c <= 8) || c == 0x0B || (c >= 0x0E && c <= 0x1F) || c == 0x7F || c == 0x8F || c == 0x9F;
}
bool is_nmt_space(char32_t c) {
  return c == 9 || c == 0x0A || c == 0x0C || c == 0x0D || c == 0x1680 || (c >= 0x200B && c <= 0x200F) || c == 0x2028 ||
         c == 0x2029 || c == 0x2581 || c == 0xFEFF || c == 0xFFFD;
}
std::string run_step(const NmtStep&, const std::string& text) {
  std::string out;
  out.reserve(text.size());
  for_each_character(text, [&](char32_t c, std::string_view bytes) {
    if (is_nmt_space(c)) {
      out += ' ';
    } else if (!is_nmt_control(c)) {
      out += bytes;
    }
  });
  return out;
}

std::string run_step(const CharsmapStep& step, const std::string& text) {
  return step.longest ? step.map->rewrite_longest(text) : step.map->rewrite(text);
}

bool is_chinese(char32_t c) {
  return (c >= 0x3400 && c <= 0x4DBF) || (c >= 0x4E00 && c <= 0x9FFF) || (c >= 0xF900 && c <= 0xFAFF) ||
         (c >= 0x20000 && c <= 0x2A6DF) || (c >= 0x2A700 && c <= 0x2B81F) || (c >= 0x2B920 && c <= 0x2CEAF) ||
         (c >= 0x2F800 && c <= 0x2FA1F);
}
std::string run_step(const BertStep& step, const std::string& text) {
  std::string out;
  out.reserve(text.size());
  for_each_character(text, [&](char32_t c, std::string_view bytes) {
    if (step.clean_text && (text_properties(c) & TextProperty::kControl) != 0) {
      return;
    }
    if (step.clean_text && is_white_space(c)) {
      out += ' ';
    } else if (step.handle_chinese_chars && is_chinese(c)) {
      out.append(" ").append(bytes).append(" ");
    } else {
      out += bytes;
    }
  });
  if (step.strip_accents) {
    out = without(to_nfd(out), TextProperty::kNonspacing);
  }
  return step.lowercase ? to_lower(out) : out;
}

std::string run_step(const ByteCharactersStep&, const std::string& text) {
  std::string out;
  append_byte_level(text, out);
  return out;
}

std::string run_step(const SpacesStep& step, const std::string& text) {
  constexpr std::string_view kSpace = "\xE2\x96\x81";
  std::string out;
  out.reserve(text.size() * 2);
  bool in_word = false;
  bool began = false;  // a word
  for (const char c : text) {
    if (c == ' ') {
      in_word = false;
      out += step.merge ? std::string_view() : kSpace;
      continue;
    }
    if (!in_word && (step.merge || (step.prefix && !began))) {
      out += kSpace;
    }
    in_word = true;
    began = true;
    out += c;
  }
  return out;
}

/// Whether the first character of what the step gives is that of `text` (not empty).
struct KeepsStart {
  std::string_view text;
  std::string_view first;  // character
  char32_t code;

  bool operator()(const StripStep& step) const { return !step.left || !is_white_space(code); }
  bool operator()(const StripAccentsStep&) const { return (text_properties(code) & TextProperty::kMark) == 0; }
  bool operator()(const NmtStep&) const { return !is_nmt_control(code); }
  bool operator()(const BertStep& step) const {
    return !run_step(step, std::string(first)).empty() &&
           !(step.strip_accents && (text_properties(code) & TextProperty::kNonspacing) != 0);
  }
  bool operator()(const ReplaceStep& step) const {
    bool keeps = true;
    for_each_match(step, text, [&](std::size_t begin, std::size_t end) {
      keeps = keeps && (begin > 0 || end == 0 || (end == first.size() && !step.to.empty()));
    });
    return keeps;
  }
  template <class Step>
  bool operator()(const Step&) const {
    return true;
  }
};

}  // namespace

bool keeps_start(const std::vector<NormalizeStep>& steps, std::string_view text) {
  std::string out(text);
  for (const NormalizeStep& step : steps) {
    const Utf8Char c = decode_utf8(out);
    const std::string_view first = std::string_view(out).substr(0, static_cast<std::size_t>(c.length));
    if (!out.empty() && !std::visit(KeepsStart{out, first, c.code}, step)) {
      return false;
    }
    out = std::visit([&](const auto& known) { return run_step(known, out); }, step);
  }
  return true;
}

std::string replace_all(const ReplaceStep& step, std::string_view text) {
  std::string out;
  out.reserve(text.size());
  std::size_t done = 0;
  for_each_match(step, text, [&](std::size_t begin, std::size_t end) {
    out.append(text.substr(done, begin - done)).append(step.to);
    done = end;
  });
  return out.append(text.substr(done));
}

std::string replace_all(std::string_view text, std::string_view from, std::string_view to) {
  return replace_all(ReplaceStep{std::string(from), std::string(to)}, text);
}

std::string normalize(const std::vector<NormalizeStep>& steps, std::string_view text) {
  std::string out(text);
  for (const NormalizeStep& step : steps) {
    out = std::visit([&](const auto& known) { return run_step(known, out); }, step);
  }
  return out;
}

}  // namespace llorch
