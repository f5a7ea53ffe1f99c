// Arithmetic of Python: integers grow beyond 64 bits, // and % round down, / is always a float.
#include <algorithm>
#include <cmath>
#include <limits>

#include "jinja/format.h"
#include "jinja/ops.h"

namespace llorch::jinja {
namespace {

constexpr std::string_view kSymbols[] = {"+", "-", "*", "/", "//", "%", "** or pow()"};

std::string_view symbol_of(Arithmetic op) {
  return kSymbols[static_cast<std::size_t>(op)];
}

[[noreturn]] void fail_operands(Arithmetic op, const Value& a, const Value& b) {
  fail(FailureKind::type, "unsupported operand type(s) for {}: '{}' and '{}'", symbol_of(op), type_name(a),
       type_name(b));
}

BigInt floor_divide(const BigInt& a, const BigInt& b, BigInt& remainder) {
  BigInt quotient;
  divide_qr(a, b, quotient, remainder);
  if (remainder != 0 && (remainder.sign() < 0) != (b.sign() < 0)) {
    remainder += b;
    --quotient;
  }
  return quotient;
}

Value real_power(double a, double b) {
  if (a == 0 && b < 0) {
    fail(FailureKind::value, "0.0 cannot be raised to a negative power");
  }
  if (a < 0 && std::isfinite(a) && std::isfinite(b) && b != std::floor(b)) {
    fail(FailureKind::type, "a negative number to a power that is no integer is a complex number");
  }
  const double result = std::pow(a, b);
  if (std::isinf(result) && std::isfinite(a) && std::isfinite(b)) {
    fail(FailureKind::value, "(34, 'Numerical result out of range')");
  }
  return Value(result);
}

Value big_power(Runtime& runtime, const Value& a, const Value& b) {
  const BigInt base = as_big(a);
  const BigInt exponent = as_big(b);
  if (exponent.sign() < 0) {
    if (base == 0) {
      fail(FailureKind::value, "0.0 cannot be raised to a negative power");
    }
    return real_power(as_real(a), as_real(b));
  }
  if (exponent == 0 || base == 1) {
    return Value(std::int64_t{1});
  }
  if (base == 0) {
    return Value(std::int64_t{0});
  }
  if (base == -1) {
    return Value(std::int64_t{exponent % 2 == 0 ? 1 : -1});
  }
  const std::size_t bits = msb(BigInt(abs(base))) + 1;
  if (exponent > kMaxIntegerBits || bits * exponent.convert_to<std::size_t>() > 2 * std::size_t{kMaxIntegerBits}) {
    fail(FailureKind::budget, "an integer of more than {} bits", kMaxIntegerBits);
  }
  runtime.step_bytes(bits * exponent.convert_to<std::size_t>());
  return runtime.big(pow(base, exponent.convert_to<unsigned>()));
}

[[noreturn]] void fail_zero(const Value& a, const Value& b, Arithmetic op) {
  const bool real = a.is(Kind::real) || b.is(Kind::real);
  if (op == Arithmetic::divide) {
    fail(FailureKind::value, "{}", real ? "float division by zero" : "division by zero");
  }
  if (op == Arithmetic::modulo) {
    fail(FailureKind::value, "{}", real ? "float modulo" : "integer modulo by zero");
  }
  fail(FailureKind::value, "{}", real ? "float floor division by zero" : "integer division or modulo by zero");
}

Value real_arithmetic(Arithmetic op, double a, double b) {
  switch (op) {
    case Arithmetic::add:
      return Value(a + b);
    case Arithmetic::subtract:
      return Value(a - b);
    case Arithmetic::multiply:
      return Value(a * b);
    case Arithmetic::divide:
      return Value(a / b);
    case Arithmetic::power:
      return real_power(a, b);
    default: {
      double remainder = std::fmod(a, b);
      double quotient = (a - remainder) / b;
      if (remainder != 0) {
        if ((b < 0) != (remainder < 0)) {
          remainder += b;
          quotient -= 1.0;
        }
      } else {
        remainder = std::copysign(0.0, b);
      }
      if (op == Arithmetic::modulo) {
        return Value(remainder);
      }
      if (quotient == 0) {
        return Value(std::copysign(0.0, a / b));
      }
      const double floored = std::floor(quotient);
      return Value(quotient - floored > 0.5 ? floored + 1.0 : floored);
    }
  }
}

/// a / b of integers, rounded once.
double true_divide(const BigInt& a, const BigInt& b) {
  using Wide = boost::multiprecision::cpp_int;
  const Wide x = abs(a);
  const Wide y = abs(b);
  if (x == 0) {
    return 0.0;
  }
  // Scale so that the quotient has at least 66 bits, keep what is left as a sticky bit, round to nearest even.
  const int shift = static_cast<int>(msb(y)) - static_cast<int>(msb(x)) + 66;
  Wide quotient;
  Wide remainder;
  divide_qr(shift >= 0 ? Wide(x << shift) : x, shift < 0 ? Wide(y << -shift) : y, quotient, remainder);
  if (remainder != 0) {
    quotient |= 1;
  }
  const int extra = static_cast<int>(msb(quotient)) + 1 - 64;
  Wide top = quotient >> extra;
  if ((top << extra) != quotient) {
    top |= 1;
  }
  const auto mantissa = top.convert_to<std::uint64_t>();  // 64 bits with a sticky last one: one rounding to come
  const double value = std::ldexp(static_cast<double>(mantissa), extra - shift);
  if (std::isinf(value)) {
    fail(FailureKind::value, "integer division result too large for a float");
  }
  return (a.sign() < 0) != (b.sign() < 0) ? -value : value;
}

Value big_arithmetic(Runtime& runtime, Arithmetic op, const Value& a, const Value& b) {
  const BigInt x = as_big(a);
  const BigInt y = as_big(b);
  runtime.step_bytes(x.backend().size() * y.backend().size() * 8);
  BigInt remainder;
  switch (op) {
    case Arithmetic::add:
      return runtime.big(x + y);
    case Arithmetic::subtract:
      return runtime.big(x - y);
    case Arithmetic::multiply:
      return runtime.big(x * y);
    case Arithmetic::divide:
      return Value(true_divide(x, y));
    case Arithmetic::floor_divide:
      return runtime.big(floor_divide(x, y, remainder));
    case Arithmetic::modulo:
      floor_divide(x, y, remainder);
      return runtime.big(remainder);
    default:
      return big_power(runtime, a, b);
  }
}

Value small_arithmetic(Runtime& runtime, Arithmetic op, const Value& a, const Value& b) {
  const std::int64_t x = *as_integer(a);
  const std::int64_t y = *as_integer(b);
  std::int64_t out = 0;
  constexpr std::int64_t kExact = std::int64_t{1} << 53U;
  switch (op) {
    case Arithmetic::add:
      return __builtin_add_overflow(x, y, &out) ? big_arithmetic(runtime, op, a, b) : Value(out);
    case Arithmetic::subtract:
      return __builtin_sub_overflow(x, y, &out) ? big_arithmetic(runtime, op, a, b) : Value(out);
    case Arithmetic::multiply:
      return __builtin_mul_overflow(x, y, &out) ? big_arithmetic(runtime, op, a, b) : Value(out);
    case Arithmetic::divide:
      if (x >= -kExact && x <= kExact && y >= -kExact && y <= kExact) {
        return Value(static_cast<double>(x) / static_cast<double>(y));
      }
      return big_arithmetic(runtime, op, a, b);
    case Arithmetic::floor_divide:
    case Arithmetic::modulo: {
      if (y == -1) {
        return op == Arithmetic::modulo ? Value(std::int64_t{0}) : big_arithmetic(runtime, op, a, b);
      }
      const std::int64_t remainder = x % y;
      const bool adjust = remainder != 0 && (remainder < 0) != (y < 0);
      return op == Arithmetic::modulo ? Value(adjust ? remainder + y : remainder) : Value(x / y - (adjust ? 1 : 0));
    }
    default:
      return big_power(runtime, a, b);
  }
}

std::size_t repeats(const Value& times) {
  const auto n = as_integer(times);
  if (!n && times.is(Kind::big)) {
    fail(FailureKind::budget, "cannot fit 'int' into an index-sized integer");
  }
  return *n > 0 ? static_cast<std::size_t>(*n) : 0;
}

Value repeat(Runtime& runtime, const Value& sequence, const Value& times) {
  if (!times.is_number() || times.is(Kind::real)) {
    fail(FailureKind::type, "can't multiply sequence by non-int of type '{}'", type_name(times));
  }
  const std::size_t n = repeats(times);
  const bool is_string = sequence.is(Kind::string);
  const std::size_t one = is_string ? sequence.text().size() : sequence.items().size() * sizeof(Value);
  if (one != 0 && n > std::numeric_limits<std::size_t>::max() / one) {
    runtime.heap().expect(std::numeric_limits<std::size_t>::max());
  }
  runtime.heap().expect(one * n);
  runtime.step_bytes(one * n);
  if (is_string) {
    Text text = n > 0 ? sequence.text() : Text();
    text.reserve(one * n);
    while (text.size() < one * n) {  // twice as much each time
      const Text part = text;
      text.append(part, 0, std::min(part.size(), one * n - text.size()));
    }
    return runtime.string(std::move(text));
  }
  std::vector<Value> items;
  for (std::size_t i = 0; one != 0 && i < n; ++i) {
    items.insert(items.end(), sequence.items().begin(), sequence.items().end());
  }
  return sequence.is(Kind::list) ? runtime.list(std::move(items)) : runtime.tuple(std::move(items));
}

bool is_sequence(const Value& value) {
  return value.is(Kind::string) || value.is(Kind::list) || value.is(Kind::tuple);
}

Value concatenate(Runtime& runtime, const Value& a, const Value& b) {
  if (a.kind() != b.kind()) {
    fail(FailureKind::type, R"(can only concatenate {0} (not "{1}") to {0})", type_name(a), type_name(b));
  }
  if (a.is(Kind::string)) {
    runtime.heap().expect(a.text().size() + b.text().size());
    Text text = a.text();
    text.append(b.text());
    return runtime.string(std::move(text));
  }
  runtime.heap().expect((a.items().size() + b.items().size()) * sizeof(Value));
  runtime.step(static_cast<std::int64_t>(a.items().size() + b.items().size()));
  std::vector<Value> items = a.items();
  items.insert(items.end(), b.items().begin(), b.items().end());
  return a.is(Kind::list) ? runtime.list(std::move(items)) : runtime.tuple(std::move(items));
}

}  // namespace

std::optional<std::int64_t> as_integer(const Value& value) {
  switch (value.kind()) {
    case Kind::boolean:
      return value.boolean() ? 1 : 0;
    case Kind::integer:
      return value.integer();
    default:
      return std::nullopt;
  }
}

BigInt as_big(const Value& value) {
  return value.is(Kind::big) ? value.as<BigObject>().value : BigInt(*as_integer(value));
}

double as_real(const Value& value) {
  if (value.is(Kind::real)) {
    return value.real();
  }
  if (!value.is(Kind::big)) {
    return static_cast<double>(*as_integer(value));
  }
  const BigInt& big = value.as<BigObject>().value;
  if (msb(BigInt(abs(big))) >= 1024) {
    fail(FailureKind::value, "int too large to convert to float");
  }
  return true_divide(big, BigInt(1));
}

Value arithmetic(Runtime& runtime, Arithmetic op, const Value& a, const Value& b) {
  require_defined(a);
  if (op == Arithmetic::modulo && a.is(Kind::string)) {
    return runtime.string(percent_format(runtime, a.text(), b));
  }
  require_defined(b);
  if (a.is_number() && b.is_number()) {
    const bool divides = op == Arithmetic::divide || op == Arithmetic::floor_divide || op == Arithmetic::modulo;
    if (divides && !truthy(b)) {
      fail_zero(a, b, op);
    }
    if (a.is(Kind::real) || b.is(Kind::real)) {
      return real_arithmetic(op, as_real(a), as_real(b));
    }
    return a.is(Kind::big) || b.is(Kind::big) ? big_arithmetic(runtime, op, a, b) : small_arithmetic(runtime, op, a, b);
  }
  if (op == Arithmetic::add && is_sequence(a)) {
    return concatenate(runtime, a, b);
  }
  if (op == Arithmetic::multiply && is_sequence(a)) {
    return repeat(runtime, a, b);
  }
  if (op == Arithmetic::multiply && is_sequence(b)) {
    return repeat(runtime, b, a);
  }
  fail_operands(op, a, b);
}

Value negate(Runtime& runtime, const Value& value, bool minus) {
  require_defined(value);
  if (!value.is_number()) {
    fail(FailureKind::type, "bad operand type for unary {}: '{}'", minus ? '-' : '+', type_name(value));
  }
  if (value.is(Kind::real)) {
    return Value(minus ? -value.real() : value.real());
  }
  return runtime.big(minus ? BigInt(-as_big(value)) : as_big(value));
}

}  // namespace llorch::jinja
