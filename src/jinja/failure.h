// Failure: why a template could not be parsed or rendered. Inside this folder it is thrown, since almost every step of
// a template can fail; Template (template.h) catches it, and nothing else of llorch sees an exception.
#pragma once

#include <fmt/format.h>

#include <string>
#include <utility>

namespace llorch::jinja {

enum class FailureKind {
  raised,     // the template called raise_exception: it refuses these messages
  syntax,     // the template is no valid template
  undefined,  // something that does not exist was used
  type,       // a value of the wrong type
  value,      // a value out of range
  security,   // something that templates may not touch
  budget,     // steps, memory, output, depth or range over the limit
};

struct Failure {
  FailureKind kind = FailureKind::value;
  std::string message;
  int line = 0;  // from 1; 0: not known yet
  int column = 0;
};

template <class... Args>
[[noreturn]] void fail(FailureKind kind, fmt::format_string<Args...> format, Args&&... args) {
  throw Failure{kind, fmt::format(format, std::forward<Args>(args)...)};
}

}  // namespace llorch::jinja
