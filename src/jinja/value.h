// Value: what a template's variables and expressions hold; Python's types, as far as Jinja shows them. A small handle:
// numbers are inside, everything else is a counted object that was paid for from the render's Heap.
#pragma once

#include <atomic>
#include <boost/multiprecision/cpp_int.hpp>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "jinja/failure.h"
#include "jinja/text.h"

namespace llorch::jinja {

/// Deepest nesting of values in values.
inline constexpr int kMaxValueDepth = 100;

using BigInt = boost::multiprecision::cpp_int;

enum class Kind : std::uint8_t {
  undefined,
  none,
  boolean,
  integer,
  big,
  real,
  string,
  list,
  tuple,
  dict,
  view,
  range,
  generator,
  space,
  macro,
  function,
  method,
  loop,
  cycler,
  joiner
};

/// Memory that one render may hold at a time. Every Object pays on construction and is paid back when it goes.
class Heap {
 public:
  explicit Heap(std::size_t limit) : limit_(limit) {}
  void take(std::size_t bytes);  // throws FailureKind::budget when that would be over the limit
  void give(std::size_t bytes) { used_ -= bytes; }
  /// Fails unless `bytes` more could be taken: asked before something large is built.
  void expect(std::size_t bytes) const;
  std::size_t used() const { return used_; }

 private:
  std::size_t used_ = 0;
  std::size_t limit_;
};

class Value;
class Runtime;

/// Counted by Value.
class Object {
 public:
  Object(Heap& heap, std::size_t bytes) : heap_(&heap) { pay(bytes + kOverhead); }
  Object(const Object&) = delete;
  Object& operator=(const Object&) = delete;
  virtual ~Object() { heap_->give(paid_); }
  Heap& heap() const { return *heap_; }
  /// How deep values lie in values; set by what holds some.
  int depth = 0;
  void pay(std::size_t bytes) {
    heap_->take(bytes);
    paid_ += bytes;
  }
  /// Raises `depth` above that of `parts`; fails over kMaxValueDepth, so that walks over values may recurse.
  void set_depth(std::span<const Value> parts);

 private:
  friend class Value;
  static constexpr std::size_t kOverhead = 64;
  Heap* heap_;
  std::size_t paid_ = 0;
  std::atomic<std::uint32_t> refs_ = 0;  // the constants of a template are shared by all who render it
};

class Value {
 public:
  Value() = default;  // an undefined value without a name
  explicit Value(bool v) : kind_(Kind::boolean) { bits_.boolean = v; }
  explicit Value(std::int64_t v) : kind_(Kind::integer) { bits_.integer = v; }
  explicit Value(double v) : kind_(Kind::real) { bits_.real = v; }
  /// Takes `object` over (its first owner) or shares it.
  Value(Kind kind, Object* object) : kind_(kind) {
    bits_.object = object;
    keep();
  }
  static Value none() {
    Value v;
    v.kind_ = Kind::none;
    return v;
  }
  Value(const Value& other) : kind_(other.kind_), bits_(other.bits_) { keep(); }
  Value(Value&& other) noexcept : kind_(other.kind_), bits_(other.bits_) { other.forget(); }
  Value& operator=(const Value& other) {
    Value copy(other);
    swap(copy);
    return *this;
  }
  Value& operator=(Value&& other) noexcept {
    swap(other);
    return *this;
  }
  ~Value() { release(); }
  void swap(Value& other) noexcept {
    std::swap(kind_, other.kind_);
    std::swap(bits_, other.bits_);
  }

  Kind kind() const { return kind_; }
  bool is(Kind kind) const { return kind_ == kind; }
  bool is_number() const { return kind_ >= Kind::boolean && kind_ <= Kind::real; }
  bool boolean() const { return bits_.boolean; }
  std::int64_t integer() const { return bits_.integer; }
  double real() const { return bits_.real; }
  Object* object() const { return is_object() ? bits_.object : nullptr; }
  /// The object as what its kind says it is; a value of another kind is a Failure.
  template <class T>
  T& as() const {
    if (!T::holds(kind_)) {
      fail_kind();
    }
    return static_cast<T&>(*bits_.object);
  }
  const Text& text() const;                 // Kind::string
  const std::vector<Value>& items() const;  // Kind::list, Kind::tuple

 private:
  [[noreturn]] void fail_kind() const;
  bool is_object() const { return kind_ >= Kind::string || kind_ == Kind::big || kind_ == Kind::undefined; }
  void keep() {
    if (is_object() && bits_.object != nullptr) {
      bits_.object->refs_.fetch_add(1, std::memory_order_relaxed);
    }
  }
  void release() {
    if (is_object() && bits_.object != nullptr && bits_.object->refs_.fetch_sub(1, std::memory_order_acq_rel) == 1) {
      delete bits_.object;
    }
  }
  void forget() {
    kind_ = Kind::undefined;
    bits_.object = nullptr;
  }

  Kind kind_ = Kind::undefined;
  union Bits {
    bool boolean;
    std::int64_t integer;
    double real;
    Object* object = nullptr;
  } bits_;
};

/// Why a value does not exist; used in the message when something is done with it.
struct UndefinedObject : Object {
  UndefinedObject(Heap& heap, std::string why, bool security = false)
      : Object(heap, sizeof(*this) + why.size()), message(std::move(why)), unsafe(security) {}
  std::string message;
  bool unsafe;  // it exists, but templates may not touch it
};

struct BigObject : Object {
  static constexpr bool holds(Kind kind) { return kind == Kind::big; }
  BigObject(Heap& heap, BigInt v) : Object(heap, sizeof(*this) + v.backend().size() * 8), value(std::move(v)) {}
  BigInt value;
};

struct StringObject : Object {
  static constexpr bool holds(Kind kind) { return kind == Kind::string; }
  StringObject(Heap& heap, Text t) : Object(heap, sizeof(*this) + t.footprint()), text(std::move(t)) {}
  /// In characters, as Python counts them; found out once.
  std::size_t length() const;
  Text text;
  bool markup = false;  // came out of escape or safe: escape leaves it alone

