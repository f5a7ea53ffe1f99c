// What a body asks of the loop that it is run by.
#include "jinja/loop.h"

namespace llorch::jinja {

Value LoopObject::attribute(Runtime& runtime, std::string_view name, const Value& self) const {
  const auto number = [](std::size_t n) { return Value(static_cast<std::int64_t>(n)); };
  if (name == "index") {
    return number(index0 + 1);
  }
  if (name == "index0") {
    return number(index0);
  }
  if (name == "revindex") {
    return number(items.size() - index0);
  }
  if (name == "revindex0") {
    return number(items.size() - index0 - 1);
  }
  if (name == "first") {
    return Value(index0 == 0);
  }
  if (name == "last") {
    return Value(index0 + 1 == items.size());
  }
  if (name == "length") {
    return number(items.size());
  }
  if (name == "depth" || name == "depth0") {
    return Value(std::int64_t{depth0} + (name == "depth" ? 1 : 0));
  }
  if (name == "previtem") {
    return index0 > 0 ? items[index0 - 1] : runtime.undefined("there is no previous item");
  }
  if (name == "nextitem") {
    return index0 + 1 < items.size() ? items[index0 + 1] : runtime.undefined("there is no next item");
  }
  if (name == "cycle" || name == "changed") {
    return {Kind::method, new MethodObject(runtime.heap(), self, std::string(name))};
  }
  return {};
}

Value LoopObject::cycle(const Arguments& arguments) const {
  if (arguments.positional.empty()) {
    fail(FailureKind::type, "no items for cycling given");
  }
  return arguments.positional[index0 % arguments.positional.size()];
}

bool LoopObject::changed(Runtime& runtime, const Arguments& arguments) {
  const auto& now = arguments.positional;
  bool same = changed_before && now.size() == last_changed.size();
  for (std::size_t i = 0; same && i < now.size(); ++i) {
    same = equal(runtime, now[i], last_changed[i]);
  }
  changed_before = true;
  if (!over) {
    last_changed = now;
  }
  return !same;
}

}  // namespace llorch::jinja
