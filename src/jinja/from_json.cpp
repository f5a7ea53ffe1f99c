// JSON -> values, by nlohmann's event interface: it does not recurse, and the order of keys is the document's.
#include <charconv>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>

#include "base/format.h"
#include "base/json.h"
#include "jinja/json_text.h"
#include "jinja/ops.h"

namespace llorch::jinja {
namespace {

/// Integers beyond 64 bits come as floats with their text, and must be finite as such: a double ends at 308 digits.
using Json = nlohmann::basic_json<std::map, std::vector, std::string, bool, std::int64_t, std::uint64_t, long double>;

class Builder {
 public:
  using string_t = std::string;
  using binary_t = Json::binary_t;

  Builder(Heap& heap, Origin origin) : heap_(heap), origin_(origin) {}

  bool null() { return add(Value::none()); }
  bool boolean(bool value) { return add(Value(value)); }
  bool number_integer(std::int64_t value) { return add(Value(value)); }
  bool number_unsigned(std::uint64_t value) {
    return value <= INT64_MAX ? add(Value(static_cast<std::int64_t>(value)))
                              : add(Value(Kind::big, new BigObject(heap_, BigInt(value))));
  }
  /// Integers beyond 64 bits arrive here, too.
  bool number_float(long double rounded, const std::string& text) {
    if (text.find_first_of(".eE") != std::string::npos) {
      double value = 0;
      const auto read = std::from_chars(text.data(), text.data() + text.size(), value);
      if (read.ec == std::errc::result_out_of_range && std::fabs(rounded) > 1) {
        error_ = "a number out of range";
        return false;
      }
      return add(Value(read.ec == std::errc() ? value : std::signbit(rounded) ? -0.0 : 0.0));
    }
    BigInt value;
    if (text.size() > kMaxIntegerBits / 3 || msb(BigInt(abs(value = BigInt(text)))) >= kMaxIntegerBits) {
      error_ = fmt::format("an integer of more than {} bits", kMaxIntegerBits);
      return false;
    }
    return add(Value(Kind::big, new BigObject(heap_, std::move(value))));
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
      stack_.back().dict.as<DictObject>().set_text(stack_.back().key, std::move(value));
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
    if (!Json::sax_parse(json.begin(), json.end(), &builder)) {
      return errorf(ErrorCode::invalid_argument, "{}: {}", what, builder.error());
    }
  } catch (const Failure& failure) {
    return errorf(ErrorCode::invalid_argument, "{}: {}", what, failure.message);
  }
  return builder.take();
}

}  // namespace llorch::jinja
