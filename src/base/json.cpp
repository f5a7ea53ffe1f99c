#include "base/json.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>
#include <type_traits>
#include <vector>

#include "base/format.h"
#include "base/utf8.h"

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

/// What came out of a document, fit for a message: UTF-8, and not long.
std::string shown(const std::string& text) {
  constexpr std::size_t kMaxShown = 400;
  return text.size() <= kMaxShown ? repair_utf8(text) : repair_utf8(text.substr(0, kMaxShown)) + "...";
}

/// A key as it stands in JSON, where control characters are escaped.
std::string shown_key(const std::string& key) {
  const std::string quoted = dump_json(json(key));
  return shown(quoted.substr(1, quoted.size() - 2));
}

std::string reason(const std::string& what) {  // "[json.exception.parse_error.101] parse error at line 1 ..."
  const std::size_t name = what.find("] ");
  return "not valid JSON: " + shown(name == std::string::npos ? what : what.substr(name + 2));
}

/// Builds the value from the parser's events, in linear time (the library's own builder, where it has a callback to
/// ask, looks through the whole of an array after every object in it). Stops at the first duplicate key, and at the
/// first object with more than `limit` keys.
template <class Json>
class Builder {
 public:
  explicit Builder(std::size_t limit) : limit_(limit) {}
  Json take() { return std::move(root_); }
  const std::string& fault() const { return fault_; }

  bool null() { return add(Json()); }
  bool boolean(bool value) { return add(value); }
  bool number_integer(std::int64_t value) { return add(value); }
  bool number_unsigned(std::uint64_t value) { return add(value); }
  bool number_float(double value, const std::string& /*text*/) { return add(value); }
  bool string(std::string& value) { return add(std::move(value)); }
  bool binary(typename Json::binary_t& /*value*/) { return fail("binary data"); }
  bool start_array(std::size_t /*n*/) { return open(Json::array()); }
  bool start_object(std::size_t /*n*/) { return open(Json::object()); }
  bool end_array() { return close(); }
  bool end_object() { return close(); }
  bool key(std::string& key) {
    auto& keys = open_.back().keys;
    if (!keys.insert(key).second) {
      return fail(fmt::format("key '{}' occurs twice in one object", shown_key(key)));
    }
    if (keys.size() > limit_) {
      return fail(fmt::format("an object with more than {} keys", limit_));
    }
    key_ = std::move(key);
    return true;
  }
  bool parse_error(std::size_t /*position*/, const std::string& /*token*/, const nlohmann::detail::exception& e) {
    return fail(reason(e.what()));
  }

 private:
  struct Open {
    Json* value = nullptr;  // stays where it is: what holds it does not grow before this is closed
    std::set<std::string> keys;
  };
  bool fail(std::string why) {
    fault_ = std::move(why);
    return false;
  }
  Json* place(Json value) {
    if (open_.empty()) {
      root_ = std::move(value);
      return &root_;
    }
    Json& parent = *open_.back().value;
    if (parent.is_array()) {
      auto& items = parent.template get_ref<typename Json::array_t&>();
      return &items.emplace_back(std::move(value));
    }
    auto& members = parent.template get_ref<typename Json::object_t&>();
    if constexpr (std::is_same_v<Json, json>) {
      return &members.emplace(std::move(key_), std::move(value)).first->second;
    } else {  // a vector: its emplace() would look for the key in linear time
      return &static_cast<typename Json::object_t::Container&>(members)
                  .emplace_back(std::move(key_), std::move(value))
                  .second;
    }
  }
  bool add(Json value) {
    place(std::move(value));
    return true;
  }
  bool open(Json value) {
    open_.push_back({place(std::move(value)), {}});
    return true;
  }
  bool close() {
    open_.pop_back();
    return true;
  }

  std::size_t limit_;
  Json root_;
  std::vector<Open> open_;
  std::string key_;  // of the next value
  std::string fault_;
};

template <class Json>
Result<Json> parse(std::string_view text, std::string_view what, std::size_t key_limit) {
  if (const int depth = nesting_depth(text); depth > kMaxJsonDepth) {
    return errorf(ErrorCode::invalid_argument, "{}: JSON nested {} deep, the limit is {}", what, depth, kMaxJsonDepth);
  }
  Builder<Json> builder(key_limit);
  if (!Json::sax_parse(text.begin(), text.end(), &builder)) {
    return errorf(ErrorCode::invalid_argument, "{}: {}", what, builder.fault());
  }
  return builder.take();
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
