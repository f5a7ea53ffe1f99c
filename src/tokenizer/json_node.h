// JsonNode: simdjson's tree with paths, so that every error names file, place and value. For large or nested JSON of
// tokenizers; nesting is limited by the parser.
#pragma once

#include <fmt/format.h>
#include <simdjson.h>

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/format.h"
#include "base/result.h"

namespace llorch {

/// Text out of a file made fit for a message: control characters become spaces, and no more than a few lines' worth.
std::string one_line(std::string_view text, std::size_t longest = 200);
inline constexpr std::size_t kLongestMessage = 1000;  // with values in it that are cut themselves

/// What a message says of a value: it itself, or that it is a list or an object.
std::string found_value(simdjson::dom::element value);

/// A value in a JsonDocument, or the absence of one. The document must outlive it.
class JsonNode {
 public:
  JsonNode(const std::string* file, std::string path) : file_(file), path_(std::move(path)) {}
  JsonNode(const std::string* file, std::string path, simdjson::dom::element value)
      : file_(file), path_(std::move(path)), value_(value), present_(!value.is_null()) {}

  /// Absent, or JSON's null.
  bool is_null() const { return !present_; }
  bool is_object() const { return present_ && value_.is_object(); }
  bool is_array() const { return present_ && value_.is_array(); }
  bool is_string() const { return present_ && value_.is_string(); }

  /// A member of an object; null when there is none, or when this is no object.
  JsonNode get(std::string_view key) const;
  Result<std::vector<JsonNode>> items() const;
  Result<std::string_view> string() const;
  Result<std::int64_t> integer() const;
  Result<double> number() const;
  Result<bool> boolean() const;
  /// A missing member gives the fallback; a wrong type is an error.
  Result<bool> boolean_or(std::string_view key, bool fallback) const;
  Result<std::int64_t> integer_or(std::string_view key, std::int64_t fallback) const;
  Result<std::string> string_or(std::string_view key, std::string_view fallback) const;
  /// The object itself, for loops over many members. Keep it in a variable: a loop over a temporary dangles.
  Result<simdjson::dom::object> object() const;
  Result<simdjson::dom::array> array() const;

  const std::string& path() const { return path_; }
  const std::string& file() const { return *file_; }
  /// ErrorCode::model_file: "FILE: PATH: message".
  template <class... Args>
  Error error(fmt::format_string<Args...> format, Args&&... args) const {
    const std::string message = fmt::format(format, std::forward<Args>(args)...);
    return {ErrorCode::model_file,
            fmt::format("{}: {}: {}", *file_, one_line(path_), one_line(message, kLongestMessage))};
  }

 private:
  Error wrong_type(std::string_view wanted) const;

  const std::string* file_;
  std::string path_;
  simdjson::dom::element value_;
  bool present_ = false;
};

class JsonDocument {
 public:
  static Result<JsonDocument> parse(std::string_view text, const std::string& name);
  static Result<JsonDocument> parse(std::span<const std::byte> bytes, const std::string& name);
  JsonNode root() const { return {name_.get(), "(root)", root_}; }

 private:
  std::unique_ptr<const std::string> name_;
  std::unique_ptr<simdjson::dom::parser> parser_;
  simdjson::dom::element root_;
};

}  // namespace llorch
