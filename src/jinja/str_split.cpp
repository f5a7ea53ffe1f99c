// Splitting and joining.
#include <algorithm>

#include "base/utf8.h"
#include "jinja/chars.h"
#include "jinja/str_tables.h"

namespace llorch::jinja {
namespace {

constexpr std::size_t npos = std::string_view::npos;

bool is_line_end(char32_t c) {
  return (c >= '\n' && c <= '\r') || (c >= 0x1C && c <= 0x1E) || c == 0x85 || c == 0x2028 || c == 0x2029;
}

/// Parts cost more than their bytes, so each is paid for as it comes.
void add(Runtime& runtime, std::vector<Text>& parts, Text part) {
  runtime.step();
  runtime.heap().expect((parts.size() + 1) * sizeof(Text));
  parts.push_back(std::move(part));
}

/// Stretches without white space, from the left; after `limit` of them the rest is one.
std::vector<Text> split_words(Runtime& runtime, const Text& text, std::int64_t limit) {
  std::vector<Text> words;
  const std::string_view bytes = text.view();
  std::size_t at = 0;
  const auto skip = [&](bool space) {
    while (at < bytes.size()) {
      const Utf8Char c = decode_utf8(bytes.substr(at));
      if (is_python_space(c.code) != space) {
        return;
      }
      at += static_cast<std::size_t>(c.length);
    }
  };
  for (skip(true); at < bytes.size(); skip(true)) {
    const std::size_t begin = at;
    if (limit >= 0 && static_cast<std::int64_t>(words.size()) == limit) {
      add(runtime, words, text.slice(begin, bytes.size()));
      return words;
    }
    skip(false);
    add(runtime, words, text.slice(begin, at));
  }
  return words;
}

/// The same from the right.
std::vector<Text> rsplit_words(Runtime& runtime, const Text& text, std::int64_t limit) {
  std::vector<Text> words = split_words(runtime, text, -1);
  if (limit < 0 || static_cast<std::int64_t>(words.size()) <= limit) {
    return words;
  }
  Text rest = text;
  std::vector<Text> kept;
  for (std::int64_t i = 0; i < limit; ++i) {
    rest = strip(runtime, rest, Side::right, Value::none());
    const Text& word = words[words.size() - 1 - static_cast<std::size_t>(i)];
    add(runtime, kept, word);
    rest = rest.slice(0, rest.size() - word.size());
  }
  add(runtime, kept, strip(runtime, rest, Side::right, Value::none()));
  std::reverse(kept.begin(), kept.end());
  return kept;
}

std::vector<Text> split_by(Runtime& runtime, const Text& text, std::string_view separator, std::int64_t limit) {
  std::vector<Text> parts;
  std::size_t at = 0;
  while (limit < 0 || static_cast<std::int64_t>(parts.size()) < limit) {
    const std::size_t found = find_bytes(text.view(), separator, at);
    if (found == npos) {
      break;
    }
    add(runtime, parts, text.slice(at, found));
    at = found + separator.size();
  }
  add(runtime, parts, text.slice(at, text.size()));
  return parts;
}

/// Matches are taken from the right: "aaa" by "aa" leaves "a" and "".
std::vector<Text> rsplit_by(Runtime& runtime, const Text& text, std::string_view separator, std::int64_t limit) {
  runtime.heap().expect(text.size());
  const std::string back(text.view().rbegin(), text.view().rend());
  const std::string wanted(separator.rbegin(), separator.rend());
  std::vector<Text> parts;
  std::size_t end = text.size();
  while (limit < 0 || static_cast<std::int64_t>(parts.size()) < limit) {
    const std::size_t found = find_bytes(back, wanted, text.size() - end);
    if (found == npos) {
      break;
    }
    add(runtime, parts, text.slice(text.size() - found, end));
    end = text.size() - found - separator.size();
  }
  add(runtime, parts, text.slice(0, end));
  std::reverse(parts.begin(), parts.end());
  return parts;
}

Value list_of(Runtime& runtime, std::vector<Text> texts) {
  std::vector<Value> items;
  items.reserve(texts.size());
  for (Text& text : texts) {
    items.push_back(runtime.string(std::move(text)));
  }
  return runtime.list(std::move(items));
}

Value split_any(Runtime& runtime, const Value& self, const Arguments& arguments, bool right) {
  const Parameters given(right ? "rsplit" : "split", arguments, {"sep", "maxsplit"});
  const std::int64_t limit = given.integer(1, -1);
  const Value* separator = given.find(0);
  runtime.step_bytes(2 * self.text().size());
  if (separator == nullptr || separator->is(Kind::none)) {
    return list_of(runtime,
                   right ? rsplit_words(runtime, self.text(), limit) : split_words(runtime, self.text(), limit));
  }
  const std::string_view by = str::text_parameter(given, 0, "must be str or None").view();
  if (by.empty()) {
    fail(FailureKind::value, "empty separator");
  }
  return list_of(runtime,
                 right ? rsplit_by(runtime, self.text(), by, limit) : split_by(runtime, self.text(), by, limit));
}

}  // namespace

std::vector<Text> split_lines(Runtime& runtime, const Text& text, bool keep_ends) {
  runtime.step_bytes(2 * text.size());
  std::vector<Text> lines;
  const std::string_view bytes = text.view();
  std::size_t begin = 0;
  for (std::size_t at = 0; at < bytes.size();) {
    const Utf8Char c = decode_utf8(bytes.substr(at));
    const std::size_t end = at;
    at += static_cast<std::size_t>(c.length);
    if (is_line_end(c.code)) {
      at += c.code == '\r' && at < bytes.size() && bytes[at] == '\n' ? 1 : 0;
      add(runtime, lines, text.slice(begin, keep_ends ? at : end));
      begin = at;
    }
  }
  if (begin < bytes.size()) {
    add(runtime, lines, text.slice(begin, bytes.size()));
  }
  return lines;
}

namespace str {

Value split(Runtime& runtime, const Value& self, const Arguments& arguments) {
  return split_any(runtime, self, arguments, false);
}

Value rsplit(Runtime& runtime, const Value& self, const Arguments& arguments) {
  return split_any(runtime, self, arguments, true);
}

Value splitlines(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const Parameters given("splitlines", arguments, {"keepends"});
  return list_of(runtime, split_lines(runtime, self.text(), int_parameter(given, 0, 0) != 0));
}

Value partition(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const Parameters given = str::positional("partition", arguments, 1, 1);
  const Text& by = text_parameter(given, 0);
  if (by.empty()) {
    fail(FailureKind::value, "empty separator");
  }
  const Text& text = self.text();
  const std::size_t found = find_bytes(text.view(), by.view(), 0);
  if (found == npos) {
    return runtime.tuple({self, runtime.string(Text()), runtime.string(Text())});
  }
  return runtime.tuple({runtime.string(text.slice(0, found)), *given.find(0),
                        runtime.string(text.slice(found + by.size(), text.size()))});
}

Value rpartition(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const Parameters given = str::positional("rpartition", arguments, 1, 1);
  const Text& by = text_parameter(given, 0);
  if (by.empty()) {
    fail(FailureKind::value, "empty separator");
  }
  runtime.step_bytes(self.text().size());
  std::vector<Text> parts = rsplit_by(runtime, self.text(), by.view(), 1);
  if (parts.size() == 1) {
    return runtime.tuple({runtime.string(Text()), runtime.string(Text()), self});
  }
  return runtime.tuple({runtime.string(std::move(parts[0])), *given.find(0), runtime.string(std::move(parts[1]))});
}

Value join(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const Parameters given = str::positional("join", arguments, 1, 1);
  const Value& iterable = *given.find(0);
  require_defined(iterable);
  if (iterable.is(Kind::none) || iterable.is_number()) {
    fail(FailureKind::type, "can only join an iterable");
  }
  Text out;
  std::size_t i = 0;
  for (const Value& item : items_of(runtime, iterable)) {
    if (!item.is(Kind::string)) {
      fail(FailureKind::type, "sequence item {}: expected str instance, {} found", i, type_name(item));
    }
    if (i++ > 0) {
      out.append(self.text());
    }
    out.append(item.text());
    runtime.step_bytes(self.text().size() + item.text().size());
    runtime.heap().expect(out.footprint());
  }
  return runtime.string(std::move(out));
}

}  // namespace str
}  // namespace llorch::jinja
