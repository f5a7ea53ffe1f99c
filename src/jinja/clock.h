// strftime_now: the one look that a template has at the world, and it goes through Runtime::now().
#pragma once

#include <chrono>
#include <string>
#include <string_view>

namespace llorch::jinja {

/// datetime.strftime(format) in the C locale, of a time without a zone. Throws when the result is longer than 4,096
/// bytes.
std::string format_time(std::chrono::local_seconds time, std::string_view format);

}  // namespace llorch::jinja
