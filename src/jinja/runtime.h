// Runtime: what one render may use and has used: its budgets, its heap, its clock. Every operation on values takes one.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "jinja/value.h"

namespace llorch::jinja {

/// Budgets of one render. What goes over ends as FailureKind::budget.
struct Limits {
  std::int64_t steps = 400'000;          // one for each node walked, item visited, or kBytesPerStep bytes handled
  std::size_t memory_bytes = 8U << 20U;  // held at a time, values from outside not counted
  std::size_t output_bytes = 4U << 20U;
  int depth = 1000;              // of statements and expressions in one another; a macro's call counts about four
  std::int64_t range = 100'000;  // as in Jinja's sandbox
};

inline constexpr std::size_t kBytesPerStep = 32;
inline constexpr unsigned kMaxIntegerBits = 14'000;  // about the 4,300 digits that Python prints

class Runtime {
 public:
  Runtime(const Limits& limits, std::chrono::local_seconds now)
      : limits_(limits), heap_(limits.memory_bytes), now_(now) {}
  Runtime(const Runtime&) = delete;
  Runtime& operator=(const Runtime&) = delete;
  /// Empties what may hold itself.
  ~Runtime();

  const Limits& limits() const { return limits_; }
  Heap& heap() { return heap_; }
  std::chrono::local_seconds now() const { return now_; }
  std::int64_t steps() const { return steps_; }
  void step(std::int64_t n = 1) {
    steps_ += n;
    if (steps_ > limits_.steps) {
      over_steps();
    }
  }
  /// Work in proportion to `bytes` is about to be done.
  void step_bytes(std::size_t bytes) { step(1 + static_cast<std::int64_t>(bytes / kBytesPerStep)); }

  Value string(Text text) {
    step_bytes(text.size());
    return {Kind::string, new StringObject(heap_, std::move(text))};
  }
  Value string(std::string bytes, Origin origin) { return string(Text(std::move(bytes), origin)); }
  Value list(std::vector<Value> items) { return {Kind::list, new ListObject(heap_, std::move(items))}; }
  Value tuple(std::vector<Value> items) { return {Kind::tuple, new ListObject(heap_, std::move(items))}; }
  Value dict() { return {Kind::dict, new DictObject(heap_)}; }
  Value big(BigInt value);  // a plain integer when it fits
  Value undefined(std::string message) {
    step(static_cast<std::int64_t>(message.size() / kBytesPerStep));
    return {Kind::undefined, new UndefinedObject(heap_, std::move(message))};
  }
  Value generator(const Value& source, GeneratorObject::Next next) {
    return {Kind::generator, new GeneratorObject(heap_, std::move(next), source)};
  }
  Value space();

 private:
  [[noreturn]] void over_steps() const;

  Limits limits_;
  std::int64_t steps_ = 0;
  Heap heap_;
  std::chrono::local_seconds now_;
  std::vector<Value> spaces_;  // every namespace made
};

}  // namespace llorch::jinja
