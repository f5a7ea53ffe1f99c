// Metadata: lookups by key and type. All the errors of a wrong model description are worded here.
#include "checkpoint/metadata.h"

#include <utility>

#include "base/format.h"
#include "checkpoint/printable.h"

namespace llorch {
namespace {

/// Strings of arrays, and of errors, are cut after this many bytes.
constexpr std::size_t kMaxShown = 96;
constexpr std::size_t kMaxItemsShown = 8;

std::string show(bool value) {
  return value ? "true" : "false";
}
std::string show(std::int64_t value) {
  return fmt::format("{}", value);
}
std::string show(double value) {
  return fmt::format("{}", value);
}
std::string show(std::string_view value) {
  return printable(value, kMaxShown);
}
template <class T>
std::string show(const std::vector<T>& values) {
  std::string text = fmt::format("[{}]", values.size());
  for (std::size_t i = 0; i < values.size() && i < kMaxItemsShown; ++i) {
    text += fmt::format("{}{}", i == 0 ? " " : ", ", show(values[i]));
  }
  return values.size() > kMaxItemsShown ? text + ", ..." : text;
}
std::string show(const MetaArray& value) {
  return std::visit([](const auto& array) { return show(array); }, value);
}

std::string type_name(const MetaValue& value) {
  static constexpr const char* kNames[] = {"a bool", "an integer", "a number", "a string", "an array"};
  return kNames[value.index()];
}

Error missing(const Metadata& metadata, std::string_view key) {
  return errorf(ErrorCode::model_file, "{}: key {} is missing", metadata.source(), printable(key));
}

/// The value in an error: as to_string, but a long string is cut.
std::string brief(const MetaValue& value) {
  const auto* text = std::get_if<std::string>(&value);
  return text != nullptr ? printable(*text, kMaxShown) : to_string(value);
}

Error mistyped(const Metadata& metadata, std::string_view key, const MetaValue& value, std::string_view wanted) {
  return errorf(ErrorCode::model_file, "{}: key {} is {} ({}), not {}", metadata.source(), printable(key),
                type_name(value), brief(value), wanted);
}

/// The value of `key` as the alternative T of the variant.
template <class T>
Result<const T*> get(const Metadata& metadata, std::string_view key, std::string_view wanted) {
  const MetaValue* value = metadata.find(key);
  if (value == nullptr) {
    return missing(metadata, key);
  }
  const T* typed = std::get_if<T>(value);
  if (typed == nullptr) {
    return mistyped(metadata, key, *value, wanted);
  }
  return typed;
}

/// The same for arrays of T. An empty array has no type of its own: it is an empty array of anything.
template <class T>
Result<std::span<const T>> get_array(const Metadata& metadata, std::string_view key, std::string_view wanted) {
  LL_ASSIGN(const MetaArray* array, get<MetaArray>(metadata, key, wanted));
  if (const auto* typed = std::get_if<std::vector<T>>(array)) {
    return std::span<const T>(*typed);
  }
  if (std::visit([](const auto& items) { return items.empty(); }, *array)) {
    return std::span<const T>();
  }
  return mistyped(metadata, key, *array, wanted);
}

}  // namespace

bool Metadata::set(std::string key, MetaValue value) {
  return values_.try_emplace(std::move(key), std::move(value)).second;
}

const MetaValue* Metadata::find(std::string_view key) const {
  const auto it = values_.find(key);
  return it != values_.end() ? &it->second : nullptr;
}

Result<std::int64_t> Metadata::integer(std::string_view key) const {
  LL_ASSIGN(const std::int64_t* value, get<std::int64_t>(*this, key, "an integer"));
  return *value;
}

Result<double> Metadata::number(std::string_view key) const {
  const MetaValue* value = find(key);
  if (value != nullptr && std::holds_alternative<std::int64_t>(*value)) {
    return static_cast<double>(std::get<std::int64_t>(*value));
  }
  LL_ASSIGN(const double* number, get<double>(*this, key, "a number"));
  return *number;
}

Result<bool> Metadata::boolean(std::string_view key) const {
  LL_ASSIGN(const bool* value, get<bool>(*this, key, "a bool"));
  return *value;
}

Result<std::string> Metadata::string(std::string_view key) const {
  LL_ASSIGN(const std::string* value, get<std::string>(*this, key, "a string"));
  return *value;
}

Result<std::span<const std::int64_t>> Metadata::integers(std::string_view key) const {
  return get_array<std::int64_t>(*this, key, "an array of integers");
}

Result<std::vector<double>> Metadata::numbers(std::string_view key) const {
  const MetaValue* value = find(key);
  const auto* array = value != nullptr ? std::get_if<MetaArray>(value) : nullptr;
  if (array != nullptr && std::holds_alternative<std::vector<std::int64_t>>(*array)) {
    const auto& integers = std::get<std::vector<std::int64_t>>(*array);
    return std::vector<double>(integers.begin(), integers.end());
  }
  LL_ASSIGN(const auto numbers, get_array<double>(*this, key, "an array of numbers"));
  return std::vector<double>(numbers.begin(), numbers.end());
}

Result<std::span<const std::string_view>> Metadata::strings(std::string_view key) const {
  return get_array<std::string_view>(*this, key, "an array of strings");
}

Result<std::int64_t> Metadata::integer_or(std::string_view key, std::int64_t fallback) const {
  return has(key) ? integer(key) : Result<std::int64_t>(fallback);
}

Result<double> Metadata::number_or(std::string_view key, double fallback) const {
  return has(key) ? number(key) : Result<double>(fallback);
}

Result<bool> Metadata::boolean_or(std::string_view key, bool fallback) const {
  return has(key) ? boolean(key) : Result<bool>(fallback);
}

Result<std::string> Metadata::string_or(std::string_view key, std::string fallback) const {
  return has(key) ? string(key) : Result<std::string>(std::move(fallback));
}

Result<std::int64_t> Metadata::integer_in(std::string_view key, std::int64_t low, std::int64_t high) const {
  LL_ASSIGN(const std::int64_t value, integer(key));
  if (value < low || value > high) {
    return errorf(ErrorCode::model_file, "{}: key {} is {}, must be between {} and {}", source_, printable(key), value,
                  low, high);
  }
  return value;
}

std::string to_string(const MetaValue& value) {
  if (const auto* text = std::get_if<std::string>(&value)) {
    return printable(*text, text->size());
  }
  return std::visit([](const auto& typed) { return show(typed); }, value);
}

}  // namespace llorch
