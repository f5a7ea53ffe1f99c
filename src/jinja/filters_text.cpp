// Filters over text. Each takes any value and works on its str().
#include <algorithm>

#include "base/utf8.h"
#include "jinja/chars.h"
#include "jinja/filter_tables.h"
#include "jinja/format.h"
#include "jinja/str_methods.h"

namespace llorch::jinja::filters {
namespace {

Text text_of(Runtime& runtime, const Value& value) {
  return value.is(Kind::string) ? value.text() : to_text(runtime, value);
}

std::string_view html_escape(char c) {
  switch (c) {
    case '&':
      return "&amp;";
    case '<':
      return "&lt;";
    case '>':
      return "&gt;";
    case '\'':
      return "&#39;";
    case '"':
      return "&#34;";
    default:
      return {};
  }
}

Value as_markup(Runtime& runtime, Text text) {
  Value value = runtime.string(std::move(text));
  value.as<StringObject>().markup = true;
  return value;
}

/// What title takes for the end of a word.
bool is_word_border(char32_t c) {
  return c == '-' || c == '(' || c == '{' || c == '[' || c == '<' || is_python_space(c);
}

void append_entity(std::string_view name, Text& out, Origin origin) {
  constexpr std::pair<std::string_view, std::string_view> kEntities[] = {
      {"amp", "&"}, {"lt", "<"}, {"gt", ">"}, {"quot", "\""}, {"apos", "'"}, {"nbsp", "\xC2\xA0"}};
  for (const auto& [known, text] : kEntities) {
    if (known == name) {
      out.append(text, origin);
      return;
    }
  }
  if (name.size() > 1 && name.size() < 9 && name[0] == '#') {
    const bool hex = name[1] == 'x' || name[1] == 'X';
    char* end = nullptr;
    const std::string digits(name.substr(hex ? 2 : 1));
    const unsigned long code = std::strtoul(digits.c_str(), &end, hex ? 16 : 10);
    if (!digits.empty() && *end == '\0' && code > 0 && code <= 0x10FFFF && (code < 0xD800 || code > 0xDFFF)) {
      std::string bytes;
      append_utf8(bytes, static_cast<char32_t>(code));
      out.append(bytes, origin);
      return;
    }
  }
  out.append("&" + std::string(name) + ";", origin);
}

constexpr std::size_t kLongestEntity = 10;

Text unescape(const Text& text) {
  Text out;
  const std::string_view bytes = text.view();
  for (std::size_t at = 0; at < bytes.size();) {
    const std::size_t end =
        bytes[at] == '&' ? bytes.substr(0, at + kLongestEntity).find(';', at) : std::string_view::npos;
    if (end == std::string_view::npos) {
      out.append(text, at, at + 1);
      ++at;
    } else {
      append_entity(bytes.substr(at + 1, end - at - 1), out, text.slice(at, end + 1).origin());
      at = end + 1;
    }
  }
  return out;
}

/// Everything between `open` and `close`, these included, is left out; an open one without end stays.
Text without(const Text& text, std::string_view open, std::string_view close) {
  Text out;
  std::size_t at = 0;
  while (true) {
    const std::size_t begin = find_bytes(text.view(), open, at);
    const std::size_t end =
        begin == std::string_view::npos ? begin : find_bytes(text.view(), close, begin + open.size());
    if (end == std::string_view::npos) {
      out.append(text, at, text.size());
      return out;
    }
    out.append(text, at, begin);
    at = end + close.size();
  }
}

/// Characters that urllib.parse.quote leaves as they are.
bool is_url_safe(char c, bool query) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '.' ||
         c == '-' || c == '~' || (!query && c == '/');
}

void quote_url(const Text& text, bool query, Text& out) {
  text.each_run([&](std::string_view run, Origin origin) {
    for (const char c : run) {
      if (is_url_safe(c, query)) {
        out.append(std::string_view(&c, 1), origin);
      } else if (query && c == ' ') {
        out.append("+", origin);
      } else {
        out.append(fmt::format("%{:02X}", static_cast<unsigned char>(c)), origin);
      }
    }
  });
}

}  // namespace

Value capitalize(Runtime& runtime, const Value& value, const Arguments& arguments) {
  const Parameters none("capitalize", arguments, {});
  return runtime.string(jinja::capitalize(runtime, text_of(runtime, value)));
}

