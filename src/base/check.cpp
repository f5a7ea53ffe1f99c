#include "base/check.h"

#include <cstdio>
#include <cstdlib>

namespace llorch {

void check_failed(const char* file, int line, const char* condition, const char* message) {
  std::fprintf(stderr, "llorch: internal error at %s:%d: %s (%s)\n", file, line, message, condition);
  std::abort();
}

}  // namespace llorch
