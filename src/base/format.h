// errorf: an Error with a formatted message ({fmt} syntax), so that call sites stay one line.
#pragma once

#include <fmt/format.h>

#include <utility>

#include "base/result.h"

namespace llorch {

template <class... Args>
Error errorf(ErrorCode code, fmt::format_string<Args...> format, Args&&... args) {
  return {code, fmt::format(format, std::forward<Args>(args)...)};
}

}  // namespace llorch
