// "%s is %d" % (a, b)
#include <algorithm>
#include <cmath>

#include "base/utf8.h"
#include "jinja/chars.h"
#include "jinja/format.h"
#include "jinja/format_spec.h"
#include "jinja/str_tables.h"

namespace llorch::jinja {
namespace {

struct Directive {
  bool left = false, zero = false, plus = false, blank = false, alternate = false;
  std::int64_t width = 0;
  std::int64_t precision = -1;
  char type = '\0';
};

class Formatter {
 public:
  Formatter(Runtime& runtime, const Text& format, const Value& arguments)
      : runtime_(runtime), format_(format), arguments_(arguments), origin_(format.origin()) {}

  Text run() {
    const std::string_view text = format_.view();
    runtime_.step_bytes(text.size());
    while (at_ < text.size()) {
      const std::size_t percent = std::min(text.find('%', at_), text.size());
      out_.append(format_, at_, percent);
      at_ = percent;
      if (at_ < text.size()) {
        ++at_;
        directive();
        runtime_.heap().expect(out_.footprint());
      }
    }
    const bool left_over = arguments_.is(Kind::tuple) ? next_ < arguments_.items().size() : next_ == 0;
    if (left_over && !is_mapping()) {
      fail(FailureKind::type, "not all arguments converted during string formatting");
    }
    return std::move(out_);
  }

 private:
  /// What has items by key or place may be left over, as if it were a mapping whose names are not used.
  bool is_mapping() const {
    return arguments_.is(Kind::dict) || arguments_.is(Kind::list) || arguments_.is(Kind::range) ||
           arguments_.is(Kind::undefined);
  }

  char peek() const { return at_ < format_.size() ? format_.view()[at_] : '\0'; }
  char take() {
    if (at_ >= format_.size()) {
      fail(FailureKind::value, "incomplete format");
    }
    return format_.view()[at_++];
  }

  Value next_argument() {
    if (by_name_ || !arguments_.is(Kind::tuple)) {
      if (next_++ > 0) {
        fail(FailureKind::type, "not enough arguments for format string");
      }
      return by_name_ ? *by_name_ : arguments_;
    }
    if (next_ >= arguments_.items().size()) {
      fail(FailureKind::type, "not enough arguments for format string");
    }
    return arguments_.items()[next_++];
  }

  /// "(name)": the mapping's value becomes the next argument, and there is none behind it.
  void named() {
    if (peek() != '(') {
      return;
    }
    ++at_;
    require_defined(arguments_);
    if (!arguments_.is(Kind::dict)) {
      fail(FailureKind::type, "format requires a mapping");
    }
    const std::size_t begin = at_;
    for (int depth = 1; depth > 0;) {
      if (at_ >= format_.size()) {
        fail(FailureKind::value, "incomplete format key");
      }
      const char c = take();
      depth += c == '(' ? 1 : c == ')' ? -1 : 0;
    }
    const std::string_view name = format_.view().substr(begin, at_ - 1 - begin);
    const Value* found = arguments_.as<DictObject>().get(name);
    if (found == nullptr) {
      fail(FailureKind::value, "'{}'", name);
    }
    by_name_ = *found;
    next_ = 0;
  }

  std::int64_t number(std::string_view what) {
    if (peek() == '*') {
      ++at_;
      const Value given = next_argument();
      if (given.is(Kind::big)) {
        fail(FailureKind::value, "Python int too large to convert to C ssize_t");
      }
      const auto value = given.is(Kind::real) ? std::nullopt : as_integer(given);
      if (!value) {
        fail(FailureKind::type, "* wants int");
      }
      if (*value > kMaxWidth || *value < -kMaxWidth) {
        fail(FailureKind::budget, "a {} of more than {}", what, kMaxWidth);
      }
      return *value;
    }
    std::int64_t value = 0;
    while (peek() >= '0' && peek() <= '9') {
      value = value * 10 + (take() - '0');
      if (value > kMaxWidth) {
        fail(FailureKind::budget, "a {} of more than {}", what, kMaxWidth);
      }
    }
    return value;
  }

  void directive() {
    if (peek() == '%') {
      out_.append(format_, at_, at_ + 1);
      ++at_;
      return;
    }
    named();
    Directive d;
    for (bool more = true; more;) {
      switch (peek()) {
        case '-':
          d.left = true;
          break;
        case '+':
          d.plus = true;
          break;
        case ' ':
          d.blank = true;
          break;
        case '#':
          d.alternate = true;
          break;
        case '0':
          d.zero = true;
          break;
        default:
          more = false;
      }
      at_ += more ? 1 : 0;
    }
    d.width = number("width");
    if (d.width < 0) {
      d.left = true;
      d.width = -d.width;
    }
    if (peek() == '.') {
      ++at_;
      d.precision = std::max<std::int64_t>(0, number("precision"));
    }
    if (peek() == 'l' || peek() == 'h' || peek() == 'L') {
      ++at_;
    }
    const std::size_t type_at = at_;
    d.type = take();
    const Value value = next_argument();
    constexpr std::string_view kTypes = "sradiuoxXeEfFgGc";
    if (kTypes.find(d.type) == std::string_view::npos) {
      const auto code = static_cast<std::uint32_t>(decode_utf8(format_.view().substr(type_at)).code);
      fail(FailureKind::value, "unsupported format character '{}' (0x{:x}) at index {}",
           code >= 31 && code < 127 ? d.type : '?', code, str::count_chars(format_.view().substr(0, type_at)));
    }
    convert(d, value);
  }

