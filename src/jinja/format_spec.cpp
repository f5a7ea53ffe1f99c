// Under brace_format.cpp and percent_format.cpp: one value in the width and notation of a specification.
#include "jinja/format_spec.h"

#include <algorithm>
#include <cmath>

#include "base/utf8.h"
#include "jinja/str_tables.h"

namespace llorch::jinja {
namespace {

/// [[fill]align][sign][z][#][0][width][grouping][.precision][type]
struct Spec {
  std::string fill = " ";
  char align = '\0';
  char sign = '\0';
  bool no_negative_zero = false;
  bool alternate = false;
  std::int64_t width = 0;
  char grouping = '\0';
  std::int64_t precision = -1;
  char type = '\0';
  Origin origin = kNumberOrigin;
};

bool is_align(char c) {
  return c == '<' || c == '>' || c == '=' || c == '^';
}

std::int64_t read_number(std::string_view& text, std::string_view what) {
  std::int64_t value = 0;
  while (!text.empty() && text[0] >= '0' && text[0] <= '9') {
    value = value * 10 + (text[0] - '0');
    if (value > kMaxWidth) {
      fail(FailureKind::budget, "a {} of more than {}", what, kMaxWidth);
    }
    text.remove_prefix(1);
  }
  return value;
}

bool take(std::string_view& text, char c) {
  if (text.empty() || text[0] != c) {
    return false;
  }
  text.remove_prefix(1);
  return true;
}

/// Separators go with digits in tens; '_' with digits in twos, eights and sixteens, too.
void check_grouping(const Spec& spec, char default_type) {
  const char type = spec.type == '\0' ? default_type : spec.type;
  const std::string_view types = spec.grouping == '_' ? "deEfFgG%boxX" : "deEfFgG%";
  if (spec.grouping != '\0' && type != '\0' && types.find(type) == std::string_view::npos) {
    fail(FailureKind::value, "Cannot specify '{}' with '{}'.", spec.grouping, type);
  }
}

/// `number`: of a number, which a leading zero fills behind its sign. `default_type`: in place of none.
Spec parse_spec(const Text& source, bool number, char default_type) {
  Spec spec;
  spec.origin = source.origin();
  std::string_view text = source.view();
  bool filled = false;
  const std::size_t head = text.empty() ? 0 : str::char_bytes(text, 0);
  if (head < text.size() && head > 0 && is_align(text[head])) {
    spec.fill = std::string(text.substr(0, head));
    spec.align = text[head];
    filled = true;
    text.remove_prefix(head + 1);
  } else if (!text.empty() && is_align(text[0])) {
    spec.align = text[0];
    text.remove_prefix(1);
  }
  if (!text.empty() && (text[0] == '+' || text[0] == '-' || text[0] == ' ')) {
    spec.sign = text[0];
    text.remove_prefix(1);
  }
  spec.no_negative_zero = take(text, 'z');
  spec.alternate = take(text, '#');
  if (!filled && take(text, '0')) {
    spec.fill = "0";
    spec.align = spec.align == '\0' && number ? '=' : spec.align;
  }
  spec.width = read_number(text, "width");
  if (!text.empty() && (text[0] == ',' || text[0] == '_')) {
    spec.grouping = text[0];
    text.remove_prefix(1);
    if (!text.empty() && (text[0] == ',' || text[0] == '_')) {
      fail(FailureKind::value, "Cannot specify both ',' and '_'.");
    }
  }
  if (take(text, '.')) {
    if (text.empty() || text[0] < '0' || text[0] > '9') {
      fail(FailureKind::value, "Format specifier missing precision");
    }
    spec.precision = read_number(text, "precision");
  }
  if (text.size() > 1) {
    fail(FailureKind::value, "Invalid format specifier");
  }
  if (!text.empty() && text[0] == '\0') {
    fail(FailureKind::value, "Unknown format code '\\x0'");
  }
  spec.type = text.empty() ? '\0' : text[0];
  check_grouping(spec, default_type);
  return spec;
}

/// Puts `separator` between every `group` digits from the right.
std::string grouped(const std::string& digits, char separator, std::size_t group) {
  std::string out;
  for (std::size_t i = 0; i < digits.size(); ++i) {
    if (i > 0 && (digits.size() - i) % group == 0) {
      out += separator;
    }
    out += digits[i];
  }
  return out;
}

/// A number in parts, so that zeros can go between sign and digits.
struct Number {
  std::string sign, prefix, whole, rest;  // rest: point, fraction, exponent, '%'
  std::size_t group = 3;
};

Text pad(Runtime& runtime, const Spec& spec, Text body, char default_align) {
  const std::int64_t length = str::count_chars(body.view());
  const std::int64_t missing = std::max<std::int64_t>(0, spec.width - length);
  const auto bytes = static_cast<std::size_t>(missing) * spec.fill.size();
  runtime.heap().expect(bytes + body.size());
  runtime.step_bytes(bytes + body.size());
  const char align = spec.align == '\0' ? default_align : spec.align;
  const std::int64_t left = align == '<' ? 0 : align == '^' ? missing / 2 : missing;
  const auto fill = [&](std::int64_t n) {
    std::string all;
    for (std::int64_t i = 0; i < n; ++i) {
      all += spec.fill;
    }
    return all;
  };
  Text out;
  out.append(fill(left), spec.origin);
  out.append(body);
  out.append(fill(missing - left), spec.origin);
  return out;
}

Text finish(Runtime& runtime, const Spec& spec, const Number& number) {
  std::string whole = number.whole;
  const std::string head = number.sign + number.prefix;
  if (spec.align == '=') {
    // Padding goes behind the sign; zeros take part in the grouping.
    const auto wanted = spec.width - static_cast<std::int64_t>(head.size() + number.rest.size());
    if (spec.fill == "0" && spec.grouping != '\0' && !whole.empty()) {
      runtime.heap().expect(2 * static_cast<std::size_t>(std::max<std::int64_t>(wanted, 0)));
      runtime.step_bytes(4 * static_cast<std::size_t>(std::max<std::int64_t>(wanted, 0)));
      std::string shown = grouped(whole, spec.grouping, number.group);
      while (static_cast<std::int64_t>(shown.size()) < wanted) {
        const auto lacking = static_cast<std::size_t>(wanted) - shown.size();
        whole.insert(0, std::max<std::size_t>(1, lacking * number.group / (number.group + 1)), '0');
        shown = grouped(whole, spec.grouping, number.group);
      }
      return Text(head + shown + number.rest, spec.origin);
    }
    const std::string shown = spec.grouping == '\0' ? whole : grouped(whole, spec.grouping, number.group);
    Spec inner = spec;
    inner.align = '>';
    inner.width = std::max<std::int64_t>(0, spec.width - static_cast<std::int64_t>(head.size()));
    Text out(head, spec.origin);
    out.append(pad(runtime, inner, Text(shown + number.rest, spec.origin), '>'));
    return out;
  }
  const std::string shown = spec.grouping == '\0' ? whole : grouped(whole, spec.grouping, number.group);
  return pad(runtime, spec, Text(head + shown + number.rest, spec.origin), '>');
}

std::string sign_of(const Spec& spec, bool negative) {
  return negative ? "-" : spec.sign == '+' || spec.sign == ' ' ? std::string(1, spec.sign) : "";
}

[[noreturn]] void fail_type(const Spec& spec, const Value& value) {
  fail(FailureKind::value, "Unknown format code '{}' for object of type '{}'", spec.type, type_name(value));
}

/// `precision` digits at most, as 'g', but with at least one behind the point where there is no exponent.
std::string short_digits(double value, int precision, bool alternate) {
  const std::string scientific = real_digits(value, 'e', precision - 1, false);  // "1.250e-07"
  const std::size_t e = scientific.find('e');
  const int exponent = std::stoi(scientific.substr(e + 1));
  std::string digits = scientific.substr(0, e);
  std::erase(digits, '.');
  if (!alternate) {
    digits.resize(std::max<std::size_t>(1, digits.find_last_not_of('0') + 1));
  }
  if (exponent < -4 || exponent >= precision - 1) {
    return digits.substr(0, 1) + (digits.size() > 1 ? "." + digits.substr(1) : "") + scientific.substr(e);
  }
  if (exponent < 0) {
    return "0." + std::string(static_cast<std::size_t>(-exponent - 1), '0') + digits;
  }
  const auto whole = static_cast<std::size_t>(exponent) + 1;
  digits.resize(std::max(digits.size(), whole + 1), '0');
  return digits.substr(0, whole) + "." + digits.substr(whole);
}

Text format_real(Runtime& runtime, const Value& value, const Spec& spec) {
  double number = as_real(value);
  char type = spec.type;
  int precision = static_cast<int>(spec.precision);
  constexpr int kMaxPrecision = 100'000;
  if (precision > kMaxPrecision) {
    fail(FailureKind::budget, "a precision of more than {}", kMaxPrecision);
  }
  runtime.step_bytes(static_cast<std::size_t>(std::max(precision, 0)));
  const bool percent = type == '%';
  if (percent) {
    number *= 100;
    type = 'f';
  } else if (type == 'n') {
    type = 'g';
  }
  std::string digits;
  const double size = std::fabs(number);
  if (type == '\0') {
    digits = precision < 0 || !std::isfinite(size) ? real_to_string(size)
                                                   : short_digits(size, std::max(precision, 1), spec.alternate);
    if (spec.alternate && std::isfinite(size) && digits.find('.') == std::string::npos) {
      digits.insert(std::min(digits.find('e'), digits.size()), ".");
    }
  } else {
    digits = real_digits(size, type, precision < 0 ? 6 : precision, spec.alternate);
  }
  const bool zero = digits.find_first_of("123456789iInN") == std::string::npos;
  const bool negative = std::signbit(number) && !std::isnan(number) && !(spec.no_negative_zero && zero);
  const std::size_t end = std::min(digits.find_first_not_of("0123456789"), digits.size());
  Number parts{sign_of(spec, negative), "", digits.substr(0, end), digits.substr(end) + (percent ? "%" : ""), 3};
  return finish(runtime, spec, parts);
}

Text format_integer(Runtime& runtime, const Value& value, const Spec& spec) {
  constexpr std::string_view kRealTypes = "eEfFgG%";
  if (spec.type != '\0' && kRealTypes.find(spec.type) != std::string_view::npos) {
    return format_real(runtime, value, spec);
  }
  constexpr std::string_view kTypes = "bcdnoxX";
  if (spec.type != '\0' && kTypes.find(spec.type) == std::string_view::npos) {
    fail_type(spec, value);
  }
  if (spec.precision >= 0) {
    fail(FailureKind::value, "Precision not allowed in integer format specifier");
  }
  if (spec.no_negative_zero) {
    fail(FailureKind::value, "Negative zero coercion (z) not allowed in integer format specifier");
  }
  const BigInt big = as_big(value);
  if (spec.type == 'c') {
    if (spec.sign != '\0') {
      fail(FailureKind::value, "Sign not allowed with integer format specifier 'c'");
    }
    if (spec.alternate) {
      fail(FailureKind::value, "Alternate form (#) not allowed with integer format specifier 'c'");
    }
    if (big < 0 || big > 0x10FFFF) {
      fail(FailureKind::value, "%c arg not in range(0x110000)");
    }
    std::string bytes;
    append_utf8(bytes, big.convert_to<std::uint32_t>());
    return pad(runtime, spec, Text(repair_utf8(bytes), Origin::input), '>');
  }
  Number parts;
  parts.sign = sign_of(spec, big.sign() < 0);
  const char type = spec.type == '\0' || spec.type == 'n' ? 'd' : spec.type;
  if (spec.alternate && type != 'd') {
    parts.prefix = std::string("0") + type;
  }
  parts.whole = integer_digits(abs(big), type);
  if (type != 'd') {
    parts.group = 4;
  }
  return finish(runtime, spec, parts);
}

Text format_string(Runtime& runtime, const Value& value, const Spec& spec) {
  if (spec.type != '\0' && spec.type != 's') {
    fail_type(spec, value);
  }
  if (spec.sign != '\0') {
    fail(FailureKind::value, "{} not allowed in string format specifier", spec.sign == ' ' ? "Space" : "Sign");
  }
  if (spec.no_negative_zero) {
    fail(FailureKind::value, "Negative zero coercion (z) not allowed in string format specifier");
  }
  if (spec.alternate) {
    fail(FailureKind::value, "Alternate form (#) not allowed in string format specifier");
  }
  if (spec.align == '=') {
    fail(FailureKind::value, "'=' alignment not allowed in string format specifier");
  }
  Value shown = value;
  if (spec.precision >= 0) {
    shown = get_slice(runtime, value, Value::none(), Value(spec.precision), Value::none());
  }
  return pad(runtime, spec, shown.text(), '<');
}

}  // namespace

std::string integer_digits(const BigInt& value, char type) {
  switch (type) {
    case 'x':
    case 'X': {
      std::string digits = value.str(0, std::ios_base::hex);
      std::transform(digits.begin(), digits.end(), digits.begin(), [type](unsigned char c) {
        return static_cast<char>(type == 'x' ? std::tolower(c) : std::toupper(c));
      });
      return digits;
    }
    case 'o':
      return value.str(0, std::ios_base::oct);
    case 'b': {
      std::string digits;
      for (std::size_t bit = value == 0 ? 1 : msb(value) + 1; bit-- > 0;) {
        digits += bit_test(value, static_cast<unsigned>(bit)) ? '1' : '0';
      }
      return digits;
    }
    default:
      return value.str();
  }
}

std::string real_digits(double value, char type, int precision, bool alternate) {
  if (!std::isfinite(value)) {
    const bool upper = type >= 'A' && type <= 'Z';
    return std::isnan(value) ? (upper ? "NAN" : "nan") : (upper ? "INF" : "inf");
  }
  // snprintf, since fmt stops at some 770 digits, and its '#' keeps one zero more.
  const char* format = alternate ? "%#.*" : "%.*";
  const std::string directive = std::string(format) + type;
  std::string digits(static_cast<std::size_t>(precision) + 400, '\0');  // 309 digits before the point
  const int length = std::snprintf(digits.data(), digits.size(), directive.c_str(), precision, value);
  digits.resize(static_cast<std::size_t>(length));
  return digits;
}

Text format_value(Runtime& runtime, const Value& value, const Text& spec) {
  if (spec.empty()) {
    return to_text(runtime, value);
  }
  require_defined(value);
  switch (value.kind()) {
    case Kind::string:
      return format_string(runtime, value, parse_spec(spec, false, 's'));
    case Kind::boolean:
    case Kind::integer:
    case Kind::big:
      return format_integer(runtime, value, parse_spec(spec, true, 'd'));
    case Kind::real: {
      const Spec parsed = parse_spec(spec, true, '\0');
      constexpr std::string_view kTypes = "eEfFgGn%";
      if (parsed.type != '\0' && kTypes.find(parsed.type) == std::string_view::npos) {
        fail_type(parsed, value);
      }
      return format_real(runtime, value, parsed);
    }
    default:
      fail(FailureKind::type, "unsupported format string passed to {}.__format__", type_name(value));
  }
}

}  // namespace llorch::jinja
