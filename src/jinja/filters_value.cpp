// Filters over single values: numbers, defaults, JSON.
#include <algorithm>
#include <cmath>
#include <limits>

#include "jinja/filter_tables.h"
#include "jinja/json_text.h"
#include "jinja/str_methods.h"

namespace llorch::jinja::filters {
namespace {

/// The text without white space around it and "_" between digits; nothing when an "_" stands elsewhere.
std::optional<std::string> digits_of(Runtime& runtime, const Text& text) {
  const Text stripped = strip(runtime, text, Side::both, Value::none());
  std::string out;
  const std::string_view bytes = stripped.view();
  const auto alphanumeric = [&](std::size_t i) {
    return i < bytes.size() && std::isalnum(static_cast<unsigned char>(bytes[i])) != 0;
  };
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    if (bytes[i] != '_') {
      out += bytes[i];
    } else if (i == 0 || !alphanumeric(i - 1) || !alphanumeric(i + 1)) {
      return std::nullopt;
    }
  }
  return out;
}

int digit_of(char c) {
  const char low = static_cast<char>(c | 0x20);
  return c >= '0' && c <= '9' ? c - '0' : low >= 'a' && low <= 'z' ? low - 'a' + 10 : 99;
}

/// int(text, base) of Python; nothing where it raises ValueError.
std::optional<Value> parse_integer(Runtime& runtime, const Text& text, std::int64_t base) {
  const auto cleaned = digits_of(runtime, text);
  if (!cleaned || (base != 0 && (base < 2 || base > 36))) {
    return std::nullopt;
  }
  std::string_view digits = *cleaned;
  const bool minus = digits.starts_with('-');
  if (minus || digits.starts_with('+')) {
    digits.remove_prefix(1);
  }
  if (digits.size() > 2 && digits[0] == '0') {
    const char kind = static_cast<char>(digits[1] | 0x20);
    const int meant = kind == 'x' ? 16 : kind == 'o' ? 8 : kind == 'b' ? 2 : 0;
    if (meant != 0 && (base == 0 || base == meant)) {
      base = meant;
      digits.remove_prefix(2);
    }
  }
  if (base == 0) {
    base = 10;
    if (digits.size() > 1 && digits[0] == '0' && digits.find_first_not_of('0') != std::string_view::npos) {
      return std::nullopt;
    }
  }
  if (digits.empty() || digits.size() > 4300) {
    return std::nullopt;
  }
  runtime.step_bytes(digits.size() * digits.size() / 16);
  BigInt value = 0;
  for (const char c : digits) {
    if (digit_of(c) >= base) {
      return std::nullopt;
    }
    value = value * base + digit_of(c);
  }
  return runtime.big(minus ? BigInt(-value) : value);
}

/// float(text) of Python; nothing where it raises ValueError.
std::optional<double> parse_real(Runtime& runtime, const Text& text) {
  const auto cleaned = digits_of(runtime, text);
  if (!cleaned || cleaned->empty()) {
    return std::nullopt;
  }
  std::string word = *cleaned;
  std::transform(word.begin(), word.end(), word.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  const std::string_view bare = std::string_view(word).substr(word[0] == '-' || word[0] == '+' ? 1 : 0);
  const double sign = word[0] == '-' ? -1.0 : 1.0;
  if (bare == "inf" || bare == "infinity") {
    return sign * std::numeric_limits<double>::infinity();
  }
  if (bare == "nan") {
    return std::numeric_limits<double>::quiet_NaN();
  }
  if (bare.empty() || bare.find_first_not_of("0123456789.e+-") != std::string_view::npos) {
    return std::nullopt;
  }
  char* end = nullptr;
  const double value = std::strtod(word.c_str(), &end);
  return *end == '\0' ? std::optional(value) : std::nullopt;
}

Value truncate_real(Runtime& runtime, double value) {
  if (std::isnan(value)) {
    fail(FailureKind::value, "cannot convert float NaN to integer");
  }
  if (std::isinf(value)) {
    fail(FailureKind::value, "cannot convert float infinity to integer");
  }
  return runtime.big(BigInt(std::trunc(value)));
}

/// round(value, digits) of Python for floats: half to even of the exact binary value.
double round_real(double value, std::int64_t digits) {
  if (!std::isfinite(value) || digits > 323) {
    return value;
  }
  if (digits < -308) {
    return std::copysign(0.0, value);
  }
  if (digits >= 0) {
    return std::strtod(fmt::format("{:.{}f}", value, digits).c_str(), nullptr);
  }
  const double unit = std::pow(10.0, static_cast<double>(-digits));
  return std::nearbyint(value / unit) * unit;
}

Value round_integer(Runtime& runtime, const Value& value, std::int64_t digits) {
  if (digits >= 0) {
    return value.is(Kind::boolean) ? Value(*as_integer(value)) : value;
  }
  if (digits < -4300) {
    return Value(std::int64_t{0});
  }
  const BigInt unit = pow(BigInt(10), static_cast<unsigned>(-digits));
  const BigInt all = as_big(value);
  const BigInt size = abs(all);
  BigInt quotient;
  BigInt remainder;
  divide_qr(size, unit, quotient, remainder);
  const BigInt twice = remainder * 2;
  if (twice > unit || (twice == unit && quotient % 2 == 1)) {
    ++quotient;
  }
  return runtime.big(all.sign() < 0 ? BigInt(-quotient * unit) : BigInt(quotient * unit));
}

}  // namespace

Value absolute(Runtime& runtime, const Value& value, const Arguments& arguments) {
  const Parameters none("abs", arguments, {});
  require_defined(value);
  if (!value.is_number()) {
    fail(FailureKind::type, "bad operand type for abs(): '{}'", type_name(value));
  }
  if (value.is(Kind::real)) {
    return Value(std::fabs(value.real()));
  }
  return runtime.big(BigInt(abs(as_big(value))));
}

Value attribute(Runtime& runtime, const Value& value, const Arguments& arguments) {
  const Parameters given("attr", arguments, {"name"}, 1);
  require_defined(value);
  const Value& name = *given.find(0);
  if (!name.is(Kind::string)) {
    fail(FailureKind::type, "attribute name must be string, not '{}'", type_name(name));
  }
  // attr() looks at attributes alone: an item of a dict is none.
  Value found = get_attribute(runtime, value, name);
  const bool is_item =
      value.is(Kind::dict) && value.as<DictObject>().get(name.text().view()) != nullptr && !found.is(Kind::method);
  return is_item
             ? runtime.undefined(fmt::format("'{} object' has no attribute '{}'", type_name(value), name.text().view()))
             : found;
}

Value default_value(Runtime& runtime, const Value& value, const Arguments& arguments) {
  const Parameters given("default", arguments, {"default_value", "boolean"});
  if (value.is(Kind::undefined) || (given.flag(1, false) && !truthy(value))) {
    return given.find(0) != nullptr ? *given.find(0) : runtime.string(Text());
  }
  return value;
}

Value file_size(Runtime& runtime, const Value& value, const Arguments& arguments) {
  const Parameters given("filesizeformat", arguments, {"binary"});
  const bool binary = given.flag(0, false);
  const double base = binary ? 1024 : 1000;
  const auto given_number = value.is_number()        ? std::optional(as_real(value))
                            : value.is(Kind::string) ? parse_real(runtime, value.text())
                                                     : std::nullopt;
  if (!given_number) {
    require_defined(value);
    fail(FailureKind::value, "could not convert '{}' to a number", type_name(value));
  }
  const double bytes = *given_number;
  constexpr std::string_view kLetters = "kMGTPEZY";
  std::string text;
  if (bytes == 1) {
    text = "1 Byte";
  } else if (bytes < base) {
    text = fmt::format("{} Bytes", static_cast<std::int64_t>(std::max(bytes, -9e18)));
  } else {
    double unit = base;
    std::size_t i = 0;
    while (i + 1 < kLetters.size() && bytes >= unit * base) {
      unit *= base;
      ++i;
    }
    const char letter = binary && i == 0 ? 'K' : kLetters[i];
    text = fmt::format("{:.1f} {}{}B", bytes / unit, letter, binary ? "i" : "");
  }
  return runtime.string(std::move(text), kNumberOrigin);
}

Value integer(Runtime& runtime, const Value& value, const Arguments& arguments) {
  const Parameters given("int", arguments, {"default", "base"});
  const Value fallback = given.get(0, Value(std::int64_t{0}));
  if (value.is(Kind::real)) {
    if (std::isnan(value.real())) {
      return fallback;
    }
    return truncate_real(runtime, value.real());
  }
  if (value.is_number()) {
    return negate(runtime, value, false);
  }
  if (!value.is(Kind::string)) {
    require_defined(value);
    return fallback;
  }
  if (auto parsed = parse_integer(runtime, value.text(), given.integer(1, 10))) {
    return *parsed;
  }
  const auto as_float = parse_real(runtime, value.text());
  return as_float && std::isfinite(*as_float) ? truncate_real(runtime, *as_float) : fallback;
}

Value real(Runtime& runtime, const Value& value, const Arguments& arguments) {
  const Parameters given("float", arguments, {"default"});
  if (value.is_number()) {
    return Value(as_real(value));
  }
  if (value.is(Kind::string)) {
    if (const auto parsed = parse_real(runtime, value.text())) {
      return Value(*parsed);
    }
  }
  require_defined(value);
  return given.get(0, Value(0.0));
}

/// pprint.pformat for what fits a line; it sorts the keys of dicts.
Value pretty(Runtime& runtime, const Value& value, const Arguments& arguments) {
  const Parameters none("pprint", arguments, {});
  const auto sorted = [&](const auto& self, const Value& v) -> Value {
    if (v.is(Kind::dict)) {
      const Value out = runtime.dict();
      const Value pairs = dict_sort(runtime, v, {{Value(true)}, {}});
      for (const Value& pair : pairs.items()) {
        out.as<DictObject>().set(runtime, pair.items()[0], self(self, pair.items()[1]));
      }
      return out;
    }
    if (v.is(Kind::list) || v.is(Kind::tuple)) {
      std::vector<Value> all;
      for (const Value& item : v.items()) {
        all.push_back(self(self, item));
      }
      return v.is(Kind::list) ? runtime.list(std::move(all)) : runtime.tuple(std::move(all));
    }
    return v;
  };
  Text text = to_repr(runtime, sorted(sorted, value));
  constexpr std::size_t kLine = 80;
  if (text.size() > kLine) {
    fail(FailureKind::value, "pprint of a value that is longer than a line of {} is not supported", kLine);
  }
  return runtime.string(std::move(text));
}

Value round(Runtime& runtime, const Value& value, const Arguments& arguments) {
  const Parameters given("round", arguments, {"precision", "method"});
  const std::int64_t digits = given.integer(0, 0);
  const Value method = given.get(1, runtime.string("common", Origin::author));
  const std::string_view name = method.is(Kind::string) ? method.text().view() : "";
  if (name != "common" && name != "ceil" && name != "floor") {
    fail(FailureKind::value, "method must be common, ceil or floor");
  }
  require_defined(value);
  if (!value.is_number()) {
    fail(FailureKind::type, "type {} doesn't define __round__ method", type_name(value));
  }
  if (name == "common") {
    return value.is(Kind::real) ? Value(round_real(value.real(), digits)) : round_integer(runtime, value, digits);
  }
  const Value unit = arithmetic(runtime, Arithmetic::power, Value(std::int64_t{10}), Value(digits));
  const Value scaled = arithmetic(runtime, Arithmetic::multiply, value, unit);
  Value whole = scaled;
  if (scaled.is(Kind::real)) {
    whole = truncate_real(runtime, name == "ceil" ? std::ceil(scaled.real()) : std::floor(scaled.real()));
  }
  return arithmetic(runtime, Arithmetic::divide, whole, unit);
}

Value to_json_filter(Runtime& runtime, const Value& value, const Arguments& arguments) {
  const Parameters given("tojson", arguments, {"ensure_ascii", "indent", "separators", "sort_keys"});
  JsonStyle style;
  style.ensure_ascii = given.flag(0, false);
  style.indent = given.get(1, Value::none());
  style.sort_keys = given.flag(3, false);
  if (const Value* separators = given.find(2); separators != nullptr && !separators->is(Kind::none)) {
    const std::vector<Value> both = items_of(runtime, *separators);
    if (both.size() != 2 || !both[0].is(Kind::string) || !both[1].is(Kind::string)) {
      fail(FailureKind::type, "separators must be two strings");
    }
    style.item_separator = both[0].text();
    style.key_separator = both[1].text();
  }
  return runtime.string(to_json(runtime, value, style));
}

}  // namespace llorch::jinja::filters