  void convert(const Directive& d, const Value& value) {
    switch (d.type) {
      case 's':
      case 'r':
      case 'a':
        text(d, value);
        return;
      case 'c':
        character(d, value);
        return;
      case 'd':
      case 'i':
      case 'u':
      case 'o':
      case 'x':
      case 'X':
        integer(d, value);
        return;
      default:
        real(d, value);
    }
  }

  void pad(const Directive& d, const Text& body) {
    const std::int64_t missing = std::max<std::int64_t>(0, d.width - str::count_chars(body.view()));
    const auto n = static_cast<std::size_t>(missing);
    runtime_.heap().expect(out_.footprint() + n);
    runtime_.step_bytes(n + body.size());
    if (!d.left) {
      out_.append(std::string(n, ' '), origin_);
    }
    out_.append(body);
    if (d.left) {
      out_.append(std::string(n, ' '), origin_);
    }
  }

  void text(const Directive& d, const Value& value) {
    Text shown = d.type == 's' ? to_text(runtime_, value) : to_repr(runtime_, value);
    if (d.type == 'a') {
      shown = ascii(shown);
    }
    if (d.precision >= 0) {
      const Value whole = runtime_.string(std::move(shown));
      shown = get_slice(runtime_, whole, Value::none(), Value(d.precision), Value::none()).text();
    }
    pad(d, shown);
  }

  static Text ascii(const Text& text) {
    Text out;
    text.each_run([&](std::string_view run, Origin origin) {
      std::string escaped;
      for (std::size_t at = 0; at < run.size();) {
        const Utf8Char c = decode_utf8(run.substr(at));
        const auto code = static_cast<std::uint32_t>(c.code);
        if (code < 0x80) {
          escaped += static_cast<char>(code);
        } else {
          escaped += code <= 0xFF     ? fmt::format("\\x{:02x}", code)
                     : code <= 0xFFFF ? fmt::format("\\u{:04x}", code)
                                      : fmt::format("\\U{:08x}", code);
        }
        at += static_cast<std::size_t>(c.length);
      }
      out.append(escaped, origin);
    });
    return out;
  }

  void character(const Directive& d, const Value& value) {
    if (value.is(Kind::string) && str::count_chars(value.text().view()) == 1) {
      pad(d, value.text());
      return;
    }
    const auto code = value.is(Kind::big) ? -1 : as_integer(value);
    if (!code) {
      fail(FailureKind::type, "%c requires int or char");
    }
    if (*code < 0 || *code > 0x10FFFF) {
      fail(FailureKind::value, "%c arg not in range(0x110000)");
    }
    std::string bytes;
    append_utf8(bytes, static_cast<char32_t>(*code));
    pad(d, Text(repair_utf8(bytes), Origin::input));
  }

  std::string sign(const Directive& d, bool negative) const {
    return negative ? "-" : d.plus ? "+" : d.blank ? " " : "";
  }

  /// Sign and prefix, zeros if asked for, digits.
  void finish(const Directive& d, const std::string& head, std::string digits) {
    const auto length = static_cast<std::int64_t>(head.size() + digits.size());
    if (d.zero && !d.left && length < d.width) {
      runtime_.heap().expect(static_cast<std::size_t>(d.width));
      digits.insert(0, static_cast<std::size_t>(d.width - length), '0');
    }
    pad(d, Text(head + digits, origin_));
  }

  void integer(const Directive& d, const Value& value) {
    require_defined(value);
    const bool decimal = d.type == 'd' || d.type == 'i' || d.type == 'u';
    if (!value.is_number() || (value.is(Kind::real) && !decimal)) {
      fail(FailureKind::type, "%{} format: {} is required, not {}", d.type, decimal ? "a real number" : "an integer",
           type_name(value));
    }
    BigInt number;
    if (value.is(Kind::real)) {
      if (!std::isfinite(value.real())) {
        fail(FailureKind::value, "cannot convert float {} to integer", std::isnan(value.real()) ? "NaN" : "infinity");
      }
      number = BigInt(std::trunc(value.real()));
    } else {
      number = as_big(value);
    }
    std::string digits = integer_digits(abs(number), decimal ? 'd' : d.type);
    if (d.precision > static_cast<std::int64_t>(digits.size())) {
      runtime_.heap().expect(static_cast<std::size_t>(d.precision));
      digits.insert(0, static_cast<std::size_t>(d.precision) - digits.size(), '0');
    }
    const std::string prefix = d.alternate && !decimal ? std::string("0") + d.type : "";
    finish(d, sign(d, number.sign() < 0) + prefix, std::move(digits));
  }

  void real(const Directive& d, const Value& value) {
    require_defined(value);
    if (!value.is_number()) {
      fail(FailureKind::type, "must be real number, not {}", type_name(value));
    }
    constexpr std::int64_t kMaxPrecision = 100'000;
    if (d.precision > kMaxPrecision) {
      fail(FailureKind::budget, "a precision of more than {}", kMaxPrecision);
    }
    const double number = as_real(value);
    const bool negative = std::signbit(number) && !std::isnan(number);
    finish(d, sign(d, negative),
           real_digits(std::fabs(number), d.type, d.precision < 0 ? 6 : static_cast<int>(d.precision), d.alternate));
  }

  Runtime& runtime_;
  const Text& format_;
  const Value& arguments_;
  std::size_t at_ = 0;
  std::size_t next_ = 0;
  std::optional<Value> by_name_;
  Origin origin_;  // of what is neither the format's text nor the arguments': digits and padding
  Text out_;
};

}  // namespace

Text percent_format(Runtime& runtime, const Text& format, const Value& arguments) {
  return Formatter(runtime, format, arguments).run();
}

}  // namespace llorch::jinja
