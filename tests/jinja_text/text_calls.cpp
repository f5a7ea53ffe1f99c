// One call a line from standard input, its result a line to standard output: what differential.py compares with
// CPython. {"do": "method", "self": .., "name": "find", "args": [..], "kw": {..}} and its like, see call() below.
// Values beyond JSON are {"$": "tuple", "v": [..]}, {"$": "float", "v": "nan"}, {"$": "range", "v": [0, 6, 2]},
// {"$": "dict", "v": [[key, value], ..]}, {"$": "undefined"}, {"$": "items"/"keys"/"values", "v": dict}.
#include <chrono>
#include <iostream>
#include <string>

#include "jinja/clock.h"
#include "jinja/format.h"
#include "jinja/format_spec.h"
#include "jinja/json_text.h"
#include "jinja/ops.h"
#include "jinja/str_methods.h"

namespace llorch::jinja {
namespace {

/// Origins by character: capitals are from outside. Text that is only moved must keep this true.
bool is_outside(char c) {
  return c >= 'A' && c <= 'Z';
}

Text marked(std::string_view bytes) {
  Text text;
  for (const char& c : bytes) {
    text.append({&c, 1}, is_outside(c) ? Origin::input : Origin::author);
  }
  return text;
}

class Calls {
 public:
  explicit Calls(Runtime& runtime) : runtime_(runtime) {}

  Value decode(const Value& value) {
    switch (value.kind()) {
      case Kind::string:
        return runtime_.string(mark_ ? marked(value.text().view()) : value.text());
      case Kind::list:
        return runtime_.list(decode_all(value));
      case Kind::dict: {
        const auto& dict = value.as<DictObject>();
        if (const Value* tag = dict.get("$")) {
          return decode_tagged(tag->text().view(), dict.get("v"));
        }
        Value out = runtime_.dict();
        for (const auto& [key, item] : dict.entries) {
          out.as<DictObject>().set(runtime_, decode(key), decode(item));
        }
        return out;
      }
      default:
        return value;
    }
  }

  Value call(const DictObject& line) {
    const std::string_view what = line.get("do")->text().view();
    mark_ = truthy(*line.get("marked"));
    const auto get = [&](const char* name) {
      const Value* found = line.get(name);
      return found == nullptr ? Value::none() : decode(*found);
    };
    if (what == "method") {
      const Method method = find_string_method(line.get("name")->text().view());
      return method(runtime_, get("self"), arguments(line));
    }
    if (what == "percent") {
      return runtime_.string(percent_format(runtime_, get("self").text(), get("arg")));
    }
    if (what == "value") {
      return runtime_.string(format_value(runtime_, get("self"), get("spec").text()));
    }
    if (what == "repr") {
      return runtime_.string(to_repr(runtime_, get("self")));
    }
    if (what == "str") {
      return to_string(runtime_, get("self"));
    }
    if (what == "dumps") {
      return dumps(get("self"), line);
    }
    if (what == "loads") {
      const auto loaded = from_json(runtime_.heap(), get("self").text().view(), Origin::input, "json");
      return loaded.ok() ? *loaded : throw Failure{FailureKind::value, loaded.error().message};
    }
    if (what == "time") {
      const std::chrono::local_seconds time{std::chrono::seconds(line.get("at")->integer())};
      return runtime_.string(format_time(time, get("self").text().view()), Origin::author);
    }
    throw Failure{FailureKind::value, "no such call"};
  }

  /// Every text in a result of moved text alone has the origins that its characters say.
  bool keeps_origins(const Value& value) {
    if (value.is(Kind::string)) {
      bool good = true;
      value.text().each_run([&](std::string_view run, Origin origin) {
        for (const char c : run) {
          good = good && is_outside(c) == (origin == Origin::input);
        }
      });
      return good;
    }
    if (value.is(Kind::list) || value.is(Kind::tuple)) {
      for (const Value& item : value.items()) {
        if (!keeps_origins(item)) {
          return false;
        }
      }
    }
    return true;
  }

