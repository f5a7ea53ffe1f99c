// Metadata: the key-value part of a checkpoint, from a GGUF header or from a flattened config.json
// ("rope_scaling.factor"), with accessors whose errors name file, key, type and value.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/result.h"

namespace llorch {

/// An array of a checkpoint. Numbers and bools of any width are widened; strings point into the mapped file (or into
/// storage that the Checkpoint owns).
using MetaArray = std::variant<std::vector<std::int64_t>, std::vector<double>, std::vector<std::string_view>>;
/// Integers of every width that fit are int64; a uint64 above INT64_MAX is refused by the reader.
using MetaValue = std::variant<bool, std::int64_t, double, std::string, MetaArray>;

class Metadata {
 public:
  explicit Metadata(std::string source = {}) : source_(std::move(source)) {}
  /// The file that errors name.
  const std::string& source() const { return source_; }
  /// False when the key exists already.
  bool set(std::string key, MetaValue value);
  const MetaValue* find(std::string_view key) const;
  bool has(std::string_view key) const { return find(key) != nullptr; }
  /// A key that is there without a value: missing, but for is_null.
  void set_null(std::string key) { nulls_.insert(std::move(key)); }
  bool is_null(std::string_view key) const { return nulls_.contains(key); }

  /// Typed access: a missing key or another type is an error (ErrorCode::model_file) that names source, key and value.
  Result<std::int64_t> integer(std::string_view key) const;
  Result<double> number(std::string_view key) const;  // integers are taken as well
  Result<bool> boolean(std::string_view key) const;
  Result<std::string> string(std::string_view key) const;
  Result<std::span<const std::int64_t>> integers(std::string_view key) const;
  Result<std::vector<double>> numbers(std::string_view key) const;  // integers are taken as well
  Result<std::span<const std::string_view>> strings(std::string_view key) const;

  /// The same, but a missing key gives the fallback; a wrong type is still an error.
  Result<std::int64_t> integer_or(std::string_view key, std::int64_t fallback) const;
  Result<double> number_or(std::string_view key, double fallback) const;
  Result<bool> boolean_or(std::string_view key, bool fallback) const;
  Result<std::string> string_or(std::string_view key, std::string fallback) const;

  /// An integer that must lie in [low, high]; errors name the range.
  Result<std::int64_t> integer_in(std::string_view key, std::int64_t low, std::int64_t high) const;

  const std::map<std::string, MetaValue, std::less<>>& all() const { return values_; }

 private:
  std::string source_;
  std::map<std::string, MetaValue, std::less<>> values_;
  std::set<std::string, std::less<>> nulls_;
};

/// One line for people: scalars in full, arrays as "[n] first, second, ...".
std::string to_string(const MetaValue& value);

}  // namespace llorch
