// Truth, equality, order and hashes, as Python has them: 1 == 1.0 == True, "a" < "b", and no order between types.
#include <cmath>
#include <cstring>

#include "jinja/ops.h"

namespace llorch::jinja {
namespace {

int sign_of(const BigInt& value) {
  return value.sign();
}

/// Order of two numbers; unordered with NaN. Exact: 2**53 + 1 is not 2.0**53.
std::partial_ordering compare_numbers(const Value& a, const Value& b) {
  const bool real_a = a.is(Kind::real);
  const bool real_b = b.is(Kind::real);
  if (real_a && real_b) {
    return a.real() <=> b.real();
  }
  if (real_a) {
    const auto flipped = compare_numbers(b, a);
    return flipped == std::partial_ordering::less      ? std::partial_ordering::greater
           : flipped == std::partial_ordering::greater ? std::partial_ordering::less
                                                       : flipped;
  }
  if (real_b) {
    if (std::isnan(b.real())) {
      return std::partial_ordering::unordered;
    }
    if (!a.is(Kind::big)) {
      return static_cast<long double>(*as_integer(a)) <=> static_cast<long double>(b.real());
    }
    const BigInt big = as_big(a);
    if (std::isinf(b.real())) {
      return b.real() > 0 ? std::partial_ordering::less : std::partial_ordering::greater;
    }
    const int order = big.compare(BigInt(b.real()));  // a big integer is beyond every fraction
    return order <=> 0;
  }
  if (!a.is(Kind::big) && !b.is(Kind::big)) {
    return *as_integer(a) <=> *as_integer(b);
  }
  return as_big(a).compare(as_big(b)) <=> 0;
}

bool equal_dicts(Runtime& runtime, const DictObject& a, const DictObject& b) {
  if (a.entries.size() != b.entries.size()) {
    return false;
  }
  for (const auto& [key, value] : a.entries) {
    runtime.step();
    const std::size_t other = b.find(runtime, key);
    if (other == DictObject::npos || !equal(runtime, value, b.entries[other].second)) {
      return false;
    }
  }
  return true;
}

bool equal_lists(Runtime& runtime, const std::vector<Value>& a, const std::vector<Value>& b) {
  if (a.size() != b.size()) {
    return false;
  }
  for (std::size_t i = 0; i < a.size(); ++i) {
    runtime.step();
    if (!equal(runtime, a[i], b[i])) {
      return false;
    }
  }
  return true;
}

bool less_lists(Runtime& runtime, const std::vector<Value>& a, const std::vector<Value>& b, std::string_view symbol) {
  for (std::size_t i = 0; i < a.size() && i < b.size(); ++i) {
    runtime.step();
    if (!equal(runtime, a[i], b[i])) {
      return less(runtime, a[i], b[i], symbol);
    }
  }
  return a.size() < b.size();
}

template <class T>
std::size_t hash_object(T value) {
  char bytes[sizeof(T)];
  std::memcpy(bytes, &value, sizeof(T));
  return hash_text({bytes, sizeof(T)});
}

std::size_t hash_big(const BigInt& value) {
  const auto& backend = value.backend();
  const std::size_t hash =
      hash_text({reinterpret_cast<const char*>(backend.limbs()), backend.size() * sizeof(*backend.limbs())});
  return value.sign() < 0 ? ~hash : hash;
}

/// A whole number as the integer that it equals.
std::size_t hash_real(double value) {
  constexpr double kBeyond = 9223372036854775808.0;  // 2**63
  if (std::isfinite(value) && value == std::floor(value)) {
    return value >= -kBeyond && value < kBeyond ? hash_object(static_cast<std::int64_t>(value))
                                                : hash_big(BigInt(value));
  }
  return std::isnan(value) ? 0 : hash_object(value);
}

bool is_nan(const Value& value) {
  return value.is(Kind::real) && std::isnan(value.real());
}

}  // namespace

bool truthy(const Value& value) {
  switch (value.kind()) {
    case Kind::undefined:
    case Kind::none:
      return false;
    case Kind::boolean:
      return value.boolean();
    case Kind::integer:
      return value.integer() != 0;
    case Kind::big:
      return sign_of(value.as<BigObject>().value) != 0;
    case Kind::real:
      return value.real() != 0;
    case Kind::string:
      return !value.text().empty();
    case Kind::list:
    case Kind::tuple:
      return !value.items().empty();
    case Kind::dict:
      return !value.as<DictObject>().entries.empty();
    case Kind::view:
      return !value.as<ViewObject>().dict.as<DictObject>().entries.empty();
    case Kind::range:
      return value.as<RangeObject>().length() > 0;
    default:
      return true;
  }
}

bool equal(Runtime& runtime, const Value& a, const Value& b) {
  if (a.is_number() && b.is_number()) {
    return compare_numbers(a, b) == std::partial_ordering::equivalent;
  }
  if (a.kind() != b.kind()) {
    return false;
  }
  switch (a.kind()) {
    case Kind::undefined:
    case Kind::none:
      return true;
    case Kind::string:
      runtime.step_bytes(std::min(a.text().size(), b.text().size()));
      return a.text().view() == b.text().view();
    case Kind::list:
    case Kind::tuple:
      return equal_lists(runtime, a.items(), b.items());
    case Kind::dict:
      return equal_dicts(runtime, a.as<DictObject>(), b.as<DictObject>());
    case Kind::range:
      return equal_lists(runtime, items_of(runtime, a), items_of(runtime, b));
    default:
      return a.object() == b.object();
  }
}

bool less(Runtime& runtime, const Value& a, const Value& b, std::string_view symbol) {
  require_defined(a);
  require_defined(b);
  if (a.is_number() && b.is_number()) {
    return compare_numbers(a, b) == std::partial_ordering::less;
  }
  if (a.is(Kind::string) && b.is(Kind::string)) {
    runtime.step_bytes(std::min(a.text().size(), b.text().size()));
    return a.text().view() < b.text().view();  // UTF-8 keeps the order of code points
  }
  if (a.kind() == b.kind() && (a.is(Kind::list) || a.is(Kind::tuple))) {
    return less_lists(runtime, a.items(), b.items(), symbol);
  }
  fail(FailureKind::type, "'{}' not supported between instances of '{}' and '{}'", symbol, type_name(a), type_name(b));
}

std::size_t hash_of(Runtime* runtime, const Value& key) {
  const auto pay = [&](std::size_t bytes) {
    if (runtime != nullptr) {
      runtime->step(static_cast<std::int64_t>(bytes / kBytesPerStep));
    }
  };
  switch (key.kind()) {
    case Kind::string:
      pay(key.text().size());
      return hash_text(key.text().view());
    case Kind::boolean:
    case Kind::integer:
      return hash_object(*as_integer(key));
    case Kind::big:
      pay(key.as<BigObject>().value.backend().size() * sizeof(std::uint64_t));
      return hash_big(key.as<BigObject>().value);
    case Kind::real:
      return hash_real(key.real());
    case Kind::tuple: {
      std::vector<std::size_t> hashes;
      pay(key.items().size() * kBytesPerStep);
      for (const Value& item : key.items()) {
        hashes.push_back(hash_of(runtime, item));
      }
      return hash_text({reinterpret_cast<const char*>(hashes.data()), hashes.size() * sizeof(std::size_t)});
    }
    case Kind::list:
    case Kind::dict:
    case Kind::view:
      fail(FailureKind::type, "unhashable type: '{}'", type_name(key));
    case Kind::undefined:
    case Kind::none:
      return 0;
    default:
      return hash_object(key.object());
  }
}

bool equal_keys(Runtime* runtime, const Value& a, const Value& b) {
  if (a.is(Kind::string) && b.is(Kind::string)) {
    return a.text().view() == b.text().view();
  }
  if (a.is_number() && b.is_number()) {
    return compare_numbers(a, b) == std::partial_ordering::equivalent || (is_nan(a) && is_nan(b));
  }
  if (a.kind() != b.kind()) {
    return false;
  }
  if (a.is(Kind::tuple)) {
    if (runtime != nullptr) {
      runtime->step(static_cast<std::int64_t>(a.items().size()));
    }
    return std::equal(a.items().begin(), a.items().end(), b.items().begin(), b.items().end(),
                      [&](const Value& x, const Value& y) { return equal_keys(runtime, x, y); });
  }
  return a.is(Kind::none) || a.is(Kind::undefined) || a.object() == b.object();
}

bool contains(Runtime& runtime, const Value& container, const Value& item) {
  switch (container.kind()) {
    case Kind::undefined:
      return false;
    case Kind::string:
      if (item.is(Kind::undefined)) {
        fail(FailureKind::type, "'in <string>' requires string as left operand, not Undefined");
      }
      if (!item.is(Kind::string)) {
        fail(FailureKind::type, "'in <string>' requires string as left operand, not {}", type_name(item));
      }
      runtime.step_bytes(container.text().size());
      return find_bytes(container.text().view(), item.text().view(), 0) != std::string_view::npos;
    case Kind::dict:
      return container.as<DictObject>().find(runtime, item) != DictObject::npos;
    case Kind::list:
    case Kind::tuple:
    case Kind::view:
    case Kind::range:
    case Kind::generator:
    case Kind::loop: {
      Walk walk(runtime, container);
      while (const std::optional<Value> other = walk.next()) {
        runtime.step();
        if (equal(runtime, *other, item)) {
          return true;
        }
      }
      return false;
    }
    default:
      fail(FailureKind::type, "argument of type '{}' is not iterable", type_name(container));
  }
}

}  // namespace llorch::jinja
