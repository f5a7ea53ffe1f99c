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

/// Parser callback that remembers the keys of every open object and reports the first duplicate, and the first object
/// with more than `limit` of them (what is over it is not kept: an ordered object looks for a key in linear time).
template <class Json>
class Keys {
 public:
  explicit Keys(std::size_t limit) : limit_(limit) {}
  bool operator()(int /*depth*/, typename Json::parse_event_t event, Json& value) {
    using Event = typename Json::parse_event_t;
    if (event == Event::object_start) {
      open_.emplace_back();
    } else if (event == Event::object_end) {
      open_.pop_back();
    } else if (event == Event::key) {
      auto key = value.template get<std::string>();
      if (!open_.back().insert(key).second && fault_.empty()) {
        fault_ = fmt::format("key '{}' occurs twice in one object", key);
      }
      if (open_.back().size() > limit_) {
        fault_ = fault_.empty() ? fmt::format("an object with more than {} keys", limit_) : fault_;
        return false;
      }
    }
    return true;
  }
  const std::string& fault() const { return fault_; }

 private:
  std::size_t limit_;
  std::vector<std::set<std::string>> open_;
  std::string fault_;
};

template <class Json>
Result<Json> parse(std::string_view text, std::string_view what, std::size_t key_limit) {
  if (const int depth = nesting_depth(text); depth > kMaxJsonDepth) {
    return errorf(ErrorCode::invalid_argument, "{}: JSON nested {} deep, the limit is {}", what, depth, kMaxJsonDepth);
  }
  Keys<Json> keys(key_limit);
  try {
    Json value = Json::parse(text.begin(), text.end(), std::ref(keys));
    if (!keys.fault().empty()) {
      return errorf(ErrorCode::invalid_argument, "{}: {}", what, keys.fault());
    }
    return value;
  } catch (const typename Json::exception& e) {
    const std::string_view why = e.what();  // "[json.exception.parse_error.101] parse error at line 1 ..."
    const std::size_t name = why.find("] ");
    return errorf(ErrorCode::invalid_argument, "{}: not valid JSON: {}", what,
                  name == std::string_view::npos ? why : why.substr(name + 2));
  }
}

}  // namespace

Result<json> parse_json(std::string_view text, std::string_view what) {
  return parse<json>(text, what, std::string_view::npos);
}

Result<nlohmann::ordered_json> parse_ordered_json(std::string_view text, std::string_view what) {
  return parse<nlohmann::ordered_json>(text, what, kMaxOrderedKeys);
}

std::string dump_json(const json& value) {
  return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

std::string dump_json(const nlohmann::ordered_json& value) {
  return value.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

}  // namespace llorch
