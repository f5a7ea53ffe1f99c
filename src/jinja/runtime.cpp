// The end of every budget: what goes over one is told here.
#include "jinja/runtime.h"

namespace llorch::jinja {

Runtime::~Runtime() {
  for (const Value& space : spaces_) {
    space.as<SpaceObject>().attributes.entries.clear();
  }
}

Value Runtime::big(BigInt value) {
  if (value >= INT64_MIN && value <= INT64_MAX) {
    return Value(value.convert_to<std::int64_t>());
  }
  if (msb(BigInt(abs(value))) >= kMaxIntegerBits) {
    fail(FailureKind::budget, "an integer of more than {} bits", kMaxIntegerBits);
  }
  return {Kind::big, new BigObject(heap_, std::move(value))};
}

Value Runtime::space() {
  spaces_.emplace_back(Kind::space, new SpaceObject(heap_));
  return spaces_.back();
}

void Runtime::over_steps() const {
  fail(FailureKind::budget, "the template takes more than {} steps", limits_.steps);
}

}  // namespace llorch::jinja
