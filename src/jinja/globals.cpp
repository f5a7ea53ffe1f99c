// Global functions, and the methods of what is no string.
#include <algorithm>
#include <cmath>

#include "jinja/clock.h"
#include "jinja/filters.h"
#include "jinja/loop.h"

namespace llorch::jinja {
namespace {

Value range(Runtime& runtime, const Arguments& arguments) {
  const auto& given = arguments.positional;
  if (!arguments.named.empty() || given.empty() || given.size() > 3) {
    fail(FailureKind::type, "range expected 1 to 3 arguments, got {}", given.size() + arguments.named.size());
  }
  std::int64_t bounds[3] = {0, 0, 1};
  for (std::size_t i = 0; i < given.size(); ++i) {
    require_defined(given[i]);
    const auto value = as_integer(given[i]);
    if (!value) {
      fail(FailureKind::type, "'{}' object cannot be interpreted as an integer", type_name(given[i]));
    }
    bounds[given.size() == 1 ? 1 : i] = *value;
  }
  if (bounds[2] == 0) {
    fail(FailureKind::value, "range() arg 3 must not be zero");
  }
  const BigInt span = BigInt(bounds[1]) - bounds[0];
  const BigInt length = (bounds[2] > 0) == (span.sign() > 0) ? BigInt(abs(span) / abs(BigInt(bounds[2]))) : BigInt(0);
  if (length > runtime.limits().range) {
    fail(FailureKind::budget, "Range too big. The sandbox blocks ranges larger than MAX_RANGE ({}).",
         runtime.limits().range);
  }
  return {Kind::range, new RangeObject(runtime.heap(), bounds[0], bounds[1], bounds[2])};
}

/// dict(...) of Python: a mapping or pairs, then named values.
Value dict(Runtime& runtime, const Arguments& arguments) {
  if (arguments.positional.size() > 1) {
    fail(FailureKind::type, "dict expected at most 1 argument, got {}", arguments.positional.size());
  }
  const Value value = runtime.dict();
  auto& object = value.as<DictObject>();
  if (!arguments.positional.empty()) {
    const Value& from = arguments.positional.front();
    if (from.is(Kind::dict)) {
      for (const auto& [key, item] : from.as<DictObject>().entries) {
        object.set(runtime, key, item);
      }
    } else {
      for (const Value& pair : items_of(runtime, from)) {
        const std::vector<Value> parts = items_of(runtime, pair);
        if (parts.size() != 2) {
          fail(FailureKind::value, "dictionary update sequence element has length {}; 2 is required", parts.size());
        }
        object.set(runtime, parts[0], parts[1]);
      }
    }
  }
  for (const auto& [name, item] : arguments.named) {
    object.set(runtime, name, item);
  }
  return value;
}

Value make_namespace(Runtime& runtime, const Arguments& arguments) {
  const Value values = dict(runtime, arguments);
  Value space = runtime.space();
  auto& object = space.as<SpaceObject>();
  for (const auto& [key, item] : values.as<DictObject>().entries) {
    object.attributes.put(&runtime, key, item);
  }
  return space;
}

Value cycler(Runtime& runtime, const Arguments& arguments) {
  if (arguments.positional.empty()) {
    fail(FailureKind::type, "at least one item has to be provided");
  }
  return {Kind::cycler, new CyclerObject(runtime.heap(), arguments.positional)};
}

Value joiner(Runtime& runtime, const Arguments& arguments) {
  const Parameters given("joiner", arguments, {"sep"});
  const Value separator = given.find(0) != nullptr ? *given.find(0) : runtime.string(", ", Origin::author);
  return {Kind::joiner, new JoinerObject(runtime.heap(), separator)};
}

Value raise_exception(Runtime& runtime, const Arguments& arguments) {
  const Parameters given("raise_exception", arguments, {"message"}, 1);
  throw Failure{FailureKind::raised, std::string(to_text(runtime, *given.find(0)).view())};
}

Value strftime_now(Runtime& runtime, const Arguments& arguments) {
  const Parameters given("strftime_now", arguments, {"format"}, 1);
  const Value& format = *given.find(0);
  if (!format.is(Kind::string)) {
    fail(FailureKind::type, "strftime() argument 1 must be str, not {}", type_name(format));
  }
  return runtime.string(format_time(runtime.now(), format.text().view()), format.text().origin());
}

struct Entry {
  std::string_view name;
  FunctionObject::Call call;
};
constexpr Entry kGlobals[] = {
    {"range", range},
    {"dict", dict},
    {"namespace", make_namespace},
    {"cycler", cycler},
    {"joiner", joiner},
    {"raise_exception", raise_exception},
    {"strftime_now", strftime_now},
};

Value call_dict(Runtime& runtime, const Value& self, std::string_view name, const Arguments& arguments) {
  const auto view = [&](DictPart part) {
    const Parameters none(name, arguments, {});
    return Value(Kind::view, new ViewObject(runtime.heap(), self, part));
  };
  if (name == "items") {
    return view(DictPart::items);
  }
  if (name == "keys") {
    return view(DictPart::keys);
  }
  if (name == "values") {
    return view(DictPart::values);
  }
  if (name == "copy") {
    const Parameters none(name, arguments, {});
    return dict(runtime, {{self}, {}});
  }
  const Parameters given(name, arguments, {"key", "default"}, 1);
  const auto& object = self.as<DictObject>();
  const std::size_t i = object.find(runtime, *given.find(0));
  return i == DictObject::npos ? given.get(1, Value::none()) : object.entries[i].second;
}

Value call_list(Runtime& runtime, const Value& self, std::string_view name, const Arguments& arguments) {
  if (name == "copy") {
    const Parameters none(name, arguments, {});
    return runtime.list(self.items());
  }
  const bool is_index = name == "index";
  const Parameters given =
      is_index ? Parameters(name, arguments, {"value", "start", "stop"}, 1) : Parameters(name, arguments, {"value"}, 1);
  const auto n = static_cast<std::int64_t>(self.items().size());
  const auto clamp = [&](std::int64_t i) { return std::clamp(i < 0 ? i + n : i, std::int64_t{0}, n); };
  const std::int64_t begin = is_index ? clamp(given.integer(1, 0)) : 0;
  const std::int64_t end = is_index ? clamp(given.integer(2, n)) : n;
  std::int64_t count = 0;
  for (std::int64_t i = begin; i < end; ++i) {
    runtime.step();
    if (equal(runtime, self.items()[static_cast<std::size_t>(i)], *given.find(0))) {
      if (is_index) {
        return Value(i);
      }
      ++count;
    }
  }
  if (is_index) {
    fail(FailureKind::value, "{} is not in list", to_repr(runtime, *given.find(0)).view());
  }
  return Value(count);
}

Value call_cycler(CyclerObject& cycler, std::string_view name) {
  if (name == "reset") {
    cycler.next = 0;
    return Value::none();
  }
  const Value item = cycler.items[cycler.next];
  cycler.next = (cycler.next + 1) % cycler.items.size();
  return item;
}

}  // namespace

Value find_global(Runtime& runtime, std::string_view name) {
  const auto* found =
      std::find_if(std::begin(kGlobals), std::end(kGlobals), [&](const Entry& e) { return e.name == name; });
  if (found == std::end(kGlobals)) {
    return {};
  }
  return {Kind::function, new FunctionObject(runtime.heap(), found->name, found->call)};
}

Value call_method(Runtime& runtime, const MethodObject& method, const Arguments& arguments) {
  const Value& self = method.self;
  switch (self.kind()) {
    case Kind::dict:
      return call_dict(runtime, self, method.name, arguments);
    case Kind::list:
    case Kind::tuple:
      return call_list(runtime, self, method.name, arguments);
    case Kind::cycler:
      return call_cycler(self.as<CyclerObject>(), method.name);
    case Kind::loop: {
      auto& loop = self.as<LoopObject>();
      return method.name == "cycle" ? loop.cycle(arguments) : Value(loop.changed(runtime, arguments));
    }
    case Kind::real:
      return Value(std::isfinite(self.real()) && self.real() == std::floor(self.real()));
    default: {  // bit_length
      const BigInt size = abs(as_big(self));
      return Value(size == 0 ? std::int64_t{0} : static_cast<std::int64_t>(msb(size)) + 1);
    }
  }
}

}  // namespace llorch::jinja