Value center(Runtime& runtime, const Value& value, const Arguments& arguments) {
  const Parameters given("center", arguments, {"width"});
  const Method method = find_string_method("center");
  return method(runtime, to_string(runtime, value), {{Value(given.integer(0, 80))}, {}});
}

Value force_escape(Runtime& runtime, const Value& value, const Arguments& arguments) {
  const Parameters none("forceescape", arguments, {});
  const Text text = text_of(runtime, value);
  runtime.heap().expect(text.size());
  Text out;
  text.each_run([&](std::string_view run, Origin origin) {
    std::string escaped;
    for (const char c : run) {
      const std::string_view entity = html_escape(c);
      entity.empty() ? escaped += c : escaped += entity;
    }
    out.append(escaped, origin);
  });
  return as_markup(runtime, std::move(out));
}

Value escape(Runtime& runtime, const Value& value, const Arguments& arguments) {
  if (value.is(Kind::string) && value.as<StringObject>().markup) {
    return value;
  }
  return force_escape(runtime, value, arguments);
}

Value format(Runtime& runtime, const Value& value, const Arguments& arguments) {
  if (!arguments.positional.empty() && !arguments.named.empty()) {
    fail(FailureKind::type, "can't handle positional and keyword arguments at the same time");
  }
  const Value values = arguments.named.empty() ? runtime.tuple(arguments.positional) : named_values(runtime, arguments);
  return runtime.string(percent_format(runtime, text_of(runtime, value), values));
}

Value indent(Runtime& runtime, const Value& value, const Arguments& arguments) {
  const Parameters given("indent", arguments, {"width", "first", "blank"});
  require_defined(value);
  if (!value.is(Kind::string)) {
    fail(FailureKind::type, "unsupported operand type(s) for +=: '{}' and 'str'", type_name(value));
  }
  const Value* width = given.find(0);
  Text indention;
  if (width != nullptr && width->is(Kind::string)) {
    indention = width->text();
  } else {
    const auto spaces = static_cast<std::size_t>(std::max<std::int64_t>(0, given.integer(0, 4)));
    runtime.heap().expect(spaces);
    indention = Text(std::string(spaces, ' '), Origin::author);
  }
  Text text = value.text();
  text.append("\n", Origin::author);
  const std::vector<Text> lines = split_lines(runtime, text, false);
  runtime.step_bytes(text.size() + lines.size() * indention.size());
  runtime.heap().expect(text.size() + lines.size() * indention.size());
  Text out;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    if (i > 0) {
      out.append("\n", Origin::author);
    }
    const bool wanted = i == 0 ? given.flag(1, false) : given.flag(2, false) || !lines[i].empty();
    if (wanted) {
      out.append(indention);
    }
    out.append(lines[i]);
  }
  return runtime.string(std::move(out));
}

Value lower(Runtime& runtime, const Value& value, const Arguments& arguments) {
  const Parameters none("lower", arguments, {});
  return runtime.string(to_lower(runtime, text_of(runtime, value)));
}

Value upper(Runtime& runtime, const Value& value, const Arguments& arguments) {
  const Parameters none("upper", arguments, {});
  return runtime.string(to_upper(runtime, text_of(runtime, value)));
}

Value replace(Runtime& runtime, const Value& value, const Arguments& arguments) {
  const Parameters given("replace", arguments, {"old", "new", "count"}, 2);
  const bool all = given.find(2) == nullptr || given.find(2)->is(Kind::none);
  return runtime.string(jinja::replace(runtime, text_of(runtime, value), text_of(runtime, *given.find(0)),
                                       text_of(runtime, *given.find(1)), all ? -1 : given.integer(2, -1)));
}

Value safe(Runtime& runtime, const Value& value, const Arguments& arguments) {
  const Parameters none("safe", arguments, {});
  return as_markup(runtime, text_of(runtime, value));
}

Value string(Runtime& runtime, const Value& value, const Arguments& arguments) {
  const Parameters none("string", arguments, {});
  return to_string(runtime, value);
}

Value strip_tags(Runtime& runtime, const Value& value, const Arguments& arguments) {
  const Parameters none("striptags", arguments, {});
  const Text bare = without(without(text_of(runtime, value), "<!--", "-->"), "<", ">");
  const Value words = find_string_method("split")(runtime, runtime.string(bare), {});
  const Value space = runtime.string(" ", Origin::author);
  const Value joined = find_string_method("join")(runtime, space, {{words}, {}});
  return runtime.string(unescape(joined.text()));
}

