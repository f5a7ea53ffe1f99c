// json.dumps: the same bytes as CPython's.
#include <algorithm>
#include <cmath>

#include "base/utf8.h"
#include "jinja/json_text.h"
#include "jinja/ops.h"

namespace llorch::jinja {
namespace {

class JsonWriter {
 public:
  JsonWriter(Runtime& runtime, const JsonStyle& style)
      : runtime_(runtime), sort_(style.sort_keys), ascii_(style.ensure_ascii) {
    pretty_ = !style.indent.is(Kind::none) && !style.indent.is(Kind::undefined);
    if (style.indent.is(Kind::string)) {
      indent_ = style.indent.text();
    } else if (pretty_) {
      const auto spaces = as_integer(style.indent);
      if (!spaces) {
        fail(FailureKind::type, "can't multiply sequence by non-int of type '{}'", type_name(style.indent));
      }
      const auto n = static_cast<std::size_t>(std::max<std::int64_t>(0, *spaces));
      runtime.heap().expect(n);
      indent_ = Text(std::string(n, ' '), Origin::author);
    }
    item_separator_ = style.item_separator.value_or(Text(pretty_ ? "," : ", ", Origin::author));
    key_separator_ = style.key_separator;
  }

  void value(const Value& value) {
    runtime_.step();
    switch (value.kind()) {
      case Kind::string:
        string(value.text());
        return;
      case Kind::list:
      case Kind::tuple:
        list(value.items());
        return;
      case Kind::dict:
        dict(value.as<DictObject>().entries);
        return;
      case Kind::none:
      case Kind::boolean:
      case Kind::integer:
      case Kind::big:
      case Kind::real:
        word(scalar(value));
        return;
      default:
        fail(FailureKind::type, "Object of type {} is not JSON serializable", type_name(value));
    }
  }
  Text take() { return std::move(out_); }

 private:
  void word(std::string_view text) {
    out_.append(text, kNumberOrigin);
    runtime_.heap().expect(out_.footprint());
  }

  void separator(const Text& text) {
    runtime_.step(static_cast<std::int64_t>(text.size() / kBytesPerStep));
    runtime_.heap().expect(out_.footprint() + text.size());
    out_.append(text);
  }

  static std::string scalar(const Value& value) {
    switch (value.kind()) {
      case Kind::none:
        return "null";
      case Kind::boolean:
        return value.boolean() ? "true" : "false";
      case Kind::integer:
        return fmt::format("{}", value.integer());
      case Kind::big:
        return big_to_string(value.as<BigObject>().value);
      default:
        break;
    }
    if (std::isnan(value.real())) {
      return "NaN";
    }
    if (std::isinf(value.real())) {
      return value.real() < 0 ? "-Infinity" : "Infinity";
    }
    return real_to_string(value.real());
  }

  void escape(char32_t c, std::string& out) const {
    constexpr std::string_view kNamed = "\"\\\n\r\t\f\b";
    constexpr std::string_view kLetters = "\"\\nrtfb";
    const std::size_t named = c < 0x80 ? kNamed.find(static_cast<char>(c)) : std::string_view::npos;
    if (named != std::string_view::npos) {
      (out += '\\') += kLetters[named];
    } else if (c < 0x20 || (ascii_ && c >= 0x7F)) {
      if (c <= 0xFFFF) {
        out += fmt::format("\\u{:04x}", static_cast<std::uint32_t>(c));
      } else {
        const std::uint32_t rest = static_cast<std::uint32_t>(c) - 0x10000;
        out += fmt::format("\\u{:04x}\\u{:04x}", 0xD800 + (rest >> 10U), 0xDC00 + (rest & 0x3FFU));
      }
    } else {
      append_utf8(out, c);
    }
  }

  void string(const Text& text) {
    runtime_.step_bytes(text.size());
    word("\"");
    text.each_run([&](std::string_view run, Origin origin) {
      std::string escaped;
      for (std::size_t at = 0; at < run.size();) {
        const Utf8Char c = decode_utf8(run.substr(at));
        escape(c.code, escaped);
        at += static_cast<std::size_t>(c.length);
      }
      out_.append(escaped, origin);
    });
    word("\"");
  }

  void new_line() {
    if (!pretty_) {
      return;
    }
    word("\n");
    const std::size_t bytes = indent_.size() * static_cast<std::size_t>(level_);
    runtime_.step_bytes(bytes);
    runtime_.heap().expect(out_.footprint() + bytes);
    for (int i = 0; i < level_; ++i) {
      out_.append(indent_);
    }
  }

  void list(const std::vector<Value>& items) {
    if (items.empty()) {
      word("[]");
      return;
    }
    word("[");
    ++level_;
    for (std::size_t i = 0; i < items.size(); ++i) {
      if (i > 0) {
        separator(item_separator_);
      }
      new_line();
      value(items[i]);
    }
    --level_;
    new_line();
    word("]");
  }

  void key(const Value& key) {
    if (key.is(Kind::string)) {
      string(key.text());
    } else if (key.is_number() || key.is(Kind::none)) {
      word("\"" + scalar(key) + "\"");
    } else {
      fail(FailureKind::type, "keys must be str, int, float, bool or None, not {}", type_name(key));
    }
  }

  void dict(const std::vector<std::pair<Value, Value>>& entries) {
    if (entries.empty()) {
      word("{}");
      return;
    }
    std::vector<const std::pair<Value, Value>*> order;
    for (const auto& entry : entries) {
      order.push_back(&entry);
    }
    if (sort_) {
      std::stable_sort(order.begin(), order.end(),
                       [&](const auto* a, const auto* b) { return less(runtime_, a->first, b->first); });
    }
    word("{");
    ++level_;
    for (std::size_t i = 0; i < order.size(); ++i) {
      if (i > 0) {
        separator(item_separator_);
      }
      new_line();
      key(order[i]->first);
      separator(key_separator_);
      value(order[i]->second);
    }
    --level_;
    new_line();
    word("}");
  }

  Runtime& runtime_;
  bool sort_, ascii_, pretty_ = false;
  Text indent_;
  Text item_separator_, key_separator_;
  Text out_;
  int level_ = 0;
};

}  // namespace

Text to_json(Runtime& runtime, const Value& value, const JsonStyle& style) {
  JsonWriter writer(runtime, style);
  writer.value(value);
  return writer.take();
}

}  // namespace llorch::jinja
