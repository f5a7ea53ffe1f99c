// LoopObject: the variable `loop` inside of {% for %}.
#pragma once

#include <memory>

#include "jinja/ops.h"

namespace llorch::jinja {

struct LoopObject : Object {
  static constexpr bool holds(Kind kind) { return kind == Kind::loop; }
  LoopObject(Heap& heap, std::vector<Value> values, int level)
      : Object(heap, sizeof(*this) + values.capacity() * sizeof(Value)), items(std::move(values)), depth0(level) {
    set_depth(items);
  }
  /// loop.name; undefined (without a name) when there is no such thing. `self` is the value that holds this object.
  Value attribute(Runtime& runtime, std::string_view name, const Value& self) const;
  Value cycle(const Arguments& arguments) const;
  /// True when the arguments differ from those of the last call. They are kept no longer than the loop runs: they may
  /// hold this object.
  bool changed(Runtime& runtime, const Arguments& arguments);

  void end() {
    over = true;
    last_changed.clear();
  }

  std::vector<Value> items;
  std::size_t index0 = 0;
  int depth0;
  const void* statement = nullptr;  // the For of a recursive loop
  std::shared_ptr<void> scope;      // where it stands
  std::vector<Value> last_changed;
  bool changed_before = false;
  bool over = false;
};

}  // namespace llorch::jinja
