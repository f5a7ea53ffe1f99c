#include "base/json.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>
#include <vector>

#include "base/format.h"

namespace llorch {
namespace {

using nlohmann::json;

/// Deepest nesting of brackets outside of strings: a linear scan that needs no parser.
int nesting_depth(std::string_view text) {
  int depth = 0;
  int deepest = 0;
  bool in_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\') {
        ++i;
      } else if (c == '"') {
        in_string = false;
      }
    } else if (c == '"') {
      in_string = true;
    } else if (c == '[' || c == '{') {
      deepest = std::max(deepest, ++depth);
    } else if (c == ']' || c == '}') {
      --depth;
    }
  }
  return deepest;
}

/// Parser callback that remembers the keys of every open object and reports the first duplicate.
class DuplicateKeys {
 public:
  bool operator()(int /*depth*/, json::parse_event_t event, json& value) {
    if (event == json::parse_event_t::object_start) {
      open_.emplace_back();
    } else if (event == json::parse_event_t::object_end) {
      open_.pop_back();
    } else if (event == json::parse_event_t::key) {
      auto key = value.get<std::string>();
      if (!open_.back().insert(key).second && duplicate_.empty()) {
        duplicate_ = "'" + key + "'";
      }
    }
    return true;
  }
  const std::string& duplicate() const { return duplicate_; }

 private:
  std::vector<std::set<std::string>> open_;
  std::string duplicate_;
};

}  // namespace

Result<json> parse_json(std::string_view text, std::string_view what) {
  if (const int depth = nesting_depth(text); depth > kMaxJsonDepth) {
    return errorf(ErrorCode::invalid_argument, "{}: JSON nested {} deep, the limit is {}", what, depth, kMaxJsonDepth);
  }
  DuplicateKeys keys;
  try {
    json value = json::parse(text.begin(), text.end(), std::ref(keys));
    if (!keys.duplicate().empty()) {
      return errorf(ErrorCode::invalid_argument, "{}: key {} occurs twice in one object", what, keys.duplicate());
    }
    return value;
  } catch (const json::exception& e) {
    const std::string_view why = e.what();  // "[json.exception.parse_error.101] parse error at line 1 ..."
    const std::size_t name = why.find("] ");
    return errorf(ErrorCode::invalid_argument, "{}: not valid JSON: {}", what,
                  name == std::string_view::npos ? why : why.substr(name + 2));
  }
}

std::string dump_json(const json& value) {
  return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

std::string dump_json(const nlohmann::ordered_json& value) {
  return value.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

}  // namespace llorch
