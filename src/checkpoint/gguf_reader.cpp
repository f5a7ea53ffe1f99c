#include "checkpoint/gguf_reader.h"

#include <limits>
#include <type_traits>
#include <utility>
#include <vector>

#include "checkpoint/gguf_types.h"

namespace llorch {
namespace {

/// A bool as GGUF stores it: a type of its own, so that the templates below tell it from a number.
enum class GgufBool : std::uint8_t {};

/// Calls fn with a zero of the C++ type that a fixed-size GGUF type stores. `type` must be one.
template <class Fn>
auto with_type(GgufType type, Fn fn) {
  switch (type) {
    case GgufType::u8:
      return fn(std::uint8_t{});
    case GgufType::i8:
      return fn(std::int8_t{});
    case GgufType::u16:
      return fn(std::uint16_t{});
    case GgufType::i16:
      return fn(std::int16_t{});
    case GgufType::u32:
      return fn(std::uint32_t{});
    case GgufType::i32:
      return fn(std::int32_t{});
    case GgufType::f32:
      return fn(float{});
    case GgufType::u64:
      return fn(std::uint64_t{});
    case GgufType::i64:
      return fn(std::int64_t{});
    case GgufType::f64:
      return fn(double{});
    default:
      return fn(GgufBool{});
  }
}

/// What a stored type becomes in Metadata.
template <class T>
using Widened = std::conditional_t<std::is_floating_point_v<T>, double, std::int64_t>;

template <class T>
Result<Widened<T>> widened(GgufReader& reader) {
  LL_ASSIGN(const T value, reader.number<T>("value"));
  if constexpr (std::is_same_v<T, GgufBool>) {
    if (static_cast<std::uint8_t>(value) > 1) {
      return reader.error("a bool has the value {}, must be 0 or 1", static_cast<std::uint8_t>(value));
    }
  }
  if constexpr (std::is_same_v<T, std::uint64_t>) {
    if (value > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) {
      return reader.error("the value {} does not fit in a signed 64-bit integer", value);
    }
  }
  return static_cast<Widened<T>>(value);
}

template <class T>
Result<MetaValue> scalar(GgufReader& reader) {
  LL_ASSIGN(const auto value, widened<T>(reader));
  if constexpr (std::is_same_v<T, GgufBool>) {
    return MetaValue(value != 0);
  } else {
    return MetaValue(value);
  }
}

/// `n` was checked against the file: the reservation is explained by bytes that exist.
template <class T>
Result<MetaValue> numbers(GgufReader& reader, std::uint64_t n) {
  std::vector<Widened<T>> items;
  items.reserve(n);
  for (std::uint64_t i = 0; i < n; ++i) {
    LL_ASSIGN(const auto item, widened<T>(reader));
    items.push_back(item);
  }
  return MetaValue(MetaArray(std::move(items)));
}

Result<MetaValue> strings(GgufReader& reader, std::uint64_t n) {
  std::vector<std::string_view> items;
  items.reserve(n);
  for (std::uint64_t i = 0; i < n; ++i) {
    LL_ASSIGN(const auto item, reader.text("string of the array"));
    items.push_back(item);
  }
  return MetaValue(MetaArray(std::move(items)));
}

}  // namespace

Result<std::span<const std::byte>> GgufReader::take(std::uint64_t n, std::string_view what) {
  if (n > left()) {
    return error("{} needs {} bytes, but the file ends at {}", what, n, size());
  }
  const auto result = bytes_.subspan(offset_, n);
  offset_ += n;
  return result;
}

Result<std::string_view> GgufReader::text(std::string_view what) {
  LL_ASSIGN(const auto length, number<std::uint64_t>(what));
  LL_ASSIGN(const auto raw, take(length, what));
  return std::string_view(reinterpret_cast<const char*>(raw.data()), raw.size());
}

Result<MetaValue> GgufReader::value() {
  LL_ASSIGN(const auto id, number<std::uint32_t>("value type"));
  const auto type = static_cast<GgufType>(id);
  if (type == GgufType::array) {
    return array();
  }
  if (type == GgufType::string) {
    LL_ASSIGN(const auto string, text("string"));
    return MetaValue(std::string(string));
  }
  if (gguf_size(type) == 0) {
    return error("unknown value type {}", id);
  }
  return with_type(type, [this](auto zero) { return scalar<decltype(zero)>(*this); });
}

Result<MetaValue> GgufReader::array() {
  LL_ASSIGN(const auto id, number<std::uint32_t>("array item type"));
  LL_ASSIGN(const auto n, number<std::uint64_t>("array length"));
  const auto type = static_cast<GgufType>(id);
  if (type == GgufType::array) {
    return error("an array of arrays is not supported");
  }
  const std::uint64_t item_bytes = type == GgufType::string ? 8 : gguf_size(type);
  if (item_bytes == 0) {
    return error("unknown array item type {}", id);
  }
  if (n > left() / item_bytes) {
    return error("an array of {} items cannot fit in the {} bytes left", n, left());
  }
  if (type == GgufType::string) {
    return strings(*this, n);
  }
  return with_type(type, [this, n](auto zero) { return numbers<decltype(zero)>(*this, n); });
}

}  // namespace llorch