Value title(Runtime& runtime, const Value& value, const Arguments& arguments) {
  const Parameters none("title", arguments, {});
  const Text text = text_of(runtime, value);
  const std::string_view bytes = text.view();
  Text out;
  for (std::size_t at = 0; at < bytes.size();) {
    const std::size_t begin = at;
    std::size_t head = 0;  // end of the word's first character
    const bool border = is_word_border(decode_utf8(bytes.substr(at)).code);
    while (at < bytes.size()) {
      const Utf8Char c = decode_utf8(bytes.substr(at));
      if (is_word_border(c.code) != border) {
        break;
      }
      at += static_cast<std::size_t>(c.length);
      head = head == 0 ? at : head;
    }
    if (border) {
      out.append(text, begin, at);
    } else {
      out.append(to_upper(runtime, text.slice(begin, head)));
      out.append(to_lower(runtime, text.slice(head, at)));
    }
  }
  return runtime.string(std::move(out));
}

Value trim(Runtime& runtime, const Value& value, const Arguments& arguments) {
  const Parameters given("trim", arguments, {"chars"});
  return runtime.string(strip(runtime, text_of(runtime, value), Side::both, given.get(0, Value::none())));
}

Value truncate(Runtime& runtime, const Value& value, const Arguments& arguments) {
  const Parameters given("truncate", arguments, {"length", "killwords", "end", "leeway"});
  const std::int64_t length = given.integer(0, 255);
  const Value end =
      given.find(2) != nullptr ? to_string(runtime, *given.find(2)) : runtime.string("...", Origin::author);
  const std::int64_t leeway = given.find(3) != nullptr && !given.find(3)->is(Kind::none) ? given.integer(3, 5) : 5;
  const std::int64_t end_length = length_of(runtime, end);
  if (length < end_length) {
    fail(FailureKind::value, "expected length >= {}, got {}", end_length, length);
  }
  if (leeway < 0) {
    fail(FailureKind::value, "expected leeway >= 0, got {}", leeway);
  }
  if (length_of(runtime, value) <= length || length_of(runtime, value) - length <= leeway) {
    return value;
  }
  const Value none = Value::none();
  Value kept = get_slice(runtime, value, none, Value(length - end_length), none);
  if (!kept.is(Kind::string)) {
    fail(FailureKind::type, "'{}' object cannot be truncated", type_name(value));
  }
  if (!given.flag(1, false)) {
    const std::size_t space = kept.text().view().rfind(' ');
    if (space != std::string_view::npos) {
      kept = runtime.string(kept.text().slice(0, space));
    }
  }
  return arithmetic(runtime, Arithmetic::add, kept, end);
}

Value url_encode(Runtime& runtime, const Value& value, const Arguments& arguments) {
  const Parameters none("urlencode", arguments, {});
  Text out;
  if (value.is(Kind::string) || value.is_number() || value.is(Kind::none) || value.is(Kind::undefined)) {
    const Text text = text_of(runtime, value);
    runtime.step_bytes(3 * text.size());
    quote_url(text, false, out);
    return runtime.string(std::move(out));
  }
  const Value pairs = value.is(Kind::dict) ? items(runtime, value, {}) : value;
  for (const Value& pair : items_of(runtime, pairs)) {
    const std::vector<Value> parts = items_of(runtime, pair);
    if (parts.size() != 2) {
      fail(FailureKind::value, "urlencode needs pairs of key and value");
    }
    if (!out.empty()) {
      out.append("&", Origin::author);
    }
    quote_url(text_of(runtime, parts[0]), true, out);
    out.append("=", Origin::author);
    quote_url(text_of(runtime, parts[1]), true, out);
  }
  return runtime.string(std::move(out));
}

Value word_count(Runtime& runtime, const Value& value, const Arguments& arguments) {
  const Parameters none("wordcount", arguments, {});
  const Text text = text_of(runtime, value);
  runtime.step_bytes(text.size());
  std::int64_t n = 0;
  bool inside = false;
  for (std::size_t at = 0; at < text.size();) {
    const Utf8Char c = decode_utf8(text.view().substr(at));
    const bool word = is_python_word(c.code);
    n += word && !inside ? 1 : 0;
    inside = word;
    at += static_cast<std::size_t>(c.length);
  }
  return Value(n);
}

}  // namespace llorch::jinja::filters