 private:
  mutable std::atomic<std::size_t> length_ = std::string::npos;
};

/// Lists and tuples.
struct ListObject : Object {
  static constexpr bool holds(Kind kind) { return kind == Kind::list || kind == Kind::tuple; }
  ListObject(Heap& heap, std::vector<Value> values);
  std::vector<Value> items;
  const char* const* names = nullptr;  // of a named tuple's fields, ended by nullptr
};

/// Insertion order, keys compared as in Python (1 == 1.0 == true).
struct DictObject : Object {
  static constexpr bool holds(Kind kind) { return kind == Kind::dict; }
  explicit DictObject(Heap& heap) : Object(heap, sizeof(DictObject)) {}
  /// Index in `entries`, or npos. `runtime` pays for long keys.
  std::size_t find(Runtime& runtime, const Value& key) const;
  std::size_t find(std::string_view key) const;
  const Value* get(std::string_view key) const;
  /// Replaces the value of an equal key, whose place and first spelling stay.
  void set(Runtime& runtime, const Value& key, Value value);
  /// The same for a key that is a string, where nobody pays.
  void set_text(const Value& key, Value value);
  /// The same without a word about depth: for what may hold itself.
  void put(Runtime* runtime, const Value& key, Value value);
  std::vector<std::pair<Value, Value>> entries;
  static constexpr std::size_t npos = static_cast<std::size_t>(-1);

 private:
  std::size_t find(Runtime* runtime, const Value& key) const;

  static constexpr std::size_t kIndexed = 8;                 // entries from which on there is an index
  std::unordered_multimap<std::size_t, std::size_t> index_;  // hash -> place in entries
};

enum class DictPart : std::uint8_t { keys, values, items };
struct ViewObject : Object {
  static constexpr bool holds(Kind kind) { return kind == Kind::view; }
  ViewObject(Heap& heap, Value d, DictPart p) : Object(heap, sizeof(*this)), dict(std::move(d)), part(p) {
    set_depth({&dict, 1});
  }
  Value dict;
  DictPart part;
};

struct RangeObject : Object {
  static constexpr bool holds(Kind kind) { return kind == Kind::range; }
  RangeObject(Heap& heap, std::int64_t b, std::int64_t e, std::int64_t s)
      : Object(heap, sizeof(*this)), begin(b), end(e), step(s) {}
  std::int64_t length() const;
  std::int64_t begin, end, step;
};

/// What map, select and their like give: each item is computed when it is asked for, and given once.
struct GeneratorObject : Object {
  static constexpr bool holds(Kind kind) { return kind == Kind::generator; }
  /// The next item, or nothing at the end; not asked again then.
  using Next = std::function<std::optional<Value>(Runtime&)>;
  /// `source` is what it walks.
  GeneratorObject(Heap& heap, Next n, const Value& source) : Object(heap, sizeof(*this) + 64), step(std::move(n)) {
    set_depth({&source, 1});
  }
  std::optional<Value> next(Runtime& runtime);
  Next step;
};

/// namespace(...): the one thing that a template may change. May hold itself; Runtime breaks such rings at the end.
struct SpaceObject : Object {
  static constexpr bool holds(Kind kind) { return kind == Kind::space; }
  explicit SpaceObject(Heap& heap) : Object(heap, sizeof(*this)), attributes(heap) {}
  DictObject attributes;
};

struct Arguments {
  std::vector<Value> positional;
  std::vector<std::pair<Value, Value>> named;  // names are strings: they may be a client's, and become text again
};

/// A function of the environment (range, raise_exception, ...).
struct FunctionObject : Object {
  static constexpr bool holds(Kind kind) { return kind == Kind::function; }
  using Call = Value (*)(Runtime&, const Arguments&);
  FunctionObject(Heap& heap, std::string_view n, Call c) : Object(heap, sizeof(*this)), name(n), call(c) {}
  std::string_view name;
  Call call;
};

/// A method that was looked up but not called yet.
struct MethodObject : Object {
  static constexpr bool holds(Kind kind) { return kind == Kind::method; }
  MethodObject(Heap& heap, Value s, std::string n)
      : Object(heap, sizeof(*this) + n.size()), self(std::move(s)), name(std::move(n)) {
    set_depth({&self, 1});
  }
  Value self;
  std::string name;
};

struct CyclerObject : Object {
  static constexpr bool holds(Kind kind) { return kind == Kind::cycler; }
  CyclerObject(Heap& heap, std::vector<Value> v)
      : Object(heap, sizeof(*this) + v.size() * sizeof(Value)), items(std::move(v)) {
    set_depth(items);
  }
  std::vector<Value> items;
  std::size_t next = 0;
};

struct JoinerObject : Object {
  static constexpr bool holds(Kind kind) { return kind == Kind::joiner; }
  JoinerObject(Heap& heap, Value s) : Object(heap, sizeof(*this)), separator(std::move(s)) {
    set_depth({&separator, 1});
  }
  Value separator;
  bool used = false;
};

inline const Text& Value::text() const {
  return as<StringObject>().text;
}
inline const std::vector<Value>& Value::items() const {
  return as<ListObject>().items;
}

}  // namespace llorch::jinja
