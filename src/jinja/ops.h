// What Python's operators and built-in functions do with values. Errors are thrown (failure.h) with Python's words.
#pragma once

#include <compare>
#include <optional>
#include <string>
#include <string_view>

#include "jinja/runtime.h"

namespace llorch::jinja {

/// Python's name of the type: "str", "int", "NoneType", "dict".
std::string_view type_name(const Value& value);
bool truthy(const Value& value);
/// Throws when the value is undefined, with the reason why it is.
void require_defined(const Value& value);
[[noreturn]] void fail_undefined(const Value& value);

// text.
/// str(value).
Text to_text(Runtime& runtime, const Value& value);
/// repr(value).
Text to_repr(Runtime& runtime, const Value& value);
/// str(value) as a value: itself when it is a string.
Value to_string(Runtime& runtime, const Value& value);
/// repr of a float: the shortest digits that read back as the same number.
std::string real_to_string(double value);
std::string big_to_string(const BigInt& value);
/// What origin a number or constant has: the author's, for there is no text in it.
inline constexpr Origin kNumberOrigin = Origin::author;

// comparison.
bool equal(Runtime& runtime, const Value& a, const Value& b);
/// a < b, and its like; throws when the two have no order. `symbol` is for the message.
bool less(Runtime& runtime, const Value& a, const Value& b, std::string_view symbol = "<");
bool contains(Runtime& runtime, const Value& container, const Value& item);
/// Keyed anew in each process: keys of a request's objects cannot be chosen to collide.
std::size_t hash_text(std::string_view text);
struct HashText {
  std::size_t operator()(std::string_view text) const { return hash_text(text); }
};
/// Equal keys have equal hashes: 1, 1.0 and true. Throws on what cannot be a key: lists, dicts. `runtime` pays for long
/// keys; nullptr: nobody does.
std::size_t hash_of(Runtime* runtime, const Value& key);
/// As == does, but NaN is the same key as NaN: Python's dicts, too, find what is the same object.
bool equal_keys(Runtime* runtime, const Value& a, const Value& b);

/// Offset of `needle` in `text` from `begin`; npos when it is not there. Linear.
std::size_t find_bytes(std::string_view text, std::string_view needle, std::size_t begin);

// containers.
/// len(value); throws when it has none.
std::int64_t length_of(Runtime& runtime, const Value& value);
/// list(value): throws when it cannot be walked.
std::vector<Value> items_of(Runtime& runtime, const Value& value);
/// value[key]; undefined when there is none.
Value get_item(Runtime& runtime, const Value& value, const Value& key);
/// value.name; undefined when there is none.
Value get_attribute(Runtime& runtime, const Value& value, const Value& name);
/// value[begin:end:step]; each may be none.
Value get_slice(Runtime& runtime, const Value& value, const Value& begin, const Value& end, const Value& step);

// numbers.
enum class Arithmetic : std::uint8_t { add, subtract, multiply, divide, floor_divide, modulo, power };
Value arithmetic(Runtime& runtime, Arithmetic op, const Value& a, const Value& b);
Value negate(Runtime& runtime, const Value& value, bool minus);
/// A number as an integer of 64 bits; nothing for other values.
std::optional<std::int64_t> as_integer(const Value& value);
/// A number as a float; throws on integers that are too large.
double as_real(const Value& value);
BigInt as_big(const Value& value);  // bool, int or big

/// Walks a value item by item; throws at construction when it cannot be walked.
class Walk {
 public:
  Walk(Runtime& runtime, const Value& value);
  /// Items in all, where that is known before they are walked: 0 for generators.
  std::int64_t known_length() const { return length_; }
  /// The next item, or nothing at the end.
  std::optional<Value> next();

 private:
  Runtime* runtime_;
  Value value_;
  std::int64_t length_ = 0;
  std::int64_t i_ = 0;
  std::size_t byte_ = 0;  // of a string
};

}  // namespace llorch::jinja
