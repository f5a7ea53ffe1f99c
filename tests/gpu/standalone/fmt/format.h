// What llorch uses of {fmt}, by the standard library: for machines that have a compiler and not that library.
#pragma once

#include <format>
#include <string>
#include <string_view>

namespace fmt {

using std::format;
template <class... Args>
using format_string = std::format_string<Args...>;

template <class Range>
std::string join(const Range& range, std::string_view separator) {
  std::string out;
  for (const auto& item : range) {
    out += out.empty() ? "" : separator;
    out += std::format("{}", item);
  }
  return out;
}

}  // namespace fmt
