// What the tests of text share: a runtime, and texts whose origins can be written down.
#pragma once

#include <gtest/gtest.h>

#include <string>

#include "jinja/ops.h"
#include "jinja/str_methods.h"

namespace llorch::jinja {

class TextTest : public ::testing::Test {
 protected:
  /// "[a]b": a is from outside, b is the author's.
  static Text text(std::string_view marked) {
    Text out;
    Origin origin = Origin::author;
    for (const char& c : marked) {
      if (c == '[' || c == ']') {
        origin = c == '[' ? Origin::input : Origin::author;
      } else {
        out.append({&c, 1}, origin);
      }
    }
    return out;
  }
  static std::string marked(const Text& text) {
    std::string out;
    text.each_run([&](std::string_view run, Origin origin) {
      out += origin == Origin::input ? "[" + std::string(run) + "]" : std::string(run);
    });
    return out;
  }

  Value string(std::string_view marked_text) { return runtime.string(text(marked_text)); }
  static Value integer(std::int64_t n) { return Value(n); }
  Value call(const Value& self, std::string_view method, Arguments arguments = {}) {
    return find_string_method(method)(runtime, self, arguments);
  }
  /// The method's result, marked.
  std::string moved(std::string_view self, std::string_view method, std::vector<Value> arguments = {}) {
    return marked(call(string(self), method, {std::move(arguments), {}}).text());
  }
  /// repr of a result.
  std::string shown(const Value& value) { return std::string(to_repr(runtime, value).view()); }

  /// What kind of failure `act` is; FailureKind::raised when it is none.
  template <class Act>
  FailureKind failure_of(const Act& act) {
    try {
      act();
    } catch (const Failure& failure) {
      message = failure.message;
      return failure.kind;
    }
    return FailureKind::raised;
  }

  Runtime runtime{Limits{}, std::chrono::local_seconds()};
  std::string message;  // of the last failure
};

}  // namespace llorch::jinja
