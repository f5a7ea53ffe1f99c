// str() and repr() of every kind of value.
#include <charconv>
#include <cmath>

#include "base/unicode.h"
#include "base/utf8.h"
#include "jinja/chars.h"
#include "jinja/interpreter.h"
#include "jinja/loop.h"
#include "jinja/ops.h"

namespace llorch::jinja {
namespace {

constexpr int kMaxReprDepth = 2 * kMaxValueDepth;  // a namespace may hold itself

void append_escape(char32_t c, std::string& out) {
  switch (c) {
    case '\n':
      out += "\\n";
      return;
    case '\r':
      out += "\\r";
      return;
    case '\t':
      out += "\\t";
      return;
    default:
      break;
  }
  if (c <= 0xFF) {
    out += fmt::format("\\x{:02x}", static_cast<std::uint32_t>(c));
  } else if (c <= 0xFFFF) {
    out += fmt::format("\\u{:04x}", static_cast<std::uint32_t>(c));
  } else {
    out += fmt::format("\\U{:08x}", static_cast<std::uint32_t>(c));
  }
}

/// Python prefers single quotes, and double ones where that saves escapes.
void append_quoted(const Text& text, Text& out) {
  const std::string_view bytes = text.view();
  const bool single = bytes.find('\'') == std::string_view::npos || bytes.find('"') != std::string_view::npos;
  const char quote = single ? '\'' : '"';
  out.append({&quote, 1}, Origin::author);
  text.each_run([&](std::string_view run, Origin origin) {
    std::string escaped;
    for (std::size_t at = 0; at < run.size();) {
      const Utf8Char c = decode_utf8(run.substr(at));
      const auto length = static_cast<std::size_t>(c.length);
      if (c.code == static_cast<char32_t>(quote) || c.code == '\\') {
        (escaped += '\\') += static_cast<char>(c.code);
      } else if (is_printable(c.code)) {
        escaped += run.substr(at, length);
      } else {
        append_escape(c.code, escaped);
      }
      at += length;
    }
    out.append(escaped, origin);
  });
  out.append({&quote, 1}, Origin::author);
}

class Writer {
 public:
  explicit Writer(Runtime& runtime) : runtime_(runtime) {}

  void repr(const Value& value) {
    runtime_.step();
    if (++depth_ > kMaxReprDepth) {
      fail(FailureKind::budget, "values nested more than {} deep", kMaxReprDepth);
    }
    runtime_.heap().expect(out_.footprint());
    write(value);
    --depth_;
  }
  Text take() { return std::move(out_); }

 private:
  void word(std::string_view text) { out_.append(text, kNumberOrigin); }

  void write(const Value& value) {
    switch (value.kind()) {
      case Kind::string:
        runtime_.step_bytes(value.text().size());
        append_quoted(value.text(), out_);
        return;
      case Kind::list:
        sequence("[", value.items(), "]");
        return;
      case Kind::tuple:
        sequence("(", value.items(), value.items().size() == 1 ? ",)" : ")");
        return;
      case Kind::dict:
        dict(value.as<DictObject>().entries);
        return;
      case Kind::view:
        word(type_name(value));
        sequence("([", items_of(runtime_, value), "])");
        return;
      case Kind::space:
        word("<Namespace ");
        dict(value.as<SpaceObject>().attributes.entries);
        word(">");
        return;
      case Kind::macro:
        word(fmt::format("<Macro '{}'>", value.as<MacroObject>().definition->name));
        return;
      case Kind::loop: {
        const auto& loop = value.as<LoopObject>();
        word(fmt::format("<LoopContext {}/{}>", loop.index0 + 1, loop.items.size()));
        return;
      }
      default:
        word(scalar(value));
    }
  }

  static std::string scalar(const Value& value) {
    switch (value.kind()) {
      case Kind::undefined:
        return "Undefined";
      case Kind::none:
        return "None";
      case Kind::boolean:
        return value.boolean() ? "True" : "False";
      case Kind::integer:
        return fmt::format("{}", value.integer());
      case Kind::big:
        return big_to_string(value.as<BigObject>().value);
      case Kind::real:
        return real_to_string(value.real());
      case Kind::range: {
        const auto& range = value.as<RangeObject>();
        return range.step == 1 ? fmt::format("range({}, {})", range.begin, range.end)
                               : fmt::format("range({}, {}, {})", range.begin, range.end, range.step);
      }
      case Kind::function:
        return fmt::format("<function {}>", value.as<FunctionObject>().name);
      case Kind::method:
        return fmt::format("<built-in method {} of {} object>", value.as<MethodObject>().name,
                           type_name(value.as<MethodObject>().self));
      default:
        return fmt::format("<{} object>", type_name(value));
    }
  }

  void sequence(std::string_view open, const std::vector<Value>& items, std::string_view close) {
    word(open);
    for (std::size_t i = 0; i < items.size(); ++i) {
      if (i > 0) {
        word(", ");
      }
      repr(items[i]);
    }
    word(close);
  }

  void dict(const std::vector<std::pair<Value, Value>>& entries) {
    word("{");
    for (std::size_t i = 0; i < entries.size(); ++i) {
      if (i > 0) {
        word(", ");
      }
      repr(entries[i].first);
      word(": ");
      repr(entries[i].second);
    }
    word("}");
  }

  Runtime& runtime_;
  Text out_;
  int depth_ = 0;
};

}  // namespace

std::string real_to_string(double value) {
  if (std::isnan(value)) {
    return "nan";
  }
  if (std::isinf(value)) {
    return value < 0 ? "-inf" : "inf";
  }
  char buffer[64];
  const auto end = std::to_chars(buffer, buffer + sizeof buffer, value, std::chars_format::scientific).ptr;
  const std::string_view text(buffer, static_cast<std::size_t>(end - buffer));  // "-1.25e-07"
  const std::size_t e = text.find('e');
  int exponent = 0;
  std::from_chars(text.data() + e + (text[e + 1] == '+' ? 2 : 1), text.data() + text.size(), exponent);
  if (exponent < -4 || exponent >= 16) {
    return std::string(text);
  }
  std::string digits(text.substr(0, e));
  const std::string sign = digits[0] == '-' ? "-" : "";
  std::erase(digits, '-');
  std::erase(digits, '.');
  if (exponent < 0) {
    return sign + "0." + std::string(static_cast<std::size_t>(-exponent - 1), '0') + digits;
  }
  const auto whole = static_cast<std::size_t>(exponent) + 1;
  if (digits.size() <= whole) {
    return sign + digits + std::string(whole - digits.size(), '0') + ".0";
  }
  return sign + digits.substr(0, whole) + "." + digits.substr(whole);
}

std::string big_to_string(const BigInt& value) {
  return value.str();
}

Text to_repr(Runtime& runtime, const Value& value) {
  Writer writer(runtime);
  writer.repr(value);
  return writer.take();
}

Text to_text(Runtime& runtime, const Value& value) {
  if (value.is(Kind::string)) {
    return value.text();
  }
  if (value.is(Kind::undefined)) {
    return {};
  }
  return to_repr(runtime, value);
}

Value to_string(Runtime& runtime, const Value& value) {
  return value.is(Kind::string) ? value : runtime.string(to_text(runtime, value));
}

}  // namespace llorch::jinja