 private:
  std::vector<Value> decode_all(const Value& list) {
    std::vector<Value> items;
    for (const Value& item : list.items()) {
      items.push_back(decode(item));
    }
    return items;
  }

  Value decode_tagged(std::string_view tag, const Value* v) {
    if (tag == "tuple") {
      return runtime_.tuple(decode_all(*v));
    }
    if (tag == "float") {
      return Value(std::stod(std::string(v->text().view())));
    }
    if (tag == "range") {
      const auto& n = v->items();
      return {Kind::range, new RangeObject(runtime_.heap(), n[0].integer(), n[1].integer(), n[2].integer())};
    }
    if (tag == "dict") {
      Value dict = runtime_.dict();
      for (const Value& entry : v->items()) {
        dict.as<DictObject>().set(runtime_, decode(entry.items()[0]), decode(entry.items()[1]));
      }
      return dict;
    }
    if (tag == "undefined") {
      return runtime_.undefined("'x' is undefined");
    }
    const DictPart part = tag == "items" ? DictPart::items : tag == "keys" ? DictPart::keys : DictPart::values;
    return {Kind::view, new ViewObject(runtime_.heap(), decode(*v), part)};
  }

  Arguments arguments(const DictObject& line) {
    Arguments out;
    if (const Value* args = line.get("args")) {
      out.positional = decode_all(*args);
    }
    if (const Value* named = line.get("kw")) {
      for (const auto& [key, value] : named->as<DictObject>().entries) {
        out.named.emplace_back(key, decode(value));
      }
    }
    return out;
  }

  Value dumps(const Value& value, const DictObject& line) {
    JsonStyle style;
    if (const Value* indent = line.get("indent")) {
      style.indent = decode(*indent);
    }
    if (const Value* separators = line.get("separators")) {
      style.item_separator = separators->items()[0].text();
      style.key_separator = separators->items()[1].text();
    }
    const auto flag = [&](const char* name) { return line.get(name) != nullptr && truthy(*line.get(name)); };
    style.sort_keys = flag("sort_keys");
    style.ensure_ascii = flag("ensure_ascii");
    return runtime_.string(to_json(runtime_, value, style));
  }

  Runtime& runtime_;
  bool mark_ = false;  // texts get origins by their characters; else all are from outside, in one run
};

const char* error_name(FailureKind kind) {
  switch (kind) {
    case FailureKind::type:
      return "TypeError";
    case FailureKind::value:
      return "ValueError";
    case FailureKind::undefined:
      return "UndefinedError";
    case FailureKind::security:
      return "SecurityError";
    default:
      return "BudgetError";
  }
}

/// {"ok": repr, "moved": origins are kept} or {"error": type, "message": ..}
std::string answer(const std::string& line) {
  Runtime runtime(Limits{100'000'000, std::size_t{1} << 26U}, std::chrono::local_seconds());
  Calls calls(runtime);
  Runtime report(Limits{100'000'000, std::size_t{1} << 30U}, std::chrono::local_seconds());  // the other may be spent
  Value out = report.dict();
  const auto set = [&](const char* key, Value value) {
    out.as<DictObject>().set(report, report.string(key, Origin::author), std::move(value));
  };
  try {
    const auto parsed = from_json(runtime.heap(), line, Origin::input, "line");
    if (!parsed.ok()) {
      return "{\"error\": \"driver\", \"message\": \"unreadable\"}";
    }
    const Value result = calls.call(parsed->as<DictObject>());
    set("ok", report.string(to_repr(runtime, result)));
    set("moved", Value(calls.keeps_origins(result)));
  } catch (const Failure& failure) {
    set("error", report.string(error_name(failure.kind), Origin::author));
    set("message", report.string(failure.message, Origin::author));
  }
  return std::string(to_json(report, out, {}).view());
}

}  // namespace
}  // namespace llorch::jinja

int main() {
  std::ios::sync_with_stdio(false);
  std::string line;
  while (std::getline(std::cin, line)) {
    std::cout << llorch::jinja::answer(line) << '\n';
  }
  return 0;
}
