// JSON -> values, by nlohmann's event interface: it does not recurse, and the order of keys is the document's.
#include <nlohmann/json.hpp>

#include "base/format.h"
#include "base/json.h"
#include "jinja/json_text.h"
#include "jinja/ops.h"

namespace llorch::jinja {
namespace {

class Builder {
 public:
  using string_t = std::string;
  using binary_t = nlohmann::json::binary_t;

  Builder(Heap& heap, Origin origin) : heap_(heap), origin_(origin) {}

  bool null() { return add(Value::none()); }
  bool boolean(bool value) { return add(Value(value)); }
  bool number_integer(std::int64_t value) { return add(Value(value)); }
  bool number_unsigned(std::uint64_t value) {
    return value <= INT64_MAX ? add(Value(static_cast<std::int64_t>(value)))
                              : add(Value(Kind::big, new BigObject(heap_, BigInt(value))));
  }
  /// Integers beyond 64 bits arrive here, too.
  bool number_float(double value, const std::string& text) {
    if (text.find_first_of(".eE") != std::string::npos) {
      return add(Value(value));
    }
    if (text.size() > 4300) {
      error_ = "an integer of more than 4300 digits";
      return false;
    }
    return add(Value(Kind::big, new BigObject(heap_, BigInt(text))));
  }
  bool string(std::string& value) { return add(text(value)); }
  bool binary(binary_t& /*value*/) { return false; }
  bool start_object(std::size_t /*n*/) { return open(Value(Kind::dict, new DictObject(heap_))); }
  bool start_array(std::size_t /*n*/) { return open({}); }
  bool key(std::string& value) {
    stack_.back().key = text(value);
    return true;
  }
  bool end_object() { return close(std::move(stack_.back().dict)); }
  bool end_array() { return close(Value(Kind::list, new ListObject(heap_, std::move(stack_.back().items)))); }
  bool parse_error(std::size_t /*position*/, const std::string& /*token*/, const nlohmann::json::exception& e) {
    const std::string_view why = e.what();  // "[json.exception.parse_error.101] parse error at line 1 ..."
    const std::size_t name = why.find("] ");
    error_ = fmt::format("not valid JSON: {}", name == std::string_view::npos ? why : why.substr(name + 2));
    return false;
  }
  const std::string& error() const { return error_; }
  Value take() { return std::move(result_); }

 private:
  struct Open {
    Value dict;                // undefined: a list is open
    std::vector<Value> items;  // of the list
    Value key;
  };

  Value text(std::string& bytes) { return {Kind::string, new StringObject(heap_, Text(std::move(bytes), origin_))}; }

  bool open(Value dict) {
    if (static_cast<int>(stack_.size()) >= kMaxJsonDepth) {
      error_ = fmt::format("JSON nested more than {} deep", kMaxJsonDepth);
      return false;
    }
    stack_.push_back({std::move(dict), {}, {}});
    return true;
  }

  bool close(Value value) {
    stack_.pop_back();
    return add(std::move(value));
  }

  bool add(Value value) {
    if (stack_.empty()) {
      result_ = std::move(value);
    } else if (stack_.back().dict.is(Kind::dict)) {
      stack_.back().dict.as<DictObject>().set(stack_.back().key, std::move(value));
    } else {
      stack_.back().items.push_back(std::move(value));
    }
    return true;
  }

  Heap& heap_;
  Origin origin_;
  std::vector<Open> stack_;
  Value result_;
  std::string error_;
};

}  // namespace

Result<Value> from_json(Heap& heap, std::string_view json, Origin origin, std::string_view what) {
  Builder builder(heap, origin);
  try {
    if (!nlohmann::json::sax_parse(json.begin(), json.end(), &builder)) {
      return errorf(ErrorCode::invalid_argument, "{}: {}", what, builder.error());
    }
  } catch (const Failure& failure) {
    return errorf(ErrorCode::invalid_argument, "{}: {}", what, failure.message);
  }
  return builder.take();
}

}  // namespace llorch::jinja
