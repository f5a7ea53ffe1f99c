// Case: ICU's full mappings in the root locale, which are Unicode's and so Python's.
#include <unicode/bytestream.h>
#include <unicode/casemap.h>
#include <unicode/stringoptions.h>
#include <unicode/uchar.h>

#include "base/utf8.h"
#include "jinja/str_tables.h"

namespace llorch::jinja {
namespace {

enum class Case { upper, lower, fold, title };

std::string mapped(std::string_view text, Case kind) {
  std::string out;
  icu::StringByteSink<std::string> sink(&out);
  const icu::StringPiece piece(text.data(), static_cast<std::int32_t>(text.size()));
  UErrorCode status = U_ZERO_ERROR;
  switch (kind) {
    case Case::upper:
      icu::CaseMap::utf8ToUpper("", 0, piece, sink, nullptr, status);
      break;
    case Case::lower:
      icu::CaseMap::utf8ToLower("", 0, piece, sink, nullptr, status);
      break;
    case Case::fold:
      icu::CaseMap::utf8Fold(0, piece, sink, nullptr, status);
      break;
    case Case::title:
      icu::CaseMap::utf8ToTitle("", U_TITLECASE_WHOLE_STRING | U_TITLECASE_NO_BREAK_ADJUSTMENT, nullptr, piece, sink,
                                nullptr, status);
      break;
  }
  if (U_FAILURE(status)) {
    fail(FailureKind::value, "case mapping fails: {}", u_errorName(status));
  }
  return out;
}

bool is_ascii(std::string_view text) {
  for (const char c : text) {
    if (static_cast<unsigned char>(c) >= 0x80) {
      return false;
    }
  }
  return true;
}

char ascii_mapped(char c, Case kind) {
  const bool up = kind == Case::upper || kind == Case::title;
  const bool change = up ? c >= 'a' && c <= 'z' : c >= 'A' && c <= 'Z';
  return change ? static_cast<char>(c ^ 0x20) : c;
}

/// Case mapping of each run of one origin by itself.
Text map_runs(Runtime& runtime, const Text& text, Case kind) {
  runtime.step_bytes(3 * text.size());
  runtime.heap().expect(3 * text.size());
  Text out;
  text.each_run([&](std::string_view run, Origin origin) {
    if (!is_ascii(run)) {
      out.append(mapped(run, kind), origin);
      return;
    }
    std::string bytes(run);
    for (char& c : bytes) {
      c = ascii_mapped(c, kind);
    }
    out.append(bytes, origin);
  });
  return out;
}

bool has(char32_t c, UProperty property) {
  return u_hasBinaryProperty(static_cast<UChar32>(c), property) != 0;
}

/// Python's rule for a capital sigma: final after a cased character and before none.
bool is_final_sigma(std::string_view text, std::size_t at, bool after_cased) {
  if (!after_cased) {
    return false;
  }
  for (at += 2; at < text.size();) {
    const Utf8Char c = decode_utf8(text.substr(at));
    if (!has(c.code, UCHAR_CASE_IGNORABLE)) {
      return !has(c.code, UCHAR_CASED);
    }
    at += static_cast<std::size_t>(c.length);
  }
  return true;
}

constexpr char32_t kCapitalSigma = 0x3A3;

/// The case of every character chosen by choose(code, after_cased); nothing: it stays.
template <class Choose>
Text map_chars(Runtime& runtime, const Text& text, const Choose& choose) {
  runtime.step_bytes(8 * text.size());
  Text out;
  const std::string_view bytes = text.view();
  bool after_cased = false;  // the last character is cased
  bool word_cased = false;   // the last one that is not case-ignorable is
  for (std::size_t at = 0; at < bytes.size();) {
    const Utf8Char c = decode_utf8(bytes.substr(at));
    const auto length = static_cast<std::size_t>(c.length);
    const std::optional<Case> kind = choose(c.code, after_cased);
    const Text part = text.slice(at, at + length);
    if (!kind) {
      out.append(part);
    } else if (c.code < 0x80) {
      const char mapped_ascii = ascii_mapped(static_cast<char>(c.code), *kind);
      out.append({&mapped_ascii, 1}, part.origin());
    } else if (*kind == Case::lower && c.code == kCapitalSigma) {
      out.append(is_final_sigma(bytes, at, word_cased) ? "\xCF\x82" : "\xCF\x83", part.origin());
    } else {
      out.append(mapped(part.view(), *kind), part.origin());
    }
    after_cased = has(c.code, UCHAR_CASED);
    word_cased = has(c.code, UCHAR_CASE_IGNORABLE) ? word_cased : after_cased;
    at += length;
  }
  return out;
}

}  // namespace

Text to_upper(Runtime& runtime, const Text& text) {
  return map_runs(runtime, text, Case::upper);
}

Text to_lower(Runtime& runtime, const Text& text) {
  return map_runs(runtime, text, Case::lower);
}

Text capitalize(Runtime& runtime, const Text& text) {
  if (text.empty()) {
    return {};
  }
  const std::size_t head = str::char_bytes(text.view(), 0);
  const Text first = text.slice(0, head);
  Text out(mapped(first.view(), Case::title), first.origin());
  const Text lowered = to_lower(runtime, text);
  out.append(lowered, mapped(first.view(), Case::lower).size(), lowered.size());
  return out;
}

Text title(Runtime& runtime, const Text& text) {
  return map_chars(runtime, text,
                   [](char32_t, bool after_cased) { return std::optional(after_cased ? Case::lower : Case::title); });
}

namespace str {

Value upper(Runtime& runtime, const Value& self, const Arguments& arguments) {
  positional("upper", arguments, 0, 0);
  return runtime.string(to_upper(runtime, self.text()));
}

Value lower(Runtime& runtime, const Value& self, const Arguments& arguments) {
  positional("lower", arguments, 0, 0);
  return runtime.string(to_lower(runtime, self.text()));
}

Value casefold(Runtime& runtime, const Value& self, const Arguments& arguments) {
  positional("casefold", arguments, 0, 0);
  return runtime.string(map_runs(runtime, self.text(), Case::fold));
}

Value capitalize(Runtime& runtime, const Value& self, const Arguments& arguments) {
  positional("capitalize", arguments, 0, 0);
  return runtime.string(jinja::capitalize(runtime, self.text()));
}

Value title(Runtime& runtime, const Value& self, const Arguments& arguments) {
  positional("title", arguments, 0, 0);
  return runtime.string(jinja::title(runtime, self.text()));
}

Value swapcase(Runtime& runtime, const Value& self, const Arguments& arguments) {
  positional("swapcase", arguments, 0, 0);
  return runtime.string(map_chars(runtime, self.text(), [](char32_t c, bool) -> std::optional<Case> {
    if (has(c, UCHAR_UPPERCASE)) {
      return Case::lower;
    }
    return has(c, UCHAR_LOWERCASE) ? std::optional(Case::upper) : std::nullopt;
  }));
}

}  // namespace str
}  // namespace llorch::jinja
