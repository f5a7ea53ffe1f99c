// LL_CHECK: broken invariants of llorch itself. Never used on input: bad input is a Result (base/result.h).
#pragma once

namespace llorch {

/// Prints the place and the message to stderr and aborts.
[[noreturn]] void check_failed(const char* file, int line, const char* condition, const char* message);

}  // namespace llorch

#define LL_CHECK(condition, message)                                     \
  do {                                                                   \
    if (!(condition)) {                                                  \
      ::llorch::check_failed(__FILE__, __LINE__, #condition, (message)); \
    }                                                                    \
  } while (false)
