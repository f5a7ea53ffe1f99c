#include "worker/progress_bar.h"

#include <algorithm>
#include <cstdio>
#include <string>

namespace llorch {

void draw_bar(const char* what, double done) {
  constexpr int kWidth = 30;
  const int filled = std::clamp(static_cast<int>(done * kWidth), 0, kWidth);
  const std::string bar =
      std::string(static_cast<std::size_t>(filled), '#') + std::string(static_cast<std::size_t>(kWidth - filled), '.');
  std::fprintf(stderr, "\r%s [%s] %3.0f%%%s", what, bar.c_str(), 100 * done, done >= 1 ? "\r\x1b[K" : "");
  std::fflush(stderr);
}

void draw_progress(double done) {
  draw_bar("loading", done);
}

}  // namespace llorch
