// Length, items, attributes and slices of everything that has them.
#include <algorithm>
#include <array>
#include <cstring>

#include "base/utf8.h"
#include "jinja/interpreter.h"
#include "jinja/loop.h"
#include "jinja/ops.h"
#include "jinja/str_methods.h"

namespace llorch::jinja {
namespace {

template <std::size_t N>
bool is_one_of(std::string_view name, const std::array<std::string_view, N>& names) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

constexpr std::array<std::string_view, 5> kDictMethods = {"get", "items", "keys", "values", "copy"};
constexpr std::array<std::string_view, 5> kDictUnsafe = {"clear", "pop", "popitem", "setdefault", "update"};
constexpr std::array<std::string_view, 3> kListMethods = {"index", "count", "copy"};
constexpr std::array<std::string_view, 8> kListUnsafe = {"append", "clear",  "extend",  "insert",
                                                         "pop",    "remove", "reverse", "sort"};

/// What Jinja calls an object in a message.
std::string object_name(const Value& value) {
  return value.is(Kind::none) ? "None" : std::string(type_name(value)) + " object";
}

Value missing_attribute(Runtime& runtime, const Value& value, std::string_view name) {
  return runtime.undefined(fmt::format("'{}' has no attribute '{}'", object_name(value), name));
}

Value missing_element(Runtime& runtime, const Value& value, const Value& key) {
  if (key.is(Kind::string)) {
    return missing_attribute(runtime, value, key.text().view());
  }
  return runtime.undefined(fmt::format("{} has no element {}", object_name(value), to_repr(runtime, key).view()));
}

Value unsafe_attribute(Runtime& runtime, const Value& value, std::string_view name) {
  return {Kind::undefined,
          new UndefinedObject(runtime.heap(),
                              fmt::format("access to attribute '{}' of '{}' object is unsafe.", name, type_name(value)),
                              true)};
}

Value method(Runtime& runtime, const Value& self, std::string_view name) {
  return {Kind::method, new MethodObject(runtime.heap(), self, std::string(name))};
}

/// getattr(value, name): nothing when there is no such attribute.
std::optional<Value> python_attribute(Runtime& runtime, const Value& value, std::string_view name) {
  if (name.starts_with("__")) {
    return unsafe_attribute(runtime, value, name);
  }
  switch (value.kind()) {
    case Kind::string:
      if (find_string_method(name) != nullptr) {
        return method(runtime, value, name);
      }
      break;
    case Kind::dict:
      if (is_one_of(name, kDictUnsafe)) {
        return unsafe_attribute(runtime, value, name);
      }
      if (is_one_of(name, kDictMethods)) {
        return method(runtime, value, name);
      }
      break;
    case Kind::tuple:
    case Kind::list: {
      const char* const* names = value.as<ListObject>().names;
      for (std::size_t i = 0; names != nullptr && names[i] != nullptr; ++i) {
        if (name == names[i]) {
          return value.items()[i];
        }
      }
      if (value.is(Kind::list) && is_one_of(name, kListUnsafe)) {
        return unsafe_attribute(runtime, value, name);
      }
      if (is_one_of(name, kListMethods) && (value.is(Kind::list) || name != "copy")) {
        return method(runtime, value, name);
      }
      break;
    }
    case Kind::space:
      if (const Value* found = value.as<SpaceObject>().attributes.get(name)) {
        return *found;
      }
      break;
    case Kind::macro:
      return value.as<MacroObject>().attribute(runtime, name);
    case Kind::loop: {
      Value found = value.as<LoopObject>().attribute(runtime, name, value);
      if (!found.is(Kind::undefined) || found.object() != nullptr) {
        return found;
      }
      break;
    }
    case Kind::cycler:
      if (name == "next" || name == "reset") {
        return method(runtime, value, name);
      }
      if (name == "current") {
        const auto& cycler = value.as<CyclerObject>();
        return cycler.items[cycler.next];
      }
      break;
    case Kind::real:
      if (name == "is_integer") {
        return method(runtime, value, name);
      }
      break;
    case Kind::integer:
    case Kind::big:
    case Kind::boolean:
      if (name == "bit_length") {
        return method(runtime, value, name);
      }
      break;
    default:
      break;
  }
  return std::nullopt;
}

/// The byte where character `index` of valid UTF-8 begins.
std::size_t byte_of(const StringObject& string, std::int64_t index) {
  const std::string_view bytes = string.text.view();
  if (string.length() == bytes.size()) {
    return static_cast<std::size_t>(index);
  }
  std::size_t at = 0;
  for (; index > 0 && at < bytes.size(); --index) {
    at += static_cast<std::size_t>(decode_utf8(bytes.substr(at)).length);
  }
  return at;
}

Value character_at(Runtime& runtime, const Value& value, std::int64_t index) {
  const auto& string = value.as<StringObject>();
  runtime.step_bytes(string.length() == string.text.size() ? 0 : string.text.size());
  const std::size_t begin = byte_of(string, index);
  const auto length = static_cast<std::size_t>(decode_utf8(string.text.view().substr(begin)).length);
  return runtime.string(string.text.slice(begin, begin + length));
}

/// value[key] of Python: nothing where it would raise a TypeError or LookupError.
std::optional<Value> python_item(Runtime& runtime, const Value& value, const Value& key) {
  if (value.is(Kind::dict)) {
    if (key.is(Kind::list) || key.is(Kind::dict)) {
      return std::nullopt;
    }
    const auto& dict = value.as<DictObject>();
    const std::size_t i = dict.find(runtime, key);
    return i == DictObject::npos ? std::nullopt : std::optional(dict.entries[i].second);
  }
  const bool indexed = value.is(Kind::string) || value.is(Kind::list) || value.is(Kind::tuple) || value.is(Kind::range);
  const std::optional<std::int64_t> given = as_integer(key);
  if (!indexed || !given) {
    return std::nullopt;
  }
  const std::int64_t length = length_of(runtime, value);
  const std::int64_t index = *given < 0 ? *given + length : *given;
  if (index < 0 || index >= length) {
    return std::nullopt;
  }
  switch (value.kind()) {
    case Kind::string:
      return character_at(runtime, value, index);
    case Kind::range:
      return Value(value.as<RangeObject>().begin + index * value.as<RangeObject>().step);
    default:
      return value.items()[static_cast<std::size_t>(index)];
  }
}

struct Bounds {
  std::int64_t begin, step, length;
};

std::optional<std::int64_t> slice_bound(const Value& value) {
  if (value.is(Kind::none)) {
    return std::nullopt;
  }
  require_defined(value);
  if (value.is(Kind::big)) {
    return value.as<BigObject>().value.sign() < 0 ? INT64_MIN : INT64_MAX;
  }
  const auto index = as_integer(value);
  if (!index) {
    fail(FailureKind::type, "slice indices must be integers or None or have an __index__ method");
  }
  return index;
}

/// slice.indices(length) of Python.
Bounds slice_bounds(const Value& begin, const Value& end, const Value& step, std::int64_t length) {
  const std::int64_t by = std::max(slice_bound(step).value_or(1), -INT64_MAX);
  if (by == 0) {
    fail(FailureKind::value, "slice step cannot be zero");
  }
  const auto clamp = [&](std::int64_t i) {
    if (i < 0) {
      i = i < -length ? -1 : i + length;
      return by < 0 ? i : std::max<std::int64_t>(i, 0);
    }
    return std::min(i, by < 0 ? length - 1 : length);
  };
  const auto given_begin = slice_bound(begin);
  const auto given_end = slice_bound(end);
  const std::int64_t from = given_begin ? clamp(*given_begin) : (by < 0 ? length - 1 : 0);
  const std::int64_t to = given_end ? clamp(*given_end) : (by < 0 ? -1 : length);
  if (by > 0) {
    return {from, by, from < to ? (to - from - 1) / by + 1 : 0};
  }
  return {from, by, from > to ? (from - to - 1) / -by + 1 : 0};
}

Value slice_string(Runtime& runtime, const Value& value, const Bounds& bounds) {
  const auto& string = value.as<StringObject>();
  const std::size_t size = string.text.size();
  runtime.step_bytes(size);
  if (bounds.length == 0) {
    return runtime.string(Text());
  }
  if (bounds.step == 1) {
    const std::size_t begin = byte_of(string, bounds.begin);
    const std::size_t end = string.length() == size ? begin + static_cast<std::size_t>(bounds.length)
                                                    : byte_of(string, bounds.begin + bounds.length);
    return runtime.string(string.text.slice(begin, end));
  }
  std::vector<std::size_t> starts;  // byte of every character, and the end
  starts.reserve(string.length() + 1);
  runtime.heap().expect(string.length() * sizeof(std::size_t));
  for (std::size_t at = 0; at < size;
       at += static_cast<std::size_t>(decode_utf8(string.text.view().substr(at)).length)) {
    starts.push_back(at);
  }
  starts.push_back(size);
  runtime.step(bounds.length);
  Text out;
  for (std::int64_t i = 0; i < bounds.length; ++i) {
    const auto at = static_cast<std::size_t>(bounds.begin + i * bounds.step);
    out.append(string.text, starts[at], starts[at + 1]);
  }
  return runtime.string(std::move(out));
}

}  // namespace

std::string_view type_name(const Value& value) {
  switch (value.kind()) {
    case Kind::undefined:
      return "Undefined";
    case Kind::none:
      return "NoneType";
    case Kind::boolean:
      return "bool";
    case Kind::integer:
    case Kind::big:
      return "int";
    case Kind::real:
      return "float";
    case Kind::string:
      return "str";
    case Kind::list:
      return "list";
    case Kind::tuple:
      return "tuple";
    case Kind::dict:
      return "dict";
    case Kind::view: {
      const DictPart part = value.as<ViewObject>().part;
      return part == DictPart::keys ? "dict_keys" : part == DictPart::values ? "dict_values" : "dict_items";
    }
    case Kind::range:
      return "range";
    case Kind::generator:
      return "generator";
    case Kind::space:
      return "Namespace";
    case Kind::macro:
      return "Macro";
    case Kind::function:
      return "function";
    case Kind::method:
      return "builtin_function_or_method";
    case Kind::loop:
      return "LoopContext";
    case Kind::cycler:
      return "Cycler";
    case Kind::joiner:
      return "Joiner";
  }
  return "object";
}

void fail_undefined(const Value& value) {
  const auto* why = static_cast<const UndefinedObject*>(value.object());
  if (why == nullptr) {
    fail(FailureKind::undefined, "the value is undefined");
  }
  throw Failure{why->unsafe ? FailureKind::security : FailureKind::undefined, why->message};
}

void require_defined(const Value& value) {
  if (value.is(Kind::undefined)) {
    fail_undefined(value);
  }
}

std::size_t find_bytes(std::string_view text, std::string_view needle, std::size_t begin) {
  if (begin > text.size()) {
    return std::string_view::npos;
  }
  if (needle.empty()) {
    return begin;
  }
  const void* at = ::memmem(text.data() + begin, text.size() - begin, needle.data(), needle.size());
  return at == nullptr ? std::string_view::npos : static_cast<std::size_t>(static_cast<const char*>(at) - text.data());
}

std::int64_t length_of(Runtime& runtime, const Value& value) {
  switch (value.kind()) {
    case Kind::undefined:
      return 0;
    case Kind::string:
      runtime.step_bytes(value.text().size());
      return static_cast<std::int64_t>(value.as<StringObject>().length());
    case Kind::list:
    case Kind::tuple:
      return static_cast<std::int64_t>(value.items().size());
    case Kind::dict:
      return static_cast<std::int64_t>(value.as<DictObject>().entries.size());
    case Kind::view:
      return length_of(runtime, value.as<ViewObject>().dict);
    case Kind::range:
      return value.as<RangeObject>().length();
    case Kind::loop:
      return static_cast<std::int64_t>(value.as<LoopObject>().items.size());
    default:
      fail(FailureKind::type, "object of type '{}' has no len()", type_name(value));
  }
}

std::vector<Value> items_of(Runtime& runtime, const Value& value) {
  Walk walk(runtime, value);
  std::vector<Value> items;
  const auto known = static_cast<std::size_t>(walk.known_length());
  runtime.heap().expect(known * sizeof(Value));
  runtime.step(walk.known_length());
  items.reserve(known);
  while (std::optional<Value> item = walk.next()) {
    if (items.size() >= known) {
      runtime.step();
      runtime.heap().expect(items.size() * sizeof(Value));
    }
    items.push_back(*std::move(item));
  }
  return items;
}

Value get_item(Runtime& runtime, const Value& value, const Value& key) {
  require_defined(value);
  if (auto item = python_item(runtime, value, key)) {
    return *std::move(item);
  }
  if (key.is(Kind::string)) {
    if (auto attribute = python_attribute(runtime, value, key.text().view())) {
      return *std::move(attribute);
    }
  }
  return missing_element(runtime, value, key);
}

Value get_attribute(Runtime& runtime, const Value& value, const Value& name) {
  require_defined(value);
  if (auto attribute = python_attribute(runtime, value, name.text().view())) {
    return *std::move(attribute);
  }
  if (auto item = python_item(runtime, value, name)) {
    return *std::move(item);
  }
  return missing_attribute(runtime, value, name.text().view());
}

Value get_slice(Runtime& runtime, const Value& value, const Value& begin, const Value& end, const Value& step) {
  require_defined(value);
  const bool can = value.is(Kind::string) || value.is(Kind::list) || value.is(Kind::tuple) || value.is(Kind::range);
  if (!can) {
    fail(FailureKind::type, "{}",
         value.is(Kind::dict) ? "unhashable type: 'slice'"
                              : fmt::format("'{}' object is not subscriptable", type_name(value)));
  }
  const Bounds bounds = slice_bounds(begin, end, step, length_of(runtime, value));
  if (value.is(Kind::string)) {
    return slice_string(runtime, value, bounds);
  }
  runtime.step(bounds.length);
  if (value.is(Kind::range)) {
    const auto& range = value.as<RangeObject>();
    const std::int64_t from = range.begin + bounds.begin * range.step;
    const std::int64_t by = range.step * bounds.step;
    return {Kind::range, new RangeObject(runtime.heap(), from, from + bounds.length * by, by)};
  }
  std::vector<Value> items;
  for (std::int64_t i = 0; i < bounds.length; ++i) {
    items.push_back(value.items()[static_cast<std::size_t>(bounds.begin + i * bounds.step)]);
  }
  return value.is(Kind::list) ? runtime.list(std::move(items)) : runtime.tuple(std::move(items));
}

Walk::Walk(Runtime& runtime, const Value& value) : runtime_(&runtime), value_(value) {
  switch (value.kind()) {
    case Kind::generator:
      break;
    case Kind::undefined:
      if (const auto* why = static_cast<const UndefinedObject*>(value.object()); why != nullptr && why->unsafe) {
        fail_undefined(value);
      }
      break;
    case Kind::string:
    case Kind::list:
    case Kind::tuple:
    case Kind::dict:
    case Kind::view:
    case Kind::range:
      length_ = length_of(runtime, value);
      break;
    default:
      fail(FailureKind::type, "'{}' object is not iterable", type_name(value));
  }
}

std::optional<Value> Walk::next() {
  if (value_.is(Kind::generator)) {
    return value_.as<GeneratorObject>().next(*runtime_);
  }
  if (i_ == length_) {
    return std::nullopt;
  }
  const auto i = static_cast<std::size_t>(i_++);
  switch (value_.kind()) {
    case Kind::string: {
      const Text& text = value_.text();
      const std::size_t begin = byte_;
      byte_ += static_cast<std::size_t>(decode_utf8(text.view().substr(begin)).length);
      return runtime_->string(text.slice(begin, byte_));
    }
    case Kind::dict:
      return value_.as<DictObject>().entries[i].first;
    case Kind::view: {
      const auto& view = value_.as<ViewObject>();
      const auto& [key, value] = view.dict.as<DictObject>().entries[i];
      return view.part == DictPart::keys ? key : view.part == DictPart::values ? value : runtime_->tuple({key, value});
    }
    case Kind::range:
      return Value(value_.as<RangeObject>().begin + static_cast<std::int64_t>(i) * value_.as<RangeObject>().step);
    default:
      return value_.items()[i];
  }
}

}  // namespace llorch::jinja
