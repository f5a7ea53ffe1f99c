// Finding and replacing. Places are counted in characters, found in bytes.
#include <algorithm>
#include <limits>

#include "jinja/str_tables.h"

namespace llorch::jinja {
namespace {

using str::char_bytes;
using str::count_chars;

constexpr std::size_t npos = std::string_view::npos;

/// Part of a text that optional start and end parameters name.
struct Window {
  std::size_t begin = 0, end = 0;  // bytes
  std::int64_t first = 0;          // character at `begin`
  bool valid = true;               // false: start lies behind the end, where not even "" is found
};

/// The byte of character `index`, which is at most the length.
std::size_t byte_of_char(std::string_view text, std::int64_t index, std::int64_t length) {
  if (length == static_cast<std::int64_t>(text.size())) {
    return static_cast<std::size_t>(index);
  }
  std::size_t at = 0;
  for (; index > 0; --index) {
    at += char_bytes(text, at);
  }
  return at;
}

Window window_of(Runtime& runtime, const Value& self, const Parameters& given) {
  const std::string_view text = self.text().view();
  const std::int64_t length = length_of(runtime, self);
  const auto bound = [&](std::size_t i, std::int64_t fallback) {
    const Value* value = given.find(i);
    if (value == nullptr || value->is(Kind::none)) {
      return fallback;
    }
    if (value->is(Kind::big)) {
      return value->as<BigObject>().value.sign() < 0 ? 0 : std::numeric_limits<std::int64_t>::max();
    }
    if (value->is(Kind::real) || !value->is_number()) {
      require_defined(*value);
      fail(FailureKind::type, "slice indices must be integers or None or have an __index__ method");
    }
    const std::int64_t raw = given.integer(i, fallback);
    return raw < 0 ? std::max<std::int64_t>(0, raw < -length ? 0 : raw + length) : raw;
  };
  const std::int64_t first = bound(1, 0);
  const std::int64_t last = std::min(bound(2, length), length);
  if (first > last) {
    return {0, 0, 0, false};
  }
  runtime.step_bytes(text.size());
  return {byte_of_char(text, first, length), byte_of_char(text, last, length), first, true};
}

std::int64_t find_in(Runtime& runtime, const Value& self, const Arguments& arguments, std::string_view name,
                     bool last) {
  const Parameters given = str::positional(name, arguments, 1, 3);
  const std::string_view needle = str::text_parameter(given, 0).view();
  const Window window = window_of(runtime, self, given);
  if (!window.valid) {
    return -1;
  }
  const std::string_view text = self.text().view().substr(0, window.end);
  runtime.step_bytes(text.size());
  std::size_t found = npos;
  if (!last) {
    found = find_bytes(text, needle, window.begin);
  } else if (needle.empty()) {
    found = window.end;
  } else {
    runtime.heap().expect(text.size() - window.begin);
    found = str::rfind_bytes(text.substr(window.begin), needle);
    found += found == npos ? 0 : window.begin;
  }
  return found == npos ? -1 : window.first + count_chars(text.substr(window.begin, found - window.begin));
}

Value find_or_fail(Runtime& runtime, const Value& self, const Arguments& arguments, std::string_view name, bool last) {
  const std::int64_t found = find_in(runtime, self, arguments, name, last);
  if (found < 0) {
    fail(FailureKind::value, "substring not found");
  }
  return Value(found);
}

Value has_end(Runtime& runtime, const Value& self, const Arguments& arguments, bool at_end) {
  const std::string_view name = at_end ? "endswith" : "startswith";
  const Parameters given = str::positional(name, arguments, 1, 3);
  const Window window = window_of(runtime, self, given);
  const std::string_view text = self.text().view().substr(window.begin, window.end - window.begin);
  const auto fits = [&](const Value& part) {
    if (!part.is(Kind::string)) {
      fail(FailureKind::type, "{} first arg must be str or a tuple of str, not {}", name, type_name(part));
    }
    runtime.step_bytes(std::min(part.text().size(), text.size()));
    return window.valid && (at_end ? text.ends_with(part.text().view()) : text.starts_with(part.text().view()));
  };
  const Value& wanted = *given.find(0);
  require_defined(wanted);
  if (!wanted.is(Kind::tuple)) {
    return Value(fits(wanted));
  }
  return Value(std::any_of(wanted.items().begin(), wanted.items().end(), fits));
}

/// "ab".replace("", "-") is "-a-b-".
Text replace_between(Runtime& runtime, const Text& text, const Text& to, std::int64_t count) {
  Text out;
  std::size_t at = 0;
  while (count != 0) {
    out.append(to);
    --count;
    if (at >= text.size()) {
      return out;
    }
    const std::size_t length = char_bytes(text.view(), at);
    out.append(text, at, at + length);
    at += length;
    runtime.step_bytes(to.size());
    runtime.heap().expect(out.footprint());
  }
  out.append(text, at, text.size());
  return out;
}

}  // namespace

Text replace(Runtime& runtime, const Text& text, const Text& from, const Text& to, std::int64_t count) {
  runtime.step_bytes(text.size());
  count = std::max<std::int64_t>(count, -1);
  if (from.empty()) {
    return replace_between(runtime, text, to, count);
  }
  Text out;
  std::size_t at = 0;
  for (; count != 0; --count) {
    const std::size_t found = find_bytes(text.view(), from.view(), at);
    if (found == npos) {
      break;
    }
    out.append(text, at, found);
    out.append(to);
    at = found + from.size();
    runtime.step_bytes(to.size());
    runtime.heap().expect(out.footprint());
  }
  out.append(text, at, text.size());
  return out;
}

namespace str {

std::size_t rfind_bytes(std::string_view text, std::string_view needle) {
  const std::string back(text.rbegin(), text.rend());
  const std::string wanted(needle.rbegin(), needle.rend());
  const std::size_t found = find_bytes(back, wanted, 0);
  return found == npos ? npos : text.size() - found - needle.size();
}

Value find(Runtime& runtime, const Value& self, const Arguments& arguments) {
  return Value(find_in(runtime, self, arguments, "find", false));
}

Value rfind(Runtime& runtime, const Value& self, const Arguments& arguments) {
  return Value(find_in(runtime, self, arguments, "rfind", true));
}

Value index(Runtime& runtime, const Value& self, const Arguments& arguments) {
  return find_or_fail(runtime, self, arguments, "index", false);
}

Value rindex(Runtime& runtime, const Value& self, const Arguments& arguments) {
  return find_or_fail(runtime, self, arguments, "rindex", true);
}

Value count(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const Parameters given = str::positional("count", arguments, 1, 3);
  const std::string_view needle = text_parameter(given, 0).view();
  const Window window = window_of(runtime, self, given);
  if (!window.valid) {
    return Value(std::int64_t{0});
  }
  const std::string_view text = self.text().view().substr(0, window.end);
  if (needle.empty()) {
    return Value(count_chars(text.substr(window.begin)) + 1);
  }
  std::int64_t n = 0;
  for (std::size_t at = window.begin; (at = find_bytes(text, needle, at)) != npos; at += needle.size()) {
    ++n;
  }
  return Value(n);
}

Value startswith(Runtime& runtime, const Value& self, const Arguments& arguments) {
  return has_end(runtime, self, arguments, false);
}

Value endswith(Runtime& runtime, const Value& self, const Arguments& arguments) {
  return has_end(runtime, self, arguments, true);
}

Value replace(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const Parameters given = str::positional("replace", arguments, 2, 3);
  const Text& from = text_parameter(given, 0, "replace() argument 1 must be str");
  const Text& to = text_parameter(given, 1, "replace() argument 2 must be str");
  return runtime.string(jinja::replace(runtime, self.text(), from, to, given.integer(2, -1)));
}

}  // namespace str
}  // namespace llorch::jinja
